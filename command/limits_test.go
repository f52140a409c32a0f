package command

import (
	"slices"
	"strings"
	"testing"
)

func TestOutputLimits(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, b.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100000 80000 1 normal 200000 0 0"), "+OK\r\n")
	big := strings.Repeat("x", 70_000)
	a.do("SUBSCRIBE", "x")
	a.stuck = true
	expect(t, b.do("PUBLISH", "x", big), ":1\r\n")
	if a.closed {
		t.Fatal("closed too early")
	}
	expect(t, b.do("PUBLISH", "x", big), ":1\r\n")
	if !a.closed {
		t.Fatal("a subscriber that does not read is still there")
	}
	c := w.dial("c")
	c.stuck = true
	c.do("SET", "k", big)
	c.send(wire("GET", "k") + wire("GET", "k") + wire("GET", "k"))
	if !c.closed {
		t.Fatal("a client that does not read is still there")
	}
	if n := w.srv.Stats().OutputKills; n != 2 {
		t.Fatalf("counted %d", n)
	}
}

// Who hears of changed keys is no subscriber, unless it subscribes as well.
func TestOutputLimitOfTracking(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, b.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100000 0 0"), "+OK\r\n")
	x, y := strings.Repeat("x", 70_000), strings.Repeat("y", 70_000)
	change := func() { expect(t, b.do("MSET", x, "1", y, "1"), "+OK\r\n") } // at once: a takes nothing in between
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on", "BCAST")
	if change(); a.closed {
		t.Fatal("closed by the limit of subscribers")
	}
	a.do("SUBSCRIBE", "x")
	a.do("UNSUBSCRIBE", "x")
	if change(); a.closed {
		t.Fatal("closed by the limit of subscribers, after it was one")
	}
	a.do("SUBSCRIBE", "x")
	if change(); !a.closed {
		t.Fatal("a subscriber that leaves much unread is still there")
	}
}

// A long pipeline does not pile up replies without end.
func TestPipelineYields(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("SET", "k", strings.Repeat("x", 300_000))
	line := wire("GET", "k")
	data := []byte(strings.Repeat(line, 20))
	used := a.s.Input(data)
	if n := used / len(line); n != 4 {
		t.Fatalf("took %d commands at once", n)
	}
	if len(a.s.Output()) > 2<<20 {
		t.Fatalf("%d bytes to send", len(a.s.Output()))
	}
}

func TestBeforeAuth(t *testing.T) {
	w := newWorld(t)
	if err := w.srv.Config().Set("requirepass", "secret"); err != nil {
		t.Fatal(err)
	}
	expect(t, w.dial("a").do("GET", "k"), "-NOAUTH Authentication required.\r\n")
	b := w.dial("b")
	expect(t, b.send("*11\r\n"), "-ERR Protocol error: unauthenticated multibulk length\r\n")
	c := w.dial("c")
	expect(t, c.send("*2\r\n$4\r\nAUTH\r\n$20000\r\n"), "-ERR Protocol error: unauthenticated bulk length\r\n")
	if !b.closed || !c.closed {
		t.Fatal("not closed")
	}
	d := w.dial("d")
	d.stuck = true
	for range 2000 {
		if d.send(strings.Repeat("GET k\r\n", 10)); d.closed {
			break
		}
	}
	if !d.closed {
		t.Fatal("unread errors pile up")
	}
	e := w.dial("e")
	expect(t, e.do("AUTH", "secret"), "+OK\r\n")
	expect(t, e.do("GET", "k"), "$-1\r\n")
	expect(t, e.do("RESET"), "+RESET\r\n")
	expect(t, e.do("GET", "k"), "-NOAUTH Authentication required.\r\n")
}

func TestTransactionIsBounded(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("CONFIG", "SET", "client-query-buffer-limit", "1mb")
	a.do("MULTI")
	big := strings.Repeat("x", 100_000)
	for range 20 {
		a.do("SET", "k", big)
	}
	if !a.closed {
		t.Fatal("the queue grows without end")
	}
}

