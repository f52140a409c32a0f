package sim

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"crdb/testbed/oracle"
)

// linearInput is a command on a register and a counter, or on both.
type linearInput struct {
	op    string // set, get, incr, both: a MULTI that sets the register and adds to the counter; cas: the same under WATCH
	value string
	old   string // cas: what was read
}

// linearState is the register and the counter of one region.
type linearState struct {
	reg string
	sum int64
}

// linearModel is one region as if commands came one after the other. An empty
// output is one that nobody has seen.
var linearModel = porcupine.Model{
	Init: func() any { return linearState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(linearState), input.(linearInput), output.(string)
		switch in.op {
		case "get":
			return out == s.reg, s
		case "set":
			s.reg = in.value
			return out == "OK", s
		case "incr":
			s.sum++
			return out == strconv.FormatInt(s.sum, 10), s
		case "cas":
			if out == "nil" { // the register has changed since it was read
				return true, s
			}
			if s.reg != in.old {
				return false, s
			}
		}
		s.reg = in.value
		s.sum++
		return out == strconv.FormatInt(s.sum, 10), s
	},
	Equal: func(a, b any) bool { return a.(linearState) == b.(linearState) },
}

// TestLinearizable: what the sessions of one region see at the same time could
// have happened one after the other.
func TestLinearizable(t *testing.T) {
	for seed := range uint64(10) {
		c := plain()
		c.Seed, c.Regions, c.Ops, c.Fsync = seed+1, 1, 0, []string{"always", "everysec"}[seed%2]
		var events []porcupine.Operation
		var res Result
		synctest.Test(t, func(*testing.T) {
			res = play(c, func(r *run) { r.extra = func() { events = record(r) } })
		})
		if len(res.Failures) > 0 {
			t.Fatal(res.Failures)
		}
		if got := porcupine.CheckOperationsTimeout(linearModel, events, time.Minute); got != porcupine.Ok {
			t.Fatalf("seed %d: %d operations: %v", c.Seed, len(events), got)
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
				in := linearInput{op: []string{"get", "set", "incr", "both", "cas"}[rng.IntN(5)], value: fmt.Sprint(id, ".", i)}
				if in.op == "cas" {
					c.do([]string{"WATCH", "reg"}, nil)
					rep, _ := c.do([]string{"GET", "reg"}, nil)
					in.old = rep.Body
				}
				call := clock.Add(1)
				out := in.play(c)
				mu.Lock()
				all = append(all, porcupine.Operation{ClientId: id, Input: in, Call: call, Output: out, Return: clock.Add(1)})
				mu.Unlock()
			}
		})
	}
	sessions.Wait()
	return all
}

// play sends the command and returns what the model knows of its reply.
func (in *linearInput) play(c *client) string {
	do := func(args ...string) oracle.Reply {
		rep, _ := c.do(args, nil)
		return rep
	}
	switch in.op {
	case "get":
		rep := do("GET", "reg")
		return rep.Body
	case "set":
		rep := do("SET", "reg", in.value)
		return rep.Head[1:]
	case "incr":
		rep := do("INCR", "sum")
		return rep.Head[1:]
	}
	do("MULTI")
	do("SET", "reg", in.value)
	do("INCR", "sum")
	rep := do("EXEC")
	if rep.IsNull() {
		return "nil"
	}
	return rep.Items[1].Head[1:]
}

// TestLinearModelCanFail: a read of what was overwritten before it is seen.
func TestLinearModelCanFail(t *testing.T) {
	at := func(call int64, in linearInput, out string) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: call + 1}
	}
	stale := []porcupine.Operation{
		at(1, linearInput{op: "set", value: "a"}, "OK"), at(3, linearInput{op: "set", value: "b"}, "OK"), at(5, linearInput{op: "get"}, "a"),
	}
	if porcupine.CheckOperations(linearModel, stale) {
		t.Error("a stale read passes")
	}
}
