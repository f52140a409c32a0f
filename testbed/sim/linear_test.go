package sim

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"crdb/testbed/linear"
	"crdb/testbed/oracle"
)

// TestLinearizable: what the sessions of one region see at the same time could
// have happened one after the other.
func TestLinearizable(t *testing.T) {
	for seed := range uint64(10) {
		c := plain()
		c.Seed, c.Regions, c.Ops, c.Fsync = seed+1, 1, 0, []string{"always", "everysec"}[seed%2]
		var history []porcupine.Operation
		var res Result
		synctest.Test(t, func(*testing.T) {
			res = play(c, func(r *run) { r.extra = func() { history = record(r) } })
		})
		if len(res.Failures) > 0 {
			t.Fatal(res.Failures)
		}
		if err := linear.Check(linear.State{}, history, time.Minute); err != nil {
			t.Fatalf("seed %d: %v", c.Seed, err)
		}
	}
}

// record lets a few sessions work at once and returns what they saw, in the
// order of a clock that ticks at every call and return.
func record(r *run) (all []porcupine.Operation) {
	var clock atomic.Int64
	var mu sync.Mutex
	var sessions sync.WaitGroup
	for id := range 4 {
		sessions.Go(func() {
			rng, c := r.rand(fmt.Sprint("session ", id)), r.nodes[0].instance().connect()
			defer c.close()
			for i := range 60 {
				op := linear.Draw(rng, fmt.Sprint(id, ".", i))
				if op.Kind == linear.Swap {
					c.text("WATCH", "reg")
					op.Old = c.text("GET", "reg")
				}
				call := clock.Add(1)
				out := c.play(op)
				mu.Lock()
				all = append(all, linear.Record(id, op, call, out, clock.Add(1)))
				mu.Unlock()
			}
		})
	}
	sessions.Wait()
	return all
}

// play sends an op and returns its output.
func (c *client) play(op linear.Op) string {
	switch op.Kind {
	case linear.Get:
		return c.text("GET", "reg")
	case linear.Set:
		return c.text("SET", "reg", op.Value)
	case linear.Append:
		return c.text("APPEND", "reg", op.Value)
	case linear.Incr:
		return c.text("INCR", "sum")
	case linear.Script:
		return c.text("EVAL", linear.Source, "2", "reg", "sum", op.Value)
	}
	c.text("MULTI")
	c.text("SET", "reg", op.Value)
	c.text("INCR", "sum")
	rep, _ := c.do([]string{"EXEC"}, nil)
	if rep.IsNull() {
		return linear.Aborted
	}
	return textOf(rep.Items[1])
}

func (c *client) text(args ...string) string {
	rep, ok := c.do(args, nil)
	if !ok {
		return linear.Lost
	}
	return textOf(rep)
}

func textOf(rep oracle.Reply) string {
	if rep.Body != "" || rep.IsNull() || rep.Head[0] == '$' {
		return rep.Body
	}
	return rep.Head[1:]
}
