package command

import (
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
