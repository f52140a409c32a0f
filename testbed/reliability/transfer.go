package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	if err := c.Sync(ctx); err != nil {
		return err
	}
	if err := calm(ctx, c); err != nil {
		return err
	}
	x := transferred{keys: n}
	if x.source.quiet, err = probe(ctx, c.Node(home).Addr(), time.After(probeTime)); err != nil {
		return err
	}
	if x.receiver.quiet, err = probe(ctx, c.Node(away).Addr(), time.After(probeTime)); err != nil {
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
	if err := x.run(ctx, c, home, away); err != nil {
		return err
	}
	return x.report(ctx, c, away, t)
}

const (
	// transferBudget is small, so that the log is cut soon.
	transferBudget = 4 << 20
	// lookEvery is the pause between two looks at the system's figures of a node, and
	// lookMost that between two at its own, which take milliseconds of its processor: a
	// local command may wait for them. Towards the end there are more.
	lookEvery = 100 * time.Millisecond
	lookMost  = time.Second
	// probeTime is for how long a local command is timed in quiet.
	probeTime = 3 * time.Second
)

var ofDatabase = fmt.Sprintf("{database=%q}", cluster.DatabaseName)

// side is a region's part in a transfer: sorted times of a local SET.
type side struct{ quiet, busy []time.Duration }

func (s side) String() string {
	return fmt.Sprintf("%v and %v before; %v and %v meanwhile: %.2fx", at(s.quiet, 50), at(s.quiet, 99), at(s.busy, 50), at(s.busy, 99),
		float64(at(s.busy, 99))/float64(at(s.quiet, 99)))
}

// transferred is how a region got the state of another.
type transferred struct {
	keys             int
	took             time.Duration // from when the receiver serves to the end
	source, receiver side
	before, peak     int64 // memory of the source
}

// run starts the region that was away and measures until it has everything.
func (x *transferred) run(ctx context.Context, c *cluster.Cluster, home, away string) error {
	u, err := c.Node(home).Usage()
	if err != nil {
		return err
	}
	x.before = u.Resident
	if err := c.Node(away).Restart(ctx); err != nil {
		return err
	}
	if err := c.WaitServing(ctx, away); err != nil {
		return err
	}
	begun, done := time.Now(), make(chan struct{})
	next := begun
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { x.source.busy, errs[0] = probe(ctx, c.Node(home).Addr(), done) })
	wg.Go(func() { x.receiver.busy, errs[1] = probe(ctx, c.Node(away).Addr(), done) })
	err = until(ctx, func() (bool, error) {
		u, err := c.Node(home).Usage()
		if err != nil {
			return false, err
		}
		x.peak = max(x.peak, u.Resident)
		if time.Now().Before(next) {
			return false, nil
		}
		m, err := metrics(ctx, c, away, "crdb_transfer_keys_total"+ofDatabase, "crdb_transfer_active"+ofDatabase, "crdb_transfer_percent"+ofDatabase)
		if err != nil {
			return false, err
		}
		next = nextLook(begun, m[2])
		return m[0] > 0 && m[1] == 0, nil
	})
	x.took = time.Since(begun)
	close(done)
	wg.Wait()
	if err := errors.Join(err, errs[0], errs[1]); err != nil {
		return err
	}
	return c.Sync(ctx)
}

// nextLook is when to look again at a transfer that has come so far.
func nextLook(begun time.Time, percent float64) time.Time {
	left := lookMost
	if percent > 0 {
		left = time.Duration(float64(time.Since(begun)) * (100 - percent) / percent)
	}
	return time.Now().Add(min(left, lookMost))
}

func (x *transferred) report(ctx context.Context, c *cluster.Cluster, away string, t *table) error {
	keys, err := metric(ctx, c, away, "crdb_transfer_keys_total"+ofDatabase)
	if err != nil {
		return err
	}
	bytes, err := metric(ctx, c, away, "crdb_transfer_bytes"+ofDatabase)
	if err != nil {
		return err
	}
	if int(keys) < x.keys {
		return fmt.Errorf("%.0f of %d keys came by the transfer", keys, x.keys)
	}
	seconds := x.took.Seconds()
	t.add(fmt.Sprintf("state transfer of %d keys to a region that serves", x.keys), "%.2f s: %.0f keys/s, %.1f MB/s of images", seconds, keys/seconds, bytes/seconds/1e6)
	t.add("a local SET at the source of a transfer, p50 and p99", "%v", x.source)
	t.add("a local SET at its receiver, p50 and p99", "%v", x.receiver)
	t.add("memory of the source of a transfer", "%d MB before, at most %d MB meanwhile (%+.0f %%)", x.before>>20, x.peak>>20,
		100*(float64(x.peak)/float64(x.before)-1))
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
