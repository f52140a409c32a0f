package command

import (
	"strings"
	"testing"
)

func TestHotPathDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	set, get := []byte(wire("SET", "key", "value")), []byte(wire("get", "key"))
	run := func() {
		c.s.Input(set)
		c.s.Sent(len(c.s.Output()))
		c.s.Input(get)
		c.s.Sent(len(c.s.Output()))
	}
	for range 1000 {
		run()
	}
	if n := testing.AllocsPerRun(1000, run); n >= 1 {
		t.Fatalf("%v allocations", n)
	}
}

func benchmark(b *testing.B, pipeline int, args ...string) {
	w := newWorld(b)
	c := w.dial("a")
	c.do("SET", "key", strings.Repeat("x", 64))
	data := []byte(strings.Repeat(wire(args...), pipeline))
	for b.Loop() {
		c.s.Input(data)
		c.s.Sent(len(c.s.Output()))
	}
}

func BenchmarkGet(b *testing.B)    { benchmark(b, 1, "GET", "key") }
func BenchmarkGet16(b *testing.B)  { benchmark(b, 16, "GET", "key") }
func BenchmarkSet(b *testing.B)    { benchmark(b, 1, "SET", "key", strings.Repeat("x", 64)) }
func BenchmarkSet16(b *testing.B)  { benchmark(b, 16, "SET", "key", strings.Repeat("x", 64)) }
func BenchmarkPing16(b *testing.B) { benchmark(b, 16, "PING") }
