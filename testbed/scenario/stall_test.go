package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

const (
	stallValue   = 64 << 10  // bytes of each value
	stallKeys    = 200       // values are overwritten: live data stays small
	stallBefore  = 192 << 20 // bytes written first, so that caches reach their size
	stallVolume  = 512 << 20 // bytes written past a stalled peer
	stallGrowth  = stallVolume / 2
	stallSlower  = 3 // times the p99 before
	stallMinimum = 50 * time.Millisecond
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
	volume := int(stallVolume * factor(t))
	before := fill(t, c, home, int(stallBefore*factor(t)))
	if err := stall(c, far); err != nil {
		t.Fatal(err)
	}
	during := fill(t, c, home, volume)
	t.Logf("%d MiB written while stalled; p99 %v before, %v while stalled; memory %d MiB before, %d MiB while stalled",
		volume>>20, before.p99, during.p99, before.resident>>20, during.resident>>20)
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
}

// fill writes so many bytes over 8 connections.
func fill(t *testing.T, c *cluster.Cluster, region string, volume int) filled {
	t.Helper()
	const writers = 8
	value := strings.Repeat("v", stallValue)
	cl := c.Client(region)
	took := make([]time.Duration, volume/stallValue)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := w; n < len(took) && errs[w] == nil; n += writers {
				began := time.Now()
				errs[w] = cl.Set(t.Context(), fmt.Sprintf("fill:%d", n%stallKeys), value, 0).Err()
				took[n] = time.Since(began)
			}
		})
	}
	wg.Wait()
	usage, err := c.Node(region).Usage()
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	slices.Sort(took)
	return filled{took[len(took)*99/100], usage.Resident}
}
