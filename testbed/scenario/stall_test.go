package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

const (
	stallWriters = 8
	stallValue   = 64 << 10  // bytes of each value that fills
	stallKeys    = 200       // values are overwritten: live data stays small
	stallBefore  = 256 << 20 // bytes written first, so that caches reach their size
	stallVolume  = 384 << 20 // bytes written past a stalled peer
	stallGrowth  = stallVolume / 2
	stallProbes  = 4 // times that small writes are timed; the best p99 counts, as others use this machine too
	stallProbe   = 500 * time.Millisecond
	stallSlower  = 3 // times the p99 before
	stallMinimum = 100 * time.Millisecond
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
	before := burden(t, c, home, int(stallBefore*factor(t)))
	if err := stall(c, far); err != nil {
		t.Fatal(err)
	}
	during := burden(t, c, home, int(stallVolume*factor(t)))
	t.Logf("p99 of SET %v before, %v while stalled; memory %d MiB before, %d MiB while stalled",
		before.p99, during.p99, before.resident>>20, during.resident>>20)
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
	ctx, cancel := context.WithTimeout(t.Context(), 3*settleTimeout)
	defer cancel()
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Agree(ctx); err != nil {
		t.Error(err)
	}
}

// burdened is what was seen under a burden: the best p99, and the least resident memory,
// which goes up and down with the garbage.
type burdened struct {
	p99      time.Duration
	resident int64
}

// burden writes so many bytes as fast as it can, and then small values at a
// steady pace, of which the times count.
func burden(t *testing.T, c *cluster.Cluster, region string, volume int) burdened {
	t.Helper()
	cl := c.Client(region)
	large := strings.Repeat("v", stallValue)
	writers(t, func(w int) error {
		for n := w; n < volume/stallValue; n += stallWriters {
			if err := cl.Set(t.Context(), fmt.Sprintf("fill:%d", n%stallKeys), large, 0).Err(); err != nil {
				return err
			}
		}
		return nil
	})
	seen := burdened{p99: time.Hour, resident: math.MaxInt64}
	for range stallProbes {
		seen.p99 = min(seen.p99, probe(t, c, region))
		usage, err := c.Node(region).Usage()
		if err != nil {
			t.Fatal(err)
		}
		seen.resident = min(seen.resident, usage.Resident)
	}
	return seen
}

// probe writes small values at a steady pace and returns the p99.
func probe(t *testing.T, c *cluster.Cluster, region string) time.Duration {
	t.Helper()
	var took [stallWriters][]time.Duration
	small := strings.Repeat("v", 64)
	end := time.Now().Add(stallProbe)
	writers(t, func(w int) error {
		for time.Now().Before(end) {
			began := time.Now()
			if err := c.Client(region).Set(t.Context(), fmt.Sprintf("probe:%d", w), small, 0).Err(); err != nil {
				return err
			}
			took[w] = append(took[w], time.Since(began))
			time.Sleep(2 * time.Millisecond)
		}
		return nil
	})
	all := slices.Sorted(slices.Values(slices.Concat(took[:]...)))
	return all[len(all)*99/100]
}

// writers runs so many functions side by side.
func writers(t *testing.T, f func(w int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, stallWriters)
	for w := range stallWriters {
		wg.Go(func() { errs[w] = f(w) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
