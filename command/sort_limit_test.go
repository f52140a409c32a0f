package command

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// SORT BY nosort with LIMIT takes what it replies, not the whole key.
func TestSortNothingTakesOnlyItsLimit(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	const n = 100_000
	list, zset := []string{"RPUSH", "l"}, []string{"ZADD", "z"}
	for i := range n {
		m := "m" + strconv.Itoa(i)
		list, zset = append(list, m), append(zset, strconv.Itoa(i), m)
	}
	a.send(wire(list...))
	a.send(wire(zset...))
	for _, x := range []struct{ line, reply string }{
		{"l BY nosort LIMIT 0 2", "m0 m1"},
		{"l BY nosort LIMIT 99998 5", "m99998 m99999"},
		{"l BY nosort DESC LIMIT 1 1", "m99998"},
		{"l BY nosort LIMIT 5 0", ""},
		{"l BY nosort LIMIT 100000 3", ""},
		{"l BY nosort LIMIT -3 1", "m0"},
		{"z BY nosort LIMIT 7 2", "m7 m8"},
		{"z BY nosort DESC LIMIT 0 2", "m99999 m99998"},
		{"z BY nosort LIMIT 99999 -1", "m99999"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := a.send(wire(strings.Fields("SORT " + x.line)...))
		runtime.ReadMemStats(&after)
		want := strings.Fields(x.reply)
		reply := "*" + strconv.Itoa(len(want)) + "\r\n"
		for _, m := range want {
			reply += "$" + strconv.Itoa(len(m)) + "\r\n" + m + "\r\n"
		}
		if got != reply {
			t.Errorf("%s: %q, want %q", x.line, got, reply)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: %d bytes of memory", x.line, took)
		}
	}
}
