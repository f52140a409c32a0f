package scenario

import (
	"context"
	"fmt"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestHealsThroughThird cuts two regions apart: what they write still reaches
// each other through the third, while the cut lasts.
func TestHealsThroughThird(t *testing.T) {
	r := begin(t, cluster.Options{})
	a, b := r.c.Regions[0], r.c.Regions[2]
	r.c.Net.Cut(a, b)
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), settleTimeout)
	defer cancel()
	if err := r.c.Sync(ctx); err != nil {
		t.Fatalf("while %s and %s are cut apart: %v", a, b, err)
	}
	t.Logf("through the third region in %v", time.Since(began).Round(time.Millisecond))
	r.finish()
}

// TestWaitCountsRegions checks that WAIT counts exactly the regions that hold
// a write.
func TestWaitCountsRegions(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{})
	home, far := c.Regions[0], c.Regions[2]
	cl := c.Client(home).Conn()
	defer cl.Close()
	ctx := t.Context()
	wait := func(when string, n int, timeout time.Duration, want int64) {
		t.Helper()
		if err := cl.Incr(ctx, "waited").Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := cl.Wait(ctx, n, timeout).Result(); err != nil || got != want {
			t.Errorf("%s: WAIT %d answers %d, %v; want %d", when, n, got, err, want)
		}
	}
	wait("all linked", 2, 10*time.Second, 2)
	c.Net.Isolate(far)
	wait("one cut off", 1, 10*time.Second, 1)
	wait("one cut off", 2, 300*time.Millisecond, 1)
	c.Net.Isolate(home)
	wait("all cut off", 1, 300*time.Millisecond, 0)
	c.Net.HealAll()
	wait("healed", 2, 15*time.Second, 2)
}

// TestGroupsStayWhole writes pairs of keys in MULTI and looks from another
// region for one half without the other.
func TestGroupsStayWhole(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- writePairs(ctx, c, 1500) }()
	looks := 0
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d looks, every pair whole", looks)
			return
		default:
		}
		pair, err := c.Client(c.Regions[1]).MGet(ctx, "pair:left", "pair:right").Result()
		if err != nil {
			t.Fatal(err)
		}
		if pair[0] != pair[1] {
			t.Fatalf("look %d sees half a transaction: %v", looks, pair)
		}
		looks++
	}
}

func writePairs(ctx context.Context, c *cluster.Cluster, n int) error {
	cl := c.Client(c.Regions[0])
	for i := range n {
		p := cl.TxPipeline()
		p.Set(ctx, "pair:left", i, 0)
		for j := range 20 {
			p.Set(ctx, fmt.Sprintf("pair:between:%d", j), i, 0)
		}
		p.Set(ctx, "pair:right", i, 0)
		if _, err := p.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}
