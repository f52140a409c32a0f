package regions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

const (
	// deliveryTimeout is how long a delivery between two regions may take, and
	// pushTimeout how long one is tried that goes one way only: where the link
	// has to be opened anew it cannot succeed.
	deliveryTimeout = 15 * time.Second
	pushTimeout     = 150 * time.Millisecond
	// diskPause is longer than the log's writer waits: what was written before
	// it is on disk.
	diskPause = 15 * time.Millisecond
)

// stage is a cluster on which schedules are played.
type stage struct {
	c     *cluster.Cluster
	conns group // run the commands
	eyes  group // look at vectors, whatever the others are in the middle of
}

// play plays a schedule on empty regions and returns what they do not agree on
// in the end. An error means that they did not get that far, which is a fault
// as well.
func (s *stage) play(ctx context.Context, steps schedule) ([]difference, error) {
	if err := s.empty(ctx); err != nil {
		return nil, err
	}
	s.c.Net.HoldAll()
	defer s.c.Net.HealAll()
	for i, st := range append(slices.Clip(steps), step{verb: "agree"}) {
		differ, err := s.step(ctx, st)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", i+1, st, err)
		}
		if len(differ) > 0 {
			return differ, nil
		}
	}
	return nil, nil
}

// empty begins anew: no connection has a past, no region a key.
func (s *stage) empty(ctx context.Context) (err error) {
	s.conns.close()
	s.eyes.close()
	s.c.Net.HealAll()
	if s.conns, err = dialAll(s.c); err != nil {
		return err
	}
	if s.eyes, err = dialAll(s.c); err != nil {
		return err
	}
	if _, err := s.eyes.level(ctx); err != nil {
		return err
	}
	if _, err := s.conns[names[0]].Pipeline([][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}}); err != nil {
		return err
	}
	left, differ, err := agree(ctx, s.c)
	if err == nil && len(left)+len(differ) > 0 {
		err = fmt.Errorf("FLUSHALL and FUNCTION FLUSH leave %v %v", left, differ)
	}
	return err
}

// step takes one step; the regions may turn out to differ at it.
func (s *stage) step(ctx context.Context, st step) (differ []difference, err error) {
	switch st.verb {
	case "command":
		return nil, s.command(st.at[0], st.args)
	case "sync":
		return nil, s.sync(ctx, st.at[0], st.at[1])
	case "push":
		s.push(ctx, st.at[0], st.at[1])
	case "agree":
		s.c.Net.HealAll()
		defer s.c.Net.HoldAll()
		_, differ, err = agree(ctx, s.c)
		return differ, err
	case "kill":
		return nil, s.kill(ctx, st.at[0])
	case "sleep":
		d, err := time.ParseDuration(st.args[0])
		if err != nil {
			return nil, err
		}
		pause(ctx, d)
	}
	return nil, ctx.Err()
}

// sync lets two regions tell each other what they have.
func (s *stage) sync(ctx context.Context, a, b string) error {
	s.c.Net.Heal(a, b)
	defer s.c.Net.Hold(a, b)
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if err := deliver(ctx, s.eyes[a], s.eyes[b]); err != nil {
		return err
	}
	return deliver(ctx, s.eyes[b], s.eyes[a])
}

// push lets one region tell another what it has, if their link is open: a new
// one could not be opened.
func (s *stage) push(ctx context.Context, from, to string) {
	s.c.Net.Heal(from, to)
	s.c.Net.CutOneWay(to, from)
	defer s.c.Net.Hold(from, to)
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	deliver(ctx, s.eyes[from], s.eyes[to]) // its failure is no fault
}

// command runs a command. Its reply is of no interest, unless it tells of a
// fault of the server.
func (s *stage) command(region string, args []string) error {
	rep, err := s.conns[region].Do(args...)
	if err != nil {
		return err
	}
	return fault(rep)
}

func fault(rep oracle.Reply) error {
	if rep.IsError() && strings.Contains(rep.Head, "internal") {
		return fmt.Errorf("the server answers %s", rep)
	}
	return nil
}

func (s *stage) kill(ctx context.Context, region string) (err error) {
	pause(ctx, diskPause)
	if err := s.c.Node(region).Kill(); err != nil {
		return err
	}
	s.conns[region].Close()
	s.eyes[region].Close()
	if err := s.c.Node(region).Restart(ctx); err != nil {
		return err
	}
	if err := s.c.WaitServing(ctx, region); err != nil {
		return err
	}
	if s.conns[region], err = oracle.Dial(s.c.Node(region).Addr()); err != nil {
		return err
	}
	s.eyes[region], err = oracle.Dial(s.c.Node(region).Addr())
	return err
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
