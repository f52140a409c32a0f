package command

import (
	"strings"
	"testing"
	"time"
)

// A client that asks for much again and again gets its buffer back; an idle one
// keeps none.
func TestLargeOutputIsLent(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	value := strings.Repeat("v", 40<<10)
	c.do("SET", "k", value)
	ask := wire("GET", "k") + wire("GET", "k") + wire("GET", "k")
	for round := range 3 {
		if got := c.send(ask); strings.Count(got, value) != 3 {
			t.Fatalf("round %d: %d bytes", round, len(got))
		}
		if c.s.out.Buf != nil || !c.s.large {
			t.Fatalf("round %d: the session keeps %d bytes", round, cap(c.s.out.Buf))
		}
	}
	if got := c.do("PING"); got != "+PONG\r\n" {
		t.Errorf("%q", got)
	}
	c.do("PING")
	if c.s.large || cap(c.s.out.Buf) > keepOutput {
		t.Errorf("after small replies the session still keeps %d bytes", cap(c.s.out.Buf))
	}
}

// What a client has not read shows in CLIENT LIST and counts for maxmemory-clients, also where
// it comes without a command of that client; what it has read does not.
func TestUnreadMessagesShow(t *testing.T) {
	w := newWorld(t)
	slow, b := w.dial("slow"), w.dial("b")
	w.dial("quick").do("GET", "k")
	slow.do("SUBSCRIBE", "c")
	slow.stuck = true
	for range 100 {
		b.do("PUBLISH", "c", strings.Repeat("x", 10_000))
	}
	list := b.do("CLIENT", "LIST", "ID", "1", "2", "3")
	for _, want := range []string{" obl=16384 oll=61 omem=987016 tot-mem=1", " rbs=8 rbp=8 obl=0 oll=0 omem=0 tot-mem=8 events=r cmd=get"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in %q", want, list)
		}
	}
	b.do("CONFIG", "SET", "maxmemory-clients", "500kb")
	w.advance(time.Second)
	b.do("PING")
	w.pumpAll()
	if !slow.closed || w.dial("quick").closed || b.field("stats", "evicted_clients") != "1" {
		t.Errorf("slow closed %v, quick closed %v", slow.closed, w.dial("quick").closed)
	}
}

// As in Redis, who is sent messages is not idle.
func TestIdleOfSubscribers(t *testing.T) {
	w := newWorld(t)
	sub, b := w.dial("sub"), w.dial("b")
	sub.do("SUBSCRIBE", "c")
	w.advance(10 * time.Second)
	b.do("PUBLISH", "c", "m")
	w.advance(3 * time.Second)
	if got := b.do("CLIENT", "LIST", "TYPE", "pubsub"); !strings.Contains(got, " age=13 idle=3 ") {
		t.Errorf("%q", got)
	}
}

// A client that was killed is gone for everybody who looks, at once.
func TestKilledClientIsGone(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	w.dial("b")
	got := a.send(wire("CLIENT", "KILL", "ID", "2") + wire("CLIENT", "KILL", "ID", "2") + wire("CLIENT", "LIST", "ID", "2"))
	expect(t, got, ":1\r\n:0\r\n$0\r\n\r\n")
}

// A client that was closed for maxmemory-clients is closed once, also if it takes a while.
func TestEvictedClientsDoNotCount(t *testing.T) {
	w := newWorld(t)
	big, small, b := w.dial("big"), w.dial("small"), w.dial("b")
	for _, c := range []*conn{big, small} {
		c.do("SUBSCRIBE", c.RemoteAddr())
		c.stuck = true
	}
	b.do("PUBLISH", big.RemoteAddr(), strings.Repeat("x", 1_000_000))
	b.do("PUBLISH", small.RemoteAddr(), strings.Repeat("x", 100_000))
	for i := range int64(3) {
		w.srv.evictClients(w.mono.Load()+i*1e9, 500_000)
	}
	if n := w.srv.evictedClients.Load(); n != 1 || !big.killed.Load() || small.killed.Load() {
		t.Errorf("%d clients were closed, the small one: %v", n, small.killed.Load())
	}
}
