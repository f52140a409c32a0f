package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

const (
	stallValue   = 16 << 10 // bytes of each value written past a stalled peer
	stallKeys    = 500      // values are overwritten: live data stays small
	stallGrowth  = 160 << 20
	stallSlower  = 3 // times the p99 before
	stallMinimum = 20 * time.Millisecond
)

// TestStalledPeer writes far more than the memory a node may use for it while
// its peers read nothing: local commands stay fast and memory stays bounded,
// with peers that hold the connection and with peers that are frozen.
func TestStalledPeer(t *testing.T) {
	for name, stall := range map[string]func(*cluster.Cluster, string) error{
		"no byte moves": func(c *cluster.Cluster, far string) error {
			for _, other := range c.Regions {
				if other != far {
					c.Net.Hold(far, other)
				}
			}
			return nil
		},
		"process frozen": func(c *cluster.Cluster, far string) error { return c.Node(far).Pause() },
	} {
		t.Run(name, func(t *testing.T) { stalledPeer(t, stall) })
	}
}

func stalledPeer(t *testing.T, stall func(*cluster.Cluster, string) error) {
	c := cluster.StartTest(t, cluster.Options{})
	home, far := c.Regions[0], c.Regions[2]
	scale := factor(t)
	fill(t, c, home, scale/4) // live data and caches reach their size
	before := fill(t, c, home, scale)
	if err := stall(c, far); err != nil {
		t.Fatal(err)
	}
	during := fill(t, c, home, scale)
	t.Logf("p99 %v before, %v while stalled; memory %d MiB before, %d MiB while stalled; %d MiB written",
		before.p99, during.p99, before.resident>>20, during.resident>>20, during.written>>20)
	if limit := max(stallSlower*before.p99, stallMinimum); during.p99 > limit {
		t.Errorf("the p99 of a local SET went from %v to %v, allowed %v", before.p99, during.p99, limit)
	}
	if during.resident > before.resident+stallGrowth {
		t.Errorf("memory grew from %d to %d MiB", before.resident>>20, during.resident>>20)
	}
	c.Net.HealAll()
	if err := c.Node(far).Resume(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*settleTimeout)
	defer cancel()
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Agree(ctx); err != nil {
		t.Error(err)
	}
}

// filled is what was seen while filling.
type filled struct {
	p99      time.Duration
	resident int64
	written  int
}

// fill writes for two seconds, at most 100 MiB a second, over 8 connections.
func fill(t *testing.T, c *cluster.Cluster, region string, scale float64) filled {
	t.Helper()
	const writers = 8
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	value := strings.Repeat("v", stallValue)
	end := time.Now().Add(time.Duration(2 * scale * float64(time.Second)))
	cl := c.Client(region)
	for w := range writers {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for n := w; err == nil && time.Now().Before(end); n += writers {
				began := time.Now()
				err = cl.Set(t.Context(), fmt.Sprintf("fill:%d", n%stallKeys), value, 0).Err()
				mine = append(mine, time.Since(began))
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	usage, err := c.Node(region).Usage()
	if failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	slices.Sort(took)
	return filled{took[len(took)*99/100], usage.Resident, len(took) * stallValue}
}
