package command

import "testing"

// TestBlockedReaders: XREAD and XREADGROUP wait for entries, and learn when
// their group goes.
func TestBlockedReaders(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	entry := "*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
	c.do("XGROUP", "CREATE", "x", "g", "$", "MKSTREAM")
	expect(t, a.do("XREAD", "BLOCK", "0", "STREAMS", "x", "$"), "")
	expect(t, b.do("XREADGROUP", "GROUP", "g", "bob", "BLOCK", "0", "STREAMS", "x", ">"), "")
	expect(t, c.do("XADD", "x", "7", "f", "v"), "$3\r\n7-0\r\n")
	w.pumpAll()
	expect(t, a.take(), entry)
	expect(t, b.take(), entry)
	expect(t, c.do("XACK", "x", "g", "7"), ":1\r\n")
	expect(t, b.do("XREADGROUP", "GROUP", "g", "bob", "BLOCK", "0", "STREAMS", "x", ">"), "")
	c.do("XGROUP", "DESTROY", "x", "g")
	w.pumpAll()
	expect(t, b.take(), "-NOGROUP the consumer group this client was blocked on no longer exists\r\n")
	c.do("XGROUP", "CREATE", "x", "g", "$")
	expect(t, b.do("XREADGROUP", "GROUP", "g", "bob", "BLOCK", "0", "STREAMS", "x", ">"), "")
	c.do("DEL", "x")
	w.pumpAll()
	expect(t, b.take(), "-UNBLOCKED the stream key no longer exists\r\n")
}
