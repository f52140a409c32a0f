package scenario

import (
	"bufio"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// listener is a plain connection that keeps what is pushed to it.
type listener struct {
	*testing.T
	conn   net.Conn
	in     *bufio.Reader
	pushes []string // names of invalidated keys, "*" for all
}

func listen(t *testing.T, n *cluster.Node, proto string) *listener {
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &listener{T: t, conn: conn, in: bufio.NewReader(conn)}
	l.do("HELLO", proto)
	return l
}

// do sends a command and returns its reply. It keeps pushes that come before it.
func (l *listener) do(args ...string) oracle.Reply {
	l.Helper()
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		b.WriteString("$" + strconv.Itoa(len(a)) + "\r\n" + a + "\r\n")
	}
	if _, err := l.conn.Write([]byte(b.String())); err != nil {
		l.Fatal(err)
	}
	for {
		l.conn.SetReadDeadline(time.Now().Add(settleTimeout))
		rep, err := oracle.ReadReply(l.in)
		if err != nil {
			l.Fatal(err)
		}
		if rep.IsError() {
			l.Fatalf("%q: %s", args, rep)
		}
		if !l.keep(rep) {
			return rep
		}
	}
}

// keep keeps an invalidation.
func (l *listener) keep(rep oracle.Reply) bool {
	n := len(rep.Items)
	if n < 2 || rep.Items[0].Body != "invalidate" && (n < 3 || rep.Items[1].Body != "__redis__:invalidate" || rep.Items[0].Body != "message") {
		return false
	}
	if rep.Items[n-1].IsNull() {
		l.pushes = append(l.pushes, "*")
	}
	for _, key := range rep.Items[n-1].Items {
		l.pushes = append(l.pushes, key.Body)
	}
	return true
}

// hears waits until all the named keys have been invalidated, and no others.
func (l *listener) hears(when string, want ...string) {
	l.Helper()
	slices.Sort(want)
	for until := time.Now().Add(settleTimeout); ; time.Sleep(5 * time.Millisecond) {
		l.do("PING")
		slices.Sort(l.pushes)
		if slices.Equal(l.pushes, want) {
			break
		}
		if time.Now().After(until) {
			l.Errorf("%s: invalidated %q, wanted %q", when, l.pushes, want)
			break
		}
	}
	l.pushes = nil
}

// TestTracking: a client of one region caches what it has read, in each mode of
// CLIENT TRACKING, and hears of what other regions do: writes of all types,
// deadlines, removals, FLUSHALL, and what a state transfer brings.
func TestTracking(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"home", "far"}, Config: []string{"log-retention 8388608"}})
	far := listen(t, c.Node("far"), "3")
	tr := &trackers{
		plain: listen(t, c.Node("home"), "3"), broad: listen(t, c.Node("home"), "3"), optIn: listen(t, c.Node("home"), "3"),
		old: listen(t, c.Node("home"), "2"), ear: listen(t, c.Node("home"), "2"),
	}
	tr.start()
	tr.read()
	writeTypes(far, "1")
	tr.hear("a first write", trackedKeys, "count", "set", "str")
	tr.read()
	writeTypes(far, "2")
	tr.hear("a second write", trackedKeys, "count", "set", "str")
	writeTypes(far, "3")
	tr.hear("a write of what was not read again", nil, "count", "set", "str")

	tr.read()
	tr.broad.do("SET", "str", "home's own")
	tr.hear("a write at home", []string{"str"})

	if err := c.Sync(t.Context()); err != nil { // concurrent with a value without a deadline, there would be none
		t.Fatal(err)
	}
	tr.read()
	far.do("SET", "str", "soon gone", "PX", "1500")
	tr.hear("a deadline is set", []string{"str"}, "str")
	tr.read()
	tr.hear("a deadline passes", []string{"str"}, "str")
	tr.read()
	far.do(append([]string{"DEL"}, trackedKeys...)...)
	tr.hear("removals", slices.DeleteFunc(slices.Clone(trackedKeys), func(k string) bool { return k == "str" }), "count", "set")

	writeTypes(far, "4")
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	tr.forget()
	tr.read()
	far.do("FLUSHALL")
	tr.hearFlush()
	transferred(t, c, tr, far)
}