func TestMaxMemory(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("SET", "k", "v")
	a.do("CONFIG", "SET", "maxmemory", "1")
	expect(t, a.do("SET", "k", "v"), "-OOM command not allowed when used memory > 'maxmemory'.\r\n")
	expect(t, a.do("DEL", "k"), ":1\r\n")
}

// A short command may ask for a long reply: it stops at the limit while it is made,
// not a byte of it is sent, and what EXEC writes is written.
func TestReplyStopsAtTheLimit(t *testing.T) {
	w := newWorld(t)
	ctl := w.dial("ctl")
	expect(t, ctl.do("CONFIG", "SET", "client-output-buffer-limit", "normal 200000 0 0"), "+OK\r\n")
	ctl.do("SET", "k", strings.Repeat("x", 70_000))
	mget := append([]string{"MGET"}, slices.Repeat([]string{"k"}, 100)...)
	get := wire("GET", "k")
	for name, ask := range map[string]string{
		"MGET":   wire(mget...),
		"EXEC":   wire("MULTI") + strings.Repeat(get, 100) + wire("SET", "done", "1") + wire("EXEC"),
		"script": wire(append([]string{"EVAL", "local r = {} for i = 1, 100 do r[i] = ARGV[1] end return r", "0"}, strings.Repeat("y", 70_000))...),
		"long":   wire("EVAL", "local r = {} for i = 1, 100 do r[i] = redis.call('GET', 'k') end return r", "0"),
	} {
		c := w.dial(name)
		got := c.send(wire("PING") + ask)
		if !c.closed || strings.Contains(got, "xxx") || strings.Contains(got, "yyy") || cap(c.s.out.Buf) > 500_000 {
			t.Errorf("%s: closed %v, %d bytes sent, a buffer of %d", name, c.closed, len(got), cap(c.s.out.Buf))
		}
	}
	expect(t, ctl.do("GET", "done"), "$1\r\n1\r\n")
	if n := w.srv.Stats().OutputKills; n != 4 {
		t.Errorf("counted %d", n)
	}
}

// What may be replied follows who the client is and what it has got already, also in
// the middle of a pipeline.
func TestReplyLimitFollowsTheClient(t *testing.T) {
	w := newWorld(t)
	big := strings.Repeat("x", 150_000)
	ctl := w.dial("ctl")
	ctl.do("SET", "k", big)
	expect(t, ctl.do("CONFIG", "SET", "requirepass", "secret"), "+OK\r\n")
	expect(t, ctl.do("CONFIG", "SET", "client-output-buffer-limit", "normal 200000 0 0 pubsub 100000 0 0"), "+OK\r\n")
	c := w.dial("c")
	got := c.send(wire("AUTH", "secret") + wire("HELLO", "3") + wire("SUBSCRIBE", "x") + wire("UNSUBSCRIBE", "x") + wire("GET", "k"))
	if c.closed || !strings.Contains(got, big) {
		t.Fatalf("closed %v: %.200q", c.closed, got)
	}
	for range 5 {
		if got := c.do("GET", "k"); c.closed || !strings.Contains(got, big) {
			t.Fatalf("closed %v: %.200q", c.closed, got)
		}
	}
	c.send(wire("SUBSCRIBE", "x") + wire("GET", "k"))
	if !c.closed {
		t.Error("the limit of subscribers does not count")
	}
}

// Memory is looked at between the commands of a script: one alone must not take all.
func TestScriptReplyIsBounded(t *testing.T) {
	defer func(n int) { maxScriptReply = n }(maxScriptReply)
	maxScriptReply = 200_000
	c := newWorld(t).dial("c")
	c.do("SET", "k", strings.Repeat("x", 70_000))
	got := c.do("EVAL", "local r = redis.pcall('MGET', 'k', 'k', 'k', 'k') return {r.err, #redis.call('GET', 'k')}", "0")
	expect(t, got, "*2\r\n$38\r\n"+msgReplyTooLong+"\r\n:70000\r\n")
}
