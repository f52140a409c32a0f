package control

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"crdb/control/api"
)

// This file waits until members hold what others have.

// standings asks members how they stand with a database, by instance ID.
// Those that do not answer are left out.
func (n *Node) standings(ctx context.Context, guid string, of []api.Instance) map[int]*api.Standing {
	all := map[int]*api.Standing{}
	var mu sync.Mutex // guards all
	var wg sync.WaitGroup
	for i := range of {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
			defer cancel()
			s, err := n.memberOf(&of[i]).Standing(ctx, guid, 0, 0)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all[of[i].ID] = s
		})
	}
	wg.Wait()
	return all
}

// catchUp waits until the new instances hold what the others held when the
// change was committed. It never fails the task: they go on by themselves.
func (n *Node) catchUp(ctx context.Context, k *task, c *change) {
	var goal []api.Position
	for id, s := range n.standings(ctx, c.next.GUID, c.next.Instances) {
		if !slices.Contains(c.added, id) {
			goal = api.Join(goal, s.Durable)
		}
	}
	var want []api.Instance
	for _, id := range c.added {
		want = append(want, *c.next.Instance(id))
	}
	n.awaitHeld(ctx, k, c.next.GUID, want, goal)
}

// awaitHeld waits until all of the instances hold a goal on disk, for a time
// that is bounded; then it warns of those that do not.
func (n *Node) awaitHeld(ctx context.Context, k *task, guid string, want []api.Instance, goal []api.Position) {
	timeout := time.NewTimer(n.opts.Timing.Settle)
	defer timeout.Stop()
	tick := time.NewTicker(n.opts.Timing.Retry)
	defer tick.Stop()
	for {
		got := n.standings(ctx, guid, want)
		left := slices.DeleteFunc(slices.Clone(want), func(x api.Instance) bool {
			return got[x.ID] != nil && api.Covers(got[x.ID].Durable, goal)
		})
		if len(left) == 0 {
			return
		}
		for _, x := range left {
			k.step(fmt.Sprintf("region %s is catching up: %s", x.Region, behind(got[x.ID], goal)), 90)
		}
		select {
		case <-tick.C:
			continue
		case <-timeout.C:
		case <-ctx.Done():
		}
		for _, x := range left {
			k.warn("region %s is still catching up: %s; it goes on by itself", x.Region, behind(got[x.ID], goal))
		}
		return
	}
}

// behind says how much of a goal is missing.
func behind(s *api.Standing, goal []api.Position) string {
	if s == nil {
		return "it does not answer"
	}
	missing, widest := 0, time.Duration(0)
	for _, p := range goal {
		have := api.At(s.Durable, p.ID)
		if have >= p.Time {
			continue
		}
		missing++
		if have > 0 { // the upper 48 bits of a timestamp are milliseconds
			widest = max(widest, time.Duration(p.Time>>16-have>>16)*time.Millisecond)
		}
	}
	if widest == 0 {
		return fmt.Sprintf("the logs of %d of %d regions are not all there", missing, len(goal))
	}
	return fmt.Sprintf("the logs of %d of %d regions are not all there, %v behind", missing, len(goal), widest)
}