// trackers are clients that track in different ways.
type trackers struct {
	plain, broad, optIn *listener
	old, ear            *listener // with RESP2: old's invalidations go to ear
}

func (tr *trackers) start() {
	tr.plain.do("CLIENT", "TRACKING", "ON")
	tr.broad.do("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "st", "PREFIX", "set", "PREFIX", "count", "NOLOOP")
	tr.optIn.do("CLIENT", "TRACKING", "ON", "OPTIN")
	id := tr.ear.do("CLIENT", "ID")
	tr.ear.do("SUBSCRIBE", "__redis__:invalidate")
	tr.old.do("CLIENT", "TRACKING", "ON", "REDIRECT", strings.TrimPrefix(id.Head, ":"))
}

// trackedKeys are keys of all types.
var trackedKeys = []string{"count", "geo", "hash", "hll", "list", "set", "str", "stream", "zset"}

// writeTypes writes all of them.
func writeTypes(l *listener, n string) {
	for _, line := range []string{
		"INCR count", "GEOADD geo 1 " + n + " p", "HSET hash f " + n, "PFADD hll " + n, "RPUSH list " + n, "SADD set " + n, "SET str " + n,
		"XADD stream * f v", "ZADD zset " + n + " m",
	} {
		l.do(strings.Fields(line)...)
	}
}

func (tr *trackers) read() {
	for _, l := range []*listener{tr.plain, tr.optIn, tr.old} {
		for _, key := range trackedKeys {
			if l == tr.optIn && (key == "set" || key == "zset") {
				l.do("CLIENT", "CACHING", "YES")
			}
			l.do("TYPE", key)
		}
	}
}

// forget drops what has come.
func (tr *trackers) forget() {
	for _, l := range []*listener{tr.plain, tr.broad, tr.optIn, tr.old, tr.ear} {
		l.do("PING")
		l.pushes = nil
	}
}

// hear waits for the keys that were read, and those whose prefix is followed.
func (tr *trackers) hear(when string, read []string, broad ...string) {
	tr.plain.Helper()
	tr.plain.hears(when, slices.Clone(read)...)
	tr.ear.hears(when+", redirected", slices.Clone(read)...)
	chosen := slices.DeleteFunc(slices.Clone(read), func(k string) bool { return k != "set" && k != "zset" })
	tr.optIn.hears(when+", OPTIN", chosen...)
	if slices.Contains(broad, "set") {
		broad = append(broad, "stream")
	}
	tr.broad.hears(when+", BCAST", broad...)
}

// hearFlush waits until everybody has heard that all is gone. Keys that hold
// counters may be named first.
func (tr *trackers) hearFlush() {
	for _, l := range []*listener{tr.plain, tr.broad, tr.optIn, tr.ear} {
		for until := time.Now().Add(settleTimeout); !slices.Contains(l.pushes, "*"); time.Sleep(5 * time.Millisecond) {
			if l.do("PING"); time.Now().After(until) {
				l.Errorf("FLUSHALL: invalidated %q", l.pushes)
				break
			}
		}
		l.pushes = nil
	}
}

// transferred keeps far's writes from home for longer than far's log reaches.
func transferred(t *testing.T, c *cluster.Cluster, tr *trackers, far *listener) {
	r := &run{T: t, c: c}
	writeTypes(far, "5")
	for _, key := range []string{"gone-list", "gone-set", "gone-str"} {
		far.do("RPUSH", key, "x")
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Net.Isolate("home")
	tr.forget()
	tr.read()
	tr.plain.do("LRANGE", "gone-list", "0", "-1")
	writeTypes(far, "6")
	far.do("DEL", "gone-list")
	r.fill("far", 40<<20)
	r.until("far", "the log is cut", func() bool { return r.gauge("far", "crdb_log_cuts_total") > 0 })
	c.Net.HealAll()
	r.until("home", "the transfer ends", func() bool {
		return r.gauge("home", "crdb_transfer_keys_total") > 0 && r.gauge("home", "crdb_transfer_active") == 0
	})
	tr.plain.hears("a state transfer", append([]string{"gone-list"}, trackedKeys...)...)
	tr.ear.hears("a state transfer, redirected", slices.Clone(trackedKeys)...)
	tr.optIn.hears("a state transfer, OPTIN", "set", "zset")
}
