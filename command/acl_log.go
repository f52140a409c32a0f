package command

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Bounds of ACL LOG besides acllog-max-len.
const (
	aclLogScan   = 10      // newest entries among which the same event is looked for
	aclLogSame   = 60_000  // milliseconds within which an event counts as the same
	aclLogObject = 1 << 10 // longest name kept
)

// deniedWords are the reasons of ACL LOG.
var deniedWords = [...]string{deniedCommand: "command", deniedKey: "key", deniedAuth: "auth", deniedChannel: "channel"}

// aclLog keeps what was refused, newest first. mu guards entries. counts are
// per reason, for INFO.
type aclLog struct {
	counts [len(deniedWords)]atomic.Uint64
	mu     struct {
		sync.Mutex
		entries []aclEvent
	}
}

// aclEvent is an entry; equal ones that follow within a minute are one.
type aclEvent struct {
	why                   denied
	context, object, user string
	count                 int64
	when                  int64 // unix milliseconds
	client                string
}

func (e *aclEvent) same(o *aclEvent) bool {
	return e.why == o.why && e.context == o.context && e.object == o.object && e.user == o.user &&
		o.when-e.when <= aclLogSame
}

func (l *aclLog) add(e aclEvent, limit int) {
	l.counts[e.why].Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	e.count = 1
	for i := range l.mu.entries[:min(len(l.mu.entries), aclLogScan)] {
		if old := &l.mu.entries[i]; old.same(&e) {
			e.count += old.count
			l.mu.entries = slices.Delete(l.mu.entries, i, i+1)
			break
		}
	}
	l.mu.entries = slices.Insert(l.mu.entries, 0, e)
	if len(l.mu.entries) > limit {
		l.mu.entries = l.mu.entries[:limit]
	}
}

func (l *aclLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.entries = nil
}

func (l *aclLog) newest(n int) []aclEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.mu.entries[:min(n, len(l.mu.entries))])
}

// logDenial notes that a session was refused something.
func (s *Session) logDenial(why denied, context, object, user string) {
	s.info.note(s, 0)
	s.srv.acl.log.add(aclEvent{
		why: why, context: context, object: object[:min(len(object), aclLogObject)],
		user: user[:min(len(user), aclLogObject)], when: s.now, client: s.info.line(s.now),
	}, int(s.srv.config.Int("acllog-max-len")))
}

func aclLogCommand(c *Context) {
	count := int64(10)
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	if len(c.Args) == 3 {
		if equalFold(c.Args[2], "reset") {
			c.Server.acl.log.reset()
			c.Out.OK()
			return
		}
		var ok bool
		if count, ok = c.argInt(2); !ok {
			return
		}
	}
	events := c.Server.acl.log.newest(int(min(max(count, 0), maxInt32)))
	c.Out.Array(len(events))
	for _, e := range events {
		c.Out.Map(7)
		number(c.Out, "count", int(e.count))
		for _, f := range [][2]string{{"reason", deniedWords[e.why]}, {"context", e.context}, {"object", e.object}, {"username", e.user}} {
			c.Out.BulkString(f[0])
			c.Out.BulkString(f[1])
		}
		c.Out.BulkString("age-seconds")
		c.Out.Double(float64(max(c.S.now-e.when, 0)) / 1000)
		c.Out.BulkString("client-info")
		c.Out.BulkString(e.client)
	}
}

// denials returns how often something was refused for a reason, for INFO.
func (l *aclLog) denials(why denied) int64 { return int64(l.counts[why].Load()) }
