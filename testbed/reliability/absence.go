package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"crdb/testbed/cluster"
)

// absence kills one region of three, writes ops in another, starts the region
// again, and measures both of them.
func absence(ctx context.Context, ops int, t *table) (err error) {
	c, err := cluster.Start(ctx, cluster.Options{Direct: true})
	if err != nil {
		return err
	}
	defer c.Close()
	home, away := c.Regions[0], c.Regions[1]
	// The same keys again and again, so that what grows is not the data.
	together, err := highest(ctx, c, home, ops)
	if err != nil {
		return err
	}
	before, err := atRest(ctx, c, home)
	if err != nil {
		return err
	}

	if err := c.Node(away).Kill(); err != nil {
		return err
	}
	apart, err := highest(ctx, c, home, ops)
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("memory of a region during %d writes", ops), "at most %d MB while all regions are there, then %d MB while one is away (%+.0f %%)",
		together>>20, apart>>20, 100*(float64(apart)/float64(together)-1))

	if err := calm(ctx, c); err != nil {
		return err
	}
	started := time.Now()
	if err := c.Node(away).Restart(ctx); err != nil {
		return err
	}
	if err := c.WaitServing(ctx, away); err != nil {
		return err
	}
	done := make(chan time.Time)
	begun := time.Now()
	var caught time.Duration
	var syncErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		syncErr = c.Sync(ctx, home, away)
		caught = time.Since(begun)
		close(done)
	})
	busy, err := probe(ctx, c.Node(home).Addr(), done)
	wg.Wait()
	if err := errors.Join(err, syncErr); err != nil {
		return err
	}
	after, err := atRest(ctx, c, home)
	if err != nil {
		return err
	}
	quiet := slices.Sorted(slices.Values(slices.Concat(before, after)))
	return report(ctx, c, t, caughtUp{ops: ops, serving: begun.Sub(started), took: caught, quiet: quiet, busy: busy})
}

// atRest times local commands of a region while the regions have nothing else to do.
func atRest(ctx context.Context, c *cluster.Cluster, region string) ([]time.Duration, error) {
	if err := settle(ctx, c); err != nil {
		return nil, err
	}
	return probe(ctx, c.Node(region).Addr(), time.After(probeTime))
}

// caughtUp is how a region caught up.
type caughtUp struct {
	ops           int
	serving, took time.Duration
	quiet, busy   []time.Duration // sorted times of a local SET
}

func report(ctx context.Context, c *cluster.Cluster, t *table, x caughtUp) error {
	home, away := c.Regions[0], c.Regions[1]
	label := fmt.Sprintf("{database=%q,direction=\"in\",region=%q}", cluster.DatabaseName, home)
	raw, err := metric(ctx, c, away, "crdb_replication_block_bytes_total"+label)
	if err != nil {
		return err
	}
	wire, err := metric(ctx, c, away, "crdb_replication_wire_bytes_total"+label)
	if err != nil {
		return err
	}
	seconds := x.took.Seconds()
	t.add("the region serves again after", "%.2f s", x.serving.Seconds())
	t.add("it has everything after", "%.2f s more: %.0f ops/s, %.1f MB/s of log", seconds, float64(x.ops)/seconds, raw/seconds/1e6)
	t.add("bytes per op, SET of 64 random hexadecimal digits", "%.0f of log, %.0f on the wire", raw/float64(x.ops), wire/float64(x.ops))
	t.add("a local SET while the other catches up, p50 and p99", "%v", compared(x.quiet, x.busy))
	return nil
}

// highest writes ops in a region and returns the peak of its memory meanwhile. What
// garbage there is rises and falls all the time, checkpoints among it, so that one
// look would not do.
func highest(ctx context.Context, c *cluster.Cluster, region string, ops int) (most int64, err error) {
	const parts = 100
	for range parts {
		if err := fill(ctx, c, region, 0, ops/parts); err != nil {
			return 0, err
		}
		u, err := c.Node(region).Usage()
		if err != nil {
			return 0, err
		}
		most = max(most, u.Resident)
	}
	return most, nil
}

// fillBatch is how many writes go in one pipeline.
const fillBatch = 1000

// fill writes n strings of 64 random digits under different keys, from the given
// number on.
func fill(ctx context.Context, c *cluster.Cluster, region string, from, n int) error {
	cl := c.Client(region)
	for i := 0; i < n; i += fillBatch {
		p := cl.Pipeline()
		for j := i; j < min(n, i+fillBatch); j++ {
			value := fmt.Sprintf("%016x%016x%016x%016x", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
			p.Set(ctx, fmt.Sprintf("key:%012d", from+j), value, 0)
		}
		if _, err := p.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// at is a percentile of sorted times.
func at(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[min(len(times)-1, len(times)*percent/100)].Round(time.Microsecond)
}
