package command

import (
	"sort"

	"crdb/resp"
)

// subscriptions is what a session listens to.
type subscriptions struct {
	channels map[string]struct{}
	patterns map[string]struct{}
	shards   map[string]struct{}
}

// count is the number that SUBSCRIBE replies: channels and patterns.
func (u *subscriptions) count() int { return len(u.channels) + len(u.patterns) }

// listening is one of the three ways to listen.
type listening struct {
	on, off string // the words of the replies
	names   func(u *subscriptions) map[string]struct{}
	count   func(u *subscriptions) int
	add     func(s *Session, name string) error
	remove  func(s *Session, name string)
}

var (
	byChannel = &listening{
		on: "subscribe", off: "unsubscribe",
		names:  func(u *subscriptions) map[string]struct{} { return u.channels },
		count:  (*subscriptions).count,
		add:    func(s *Session, name string) error { return s.srv.pubsub.Subscribe(s, name) },
		remove: func(s *Session, name string) { s.srv.pubsub.Unsubscribe(s, name) },
	}
	byPattern = &listening{
		on: "psubscribe", off: "punsubscribe",
		names:  func(u *subscriptions) map[string]struct{} { return u.patterns },
		count:  (*subscriptions).count,
		add:    func(s *Session, name string) error { return s.srv.pubsub.PSubscribe(s, name) },
		remove: func(s *Session, name string) { s.srv.pubsub.PUnsubscribe(s, name) },
	}
	byShard = &listening{
		on: "ssubscribe", off: "sunsubscribe",
		names:  func(u *subscriptions) map[string]struct{} { return u.shards },
		count:  func(u *subscriptions) int { return len(u.shards) },
		add:    func(s *Session, name string) error { return s.srv.shards.Subscribe(shardListener{s}, name) },
		remove: func(s *Session, name string) { s.srv.shards.Unsubscribe(shardListener{s}, name) },
	}
)

func subscribe(how *listening) Handler {
	return func(c *Context) {
		s := c.S
		if s.subs == nil {
			s.subs = &subscriptions{map[string]struct{}{}, map[string]struct{}{}, map[string]struct{}{}}
		}
		for _, arg := range c.Args[1:] {
			name := string(arg)
			if _, there := how.names(s.subs)[name]; !there {
				if err := how.add(s, name); err != nil {
					c.Error(err)
					break
				}
				how.names(s.subs)[name] = struct{}{}
			}
			c.Out.Push(3)
			c.Out.BulkString(how.on)
			c.Out.Bulk(arg)
			c.Out.Int(int64(how.count(s.subs)))
		}
		s.keepPushes()
		s.updateSubscribeMode()
	}
}

func unsubscribe(how *listening) Handler {
	return func(c *Context) {
		s := c.S
		u := s.subs
		if u == nil {
			u = &subscriptions{}
		}
		var names []string
		for _, arg := range c.Args[1:] {
			names = append(names, string(arg))
		}
		if len(c.Args) == 1 {
			names = sortedNames(how.names(u))
		}
		for _, name := range names {
			if _, there := how.names(u)[name]; there {
				how.remove(s, name)
				delete(how.names(u), name)
			}
			s.takeInbox() // what came before the end of the subscription
			unsubscribed(c.Out, how, name, how.count(u))
		}
		if len(names) == 0 {
			c.Out.Push(3)
			c.Out.BulkString(how.off)
			c.Out.Null()
			c.Out.Int(int64(how.count(u)))
		}
		s.keepPushes()
		s.updateSubscribeMode()
	}
}

func unsubscribed(out *resp.Writer, how *listening, name string, left int) {
	out.Push(3)
	out.BulkString(how.off)
	out.BulkString(name)
	out.Int(int64(left))
}

func sortedNames(m map[string]struct{}) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// resetSubscriptions ends all subscriptions without a word.
func (s *Session) resetSubscriptions() {
	if s.subs == nil {
		return
	}
	for _, how := range []*listening{byChannel, byPattern, byShard} {
		for name := range how.names(s.subs) {
			how.remove(s, name)
		}
	}
	s.subs = nil
	s.updateSubscribeMode()
}

// updateSubscribeMode follows the number of subscriptions and the protocol.
func (s *Session) updateSubscribeMode() {
	if s.subs != nil && s.subs.count()+len(s.subs.shards) == 0 {
		s.subs = nil
	}
	s.noteClass()
	s.mode &^= modeSubscribe
	if s.subs != nil && s.out.Proto == 2 {
		s.mode |= modeSubscribe
	}
	if t, ok := s.conn.(resp.TimeControl); ok {
		t.KeepIdle(s.subs != nil)
	}
}
