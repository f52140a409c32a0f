package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"crdb/testbed/cluster"
)

const (
	// lookEvery is the pause between two looks at the system's figures of a node, and
	// lookMost that between two at its own, which take milliseconds of its processor: a
	// local command may wait for them. Towards the end there are more.
	lookEvery = 100 * time.Millisecond
	lookMost  = time.Second
	// probeTime is for how long local commands are timed in quiet, before and after.
	probeTime = 5 * time.Second
)

// sides are the times of local SETs at both sides of a transfer, sorted.
type sides struct {
	source, receiver []time.Duration
	peak             int64 // resident memory of the source meanwhile
}

func (s *sides) add(t sides) {
	s.source = append(s.source, t.source...)
	s.receiver = append(s.receiver, t.receiver...)
	s.peak = max(s.peak, t.peak)
	slices.Sort(s.source)
	slices.Sort(s.receiver)
}

// compared says how much longer a local SET took.
func compared(quiet, busy []time.Duration) string {
	return fmt.Sprintf("%v and %v in quiet; %v and %v meanwhile: %.2fx", at(quiet, 50), at(quiet, 99), at(busy, 50), at(busy, 99),
		float64(at(busy, 99))/float64(at(quiet, 99)))
}

// watched are two regions of which one sends its state to the other, at some time.
type watched struct {
	c                *cluster.Cluster
	source, receiver string
}

// progress is what the receiver says of its transfer.
type progress struct {
	keys, percent float64
	active        bool
}

// watch times local commands at both sides at once and looks at the regions, in
// quiet and in a transfer alike, so that nothing but the transfer differs. It
// ends when done says so of what was seen last.
func (w *watched) watch(ctx context.Context, done func(progress) bool) (s sides, err error) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { s.source, errs[0] = probe(ctx, w.c.Node(w.source).Addr(), stop) })
	wg.Go(func() { s.receiver, errs[1] = probe(ctx, w.c.Node(w.receiver).Addr(), stop) })
	begun := time.Now()
	next := begun
	err = until(ctx, func() (bool, error) {
		u, err := w.c.Node(w.source).Usage()
		if err != nil {
			return false, err
		}
		s.peak = max(s.peak, u.Resident)
		if time.Now().Before(next) {
			return false, nil
		}
		p, err := w.progress(ctx)
		next = nextLook(begun, p.percent)
		return done(p), err
	})
	close(stop)
	wg.Wait()
	return s, errors.Join(err, errs[0], errs[1])
}

func (w *watched) progress(ctx context.Context) (progress, error) {
	m, err := metrics(ctx, w.c, w.receiver, "crdb_transfer_keys_total"+ofDatabase, "crdb_transfer_active"+ofDatabase, "crdb_transfer_percent"+ofDatabase)
	if err != nil {
		return progress{}, err
	}
	return progress{keys: m[0], percent: m[2], active: m[1] != 0}, nil
}

// nextLook is when to look again at a transfer that has come so far.
func nextLook(begun time.Time, percent float64) time.Time {
	left := lookMost
	if percent > 0 && percent < 100 {
		left = time.Duration(float64(time.Since(begun)) * (100 - percent) / percent)
	}
	return time.Now().Add(min(left, lookMost))
}
