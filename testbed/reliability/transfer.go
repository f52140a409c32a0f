package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crdb/testbed/cluster"
)

// transfer kills one region of three, writes n keys in another and cuts its log,
// so that the killed one needs a state transfer when it is started again, and
// measures both of them.
func transfer(ctx context.Context, n int, t *table) error {
	c, err := cluster.Start(ctx, cluster.Options{Direct: true, Config: []string{fmt.Sprint("log-retention ", transferBudget)}})
	if err != nil {
		return err
	}
	defer c.Close()
	home, away := c.Regions[0], c.Regions[1]
	// Both serve the same keys before; a part is there on both sides.
	if err := fill(ctx, c, home, 0, n/10); err != nil {
		return err
	}
	x := transferred{keys: n, watched: watched{c: c, source: home, receiver: away}}
	if err := x.rest(ctx); err != nil {
		return err
	}
	if err := c.Node(away).Kill(); err != nil {
		return err
	}
	if err := fill(ctx, c, home, 0, n); err != nil {
		return err
	}
	if err := until(ctx, func() (bool, error) {
		cuts, err := metric(ctx, c, home, "crdb_log_cuts_total"+ofDatabase)
		return cuts > 0, err
	}); err != nil {
		return fmt.Errorf("the log is not cut: %w", err)
	}
	if err := calm(ctx, c); err != nil {
		return err
	}
	if err := x.run(ctx); err != nil {
		return err
	}
	if err := x.rest(ctx); err != nil {
		return err
	}
	return x.report(ctx, t)
}

// transferBudget is small, so that the log is cut soon.
const transferBudget = 4 << 20

var ofDatabase = fmt.Sprintf("{database=%q}", cluster.DatabaseName)

// transferred is how a region got the state of another.
type transferred struct {
	watched
	keys        int
	took        time.Duration // from when the receiver serves to the end
	quiet, busy sides
	before      int64 // memory of the source
}

// rest times commands for probeTime while the regions have nothing else to do.
func (x *transferred) rest(ctx context.Context) error {
	if err := settle(ctx, x.c); err != nil {
		return err
	}
	end := time.Now().Add(probeTime)
	got, err := x.watch(ctx, func(progress) bool { return time.Now().After(end) })
	x.quiet.add(got)
	return err
}

// run starts the region that was away and measures until it has everything.
func (x *transferred) run(ctx context.Context) error {
	u, err := x.c.Node(x.source).Usage()
	if err != nil {
		return err
	}
	x.before = u.Resident
	if err := x.c.Node(x.receiver).Restart(ctx); err != nil {
		return err
	}
	if err := x.c.WaitServing(ctx, x.receiver); err != nil {
		return err
	}
	begun := time.Now()
	x.busy, err = x.watch(ctx, func(p progress) bool { return p.keys > 0 && !p.active })
	x.took = time.Since(begun)
	return err
}

func (x *transferred) report(ctx context.Context, t *table) error {
	m, err := metrics(ctx, x.c, x.receiver, "crdb_transfer_keys_total"+ofDatabase, "crdb_transfer_bytes"+ofDatabase)
	if err != nil {
		return err
	}
	keys, bytes := m[0], m[1]
	if int(keys) < x.keys {
		return fmt.Errorf("%.0f of %d keys came by the transfer", keys, x.keys)
	}
	seconds := x.took.Seconds()
	t.add(fmt.Sprintf("state transfer of %d keys to a region that serves", x.keys), "%.2f s: %.0f keys/s, %.1f MB/s of images", seconds, keys/seconds, bytes/seconds/1e6)
	t.add("a local SET at the source of a transfer, p50 and p99", "%v", compared(x.quiet.source, x.busy.source))
	t.add("a local SET at its receiver, p50 and p99", "%v", compared(x.quiet.receiver, x.busy.receiver))
	t.add("memory of the source of a transfer", "%d MB before, at most %d MB meanwhile (%+.0f %%)", x.before>>20, x.busy.peak>>20,
		100*(float64(x.busy.peak)/float64(x.before)-1))
	return nil
}

var errNotYet = errors.New("it has not happened yet")

// until looks again and again, for some minutes at most.
func until(ctx context.Context, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	return cluster.Poll(ctx, lookEvery, func() error {
		switch yes, err := ok(); {
		case err != nil:
			return cluster.Permanent(err)
		case !yes:
			return errNotYet
		}
		return nil
	})
}
