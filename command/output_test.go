package command

import (
	"strings"
	"testing"
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
