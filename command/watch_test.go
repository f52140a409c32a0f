package command

import (
	"strconv"
	"testing"
	"time"
)

// A WATCH of many keys, many of them twice, takes no more than its share.
func TestWatchManyKeys(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	args := []string{"WATCH"}
	for i := range 200_000 {
		args = append(args, "k"+strconv.Itoa(i%100_000))
	}
	line := wire(args...)
	start := time.Now()
	expect(t, a.send(line), "+OK\r\n")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%v to watch %d keys", d, len(args)-1)
	}
	if n := len(a.s.multi.watched); n != 100_000 {
		t.Errorf("%d keys are watched", n)
	}
	expect(t, b.do("SET", "k99999", "v"), "+OK\r\n")
	expect(t, a.do("MULTI"), "+OK\r\n")
	expect(t, a.do("SET", "k1", "v"), "+QUEUED\r\n")
	expect(t, a.do("EXEC"), "*-1\r\n")
}
