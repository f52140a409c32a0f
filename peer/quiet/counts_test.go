package quiet

import (
	"fmt"
	"testing"
)

type trouble struct{ where, what string }

func TestCounts(t *testing.T) {
	var c Counts[trouble]
	for n, want := range []bool{true, true, false, true, false, false, false, true} {
		if times, show := c.Add(trouble{"a", "down"}); show != want || times != uint(n+1) {
			t.Errorf("%d: %d, %v", n+1, times, show)
		}
	}
	c.Add(trouble{"b", "down"})
	c.Forget(func(t trouble) bool { return t.where == "a" })
	if times, _ := c.Add(trouble{"a", "down"}); times != 1 {
		t.Errorf("it was not forgotten: %d", times)
	}
	if times, _ := c.Add(trouble{"b", "down"}); times != 2 {
		t.Errorf("another one was: %d", times)
	}
	for i := range 2 * Most {
		if c.Add(trouble{"a", fmt.Sprint(i)}); len(c.seen) > Most {
			t.Fatalf("U1: %d remembered", len(c.seen))
		}
	}
}
