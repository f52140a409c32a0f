package crdt

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
)

// The exhaustive test runs all schedules of three ops on three replicas: every
// choice of actions and authors, every set of earlier events that an author can
// have seen, every order of their timestamps including ties (without ties: up
// to the names of the replicas), every order of delivery that is causal, and every merge of two reachable states.

// alphabet is the actions of one data type, over a key that a first event,
// seen by all, has created or not.
type alphabet struct {
	name    string
	setup   []action
	actions []action
	more    []action // with -long
}

var (
	aPut   = action{verb: vPut, text: "5"}
	aDated = action{verb: vPut, text: "x", at: 1000}
	aKeep  = action{verb: vPut, text: "k", keep: true}
	aDel   = action{verb: vDel}
	aIncr  = action{verb: vIncr, text: "3"}
	aAdd   = action{verb: vSadd, names: []string{"a"}}
	aAddB  = action{verb: vSadd, names: []string{"a", "b"}}
	aRem   = action{verb: vSrem, names: []string{"a"}}
	aSet   = action{verb: vHset, names: []string{"f"}, text: "7"}
	aHdel  = action{verb: vHdel, names: []string{"f"}}
	aHincr = action{verb: vHincr, names: []string{"f"}, text: "2"}
	aHexp  = action{verb: vHexpire, names: []string{"f"}, at: 1000}
	aHexp2 = action{verb: vHexpire, names: []string{"f"}, at: 2000}
	aHpers = action{verb: vHexpire, names: []string{"f"}}
	aXadd  = action{verb: vXadd, names: []string{"e1"}, text: "a"}
	aXaddB = action{verb: vXadd, names: []string{"e2"}, text: "b"}
	aXdel  = action{verb: vXdel, names: []string{"e1"}}
	aXcut  = action{verb: vXcut, names: []string{"e1", "e2"}}
	aGroup = action{verb: vXgroup, names: []string{"gx"}}
	aDrop  = action{verb: vXdrop, names: []string{"gx"}}
	aZadd  = action{verb: vZadd, names: []string{"f"}, text: "7"}
	aZrem  = action{verb: vZrem, names: []string{"f"}}
	aZincr = action{verb: vZincr, names: []string{"f"}, text: "2.5"}
	aExp   = action{verb: vExpire, at: 2000}
	aPers  = action{verb: vExpire}
	aPf    = action{verb: vPfadd, names: []string{"a"}}
	aPfB   = action{verb: vPfadd, names: []string{"a", "b"}}
	aPush  = action{verb: vRpush, names: []string{"a", "b"}}
	aLpush = action{verb: vLpush, names: []string{"a"}}
	aIns   = action{verb: vLinsert, names: []string{"b"}, index: 1}
	aMark  = action{verb: vLset, names: []string{"a"}}
	aLrem  = action{verb: vLrem, names: []string{"a"}}
	aInsB  = action{verb: vLinsert, names: []string{"a"}, index: 2}
	aCut   = action{verb: vLcut, index: 1}
	aSpan  = action{verb: vLcut, index: 13}
	aRoom  = action{verb: vLroom, index: 2}
	aFlush = action{verb: vFlush}
)

var alphabets = []alphabet{
	{"string", nil, []action{aPut, aDel, aIncr}, []action{aDated}},
	{"string there", []action{aPut, aIncr}, []action{aPut, aDel, aIncr}, []action{aFlush}},
	{"set", nil, []action{aAdd, aAddB, aRem, aDel}, nil},
	{"set there", []action{aAddB}, []action{aAdd, aRem, aDel}, []action{aAddB}},
	{"hash", nil, []action{aSet, aHincr, aHdel, aDel}, nil},
	{"hash there", []action{aSet, aHincr}, []action{aSet, aHincr, aHdel}, []action{aFlush, aDel}},
	{"field times", []action{aSet}, []action{aHexp, aHexp2, aSet, aHdel}, []action{aHpers, aDel}},
	{"field times, counted", []action{aHincr, aHexp}, []action{aHpers, aHincr, aHexp2, aHdel}, []action{aFlush, aAdd}},
	{"stream", nil, []action{aXadd, aXdel, aGroup, aDel}, []action{aXaddB}},
	{"stream there", []action{aXaddB, aGroup, aXadd}, []action{aXadd, aXdel, aDrop}, []action{aDel, aFlush}},
	{"stream spans", []action{aXaddB, aXadd}, []action{aXadd, aXaddB, aXcut}, []action{aXdel, aDel}},
	{"zset", nil, []action{aZadd, aZincr, aZrem, aDel}, nil},
	{"zset there", []action{aZadd, aZincr}, []action{aZadd, aZincr, aZrem}, []action{aFlush, aDel}},
	{"list", nil, []action{aPush, aLpush, aIns, aLrem, aDel}, nil},
	{"list there", []action{aPush}, []action{aLpush, aIns, aMark, aLrem}, []action{aFlush, aPush}},
	{"list inside", []action{aPush, aIns, aInsB}, []action{aInsB, aRoom, aCut, aMark}, []action{aLrem, aPush}},
	{"list spans", []action{aPush, aIns, aInsB}, []action{aInsB, aRoom, aSpan}, []action{aCut, aPush}},
	{"deadlines", []action{aDated}, []action{aExp, aKeep, aDel}, []action{aPers}},
	{"sketch", nil, []action{aPf, aPfB, aDel}, []action{aPut}},
	{"sketch there", []action{aPf}, []action{aPfB, aPut, aDel}, []action{aFlush}},
	{"types", nil, []action{aIncr, aAdd, aHincr, aRem}, []action{aHdel}},
	{"types there", []action{aHincr}, []action{aIncr, aHincr, aAdd, aDel}, []action{aSet}},
}

func TestAllSchedulesOfThree(t *testing.T) { // K1, K2, K3
	step := 1
	if testing.Short() {
		step = 7
	}
	var total atomic.Int64
	t.Run("all", func(t *testing.T) {
		for _, al := range alphabets {
			t.Run(al.name, func(t *testing.T) {
				t.Parallel()
				total.Add(int64(al.explore(t, step)))
			})
		}
	})
	t.Logf("%d schedules", total.Load())
}

// explore runs all schedules of three actions of the alphabet, or of every
// step-th choice of them, and returns how many.
func (al alphabet) explore(t *testing.T, step int) int {
	actions := al.actions
	if *long {
		actions = slices.Concat(actions, al.more)
	}
	x := &explorer{setup: newSim(1, 1)}
	for _, a := range al.setup {
		if _, err := x.setup.write(x.setup.nodes[0], a, 1); err != nil {
			t.Fatal(err)
		}
	}
	k := len(actions)
	for i := 0; i < k*k*k; i += step {
		x.actions = []action{actions[i%k], actions[i/k%k], actions[i/k/k]}
		for who := range 27 {
			x.authors = [3]int{who % 3, who / 3 % 3, who / 9}
			if err := x.run(); err != nil {
				t.Fatalf("%s: %v by %v: %v", al.name, x.actions, x.authors, err)
			}
		}
	}
	t.Logf("%d schedules, %d deliveries, %d merges", x.schedules, x.deliveries, x.merges)
	return x.schedules
}

// explorer runs all schedules of three given actions by three given authors.
type explorer struct {
	actions                       []action
	authors                       [3]int
	schedules, deliveries, merges int

	setup *sim
	base  uint64 // the events of the setup
	s     *sim
}

func (x *explorer) run() error {
	for mask := range uint(8) { // does 2 see 1, does 3 see 1, does 3 see 2
		seen := [3]uint{0, mask & 1, mask >> 1}
		for t := range 27 {
			times := [3]Timestamp{Timestamp(10 + t%3), Timestamp(10 + t/3%3), Timestamp(10 + t/9)}
			if !x.possible(seen, times) {
				continue
			}
			if err := x.schedule(seen, times); err != nil {
				return fmt.Errorf("seen %v times %v: %w\nevents %v", seen, times, err, x.s.hist)
			}
		}
	}
	return nil
}

// possible reports whether three events can have been seen like this at these
// times, which use no gaps: 10, then 11, then 12.
func (x *explorer) possible(seen [3]uint, times [3]Timestamp) bool {
	var used [3]bool
	for i := range 3 {
		used[times[i]-10] = true
		for j := range i {
			sees := seen[i]>>j&1 == 1
			if x.authors[i] == x.authors[j] && !sees || sees && (times[j] >= times[i] || seen[j]&^seen[i] != 0) {
				return false
			}
		}
	}
	if !used[0] || !used[1] && used[2] {
		return false
	}
	return !(used[0] && used[1] && used[2]) || x.firstNames()
}

// firstNames reports whether authors that the setup does not tell apart appear
// in the order of their IDs. Without ties in time the others are the same
// schedules under other names.
func (x *explorer) firstNames() bool {
	next := 0
	if len(x.setup.hist) > 0 {
		next = 1 // replica 1 made the setup
	}
	for _, a := range x.authors {
		if a > next {
			return false
		}
		if a == next {
			next++
		}
	}
	return true
}

// schedule runs one choice of visibility and times. A schedule whose actions
// come to nothing, or are refused, counts as one of fewer ops.
func (x *explorer) schedule(seen [3]uint, times [3]Timestamp) error {
	x.s = newSim(0, 1)
	x.s.quiet = true
	x.s.hist = append(x.s.hist, x.setup.hist...)
	x.base = 1<<len(x.s.hist) - 1
	for i := range 3 {
		n, err := x.setup.nodes[0].capture().node()
		if err != nil {
			return err
		}
		n.id = ReplicaID(i + 1)
		x.s.nodes = append(x.s.nodes, n)
	}
	var entries []entry
	for i, a := range x.actions {
		n := x.s.nodes[x.authors[i]]
		for j := range i {
			if seen[i]>>j&1 == 1 && !n.vv.Covers(entries[j].last()) {
				n.apply(x.s, &entries[j])
			}
		}
		ok, err := x.s.write(n, a, times[i])
		if err != nil || !ok {
			return err
		}
		entries = append(entries, n.log[len(n.log)-1])
	}
	x.schedules++
	return x.explore(entries)
}

// explore applies the entries to a replica that has the setup only, in all
// causal orders, and merges all pairs of states on the way.
func (x *explorer) explore(entries []entry) error {
	start, err := x.setup.nodes[0].capture().node()
	if err != nil {
		return err
	}
	states := map[uint64]*image{}
	var walk func(n *node) error
	walk = func(n *node) error {
		if err := x.s.check(n); err != nil {
			return err
		}
		m := n.capture()
		states[n.mask] = m
		for i := range entries {
			e := &entries[i]
			if n.mask&e.mask != 0 || !n.vv.Descends(e.deps) || !x.inOrder(n, entries, i) {
				continue
			}
			next, err := m.node()
			if err != nil {
				return err
			}
			next.apply(x.s, e)
			x.deliveries++
			if err := walk(next); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(start); err != nil {
		return err
	}
	for _, a := range states {
		for _, b := range states {
			if a.mask&^b.mask == 0 && a != b {
				continue // b has seen all of a: the other way round is a merge of an old state
			}
			n, err := a.node()
			if err != nil {
				return err
			}
			if err := x.s.absorb(n, b); err != nil {
				return err
			}
			x.merges++
		}
	}
	return nil
}

// inOrder reports whether all earlier entries of the same author are applied.
func (x *explorer) inOrder(n *node, entries []entry, i int) bool {
	for j := range i {
		if x.authors[j] == x.authors[i] && n.mask&entries[j].mask == 0 {
			return false
		}
	}
	return true
}

// node makes a replica of a captured state.
func (m *image) node() (*node, error) {
	n := &node{id: 9, vv: m.vv.Clone(), mask: m.mask, clock: m.clock, keys: make([]*Object, len(m.recs))}
	for k := range m.recs {
		o, err := decodeObject(m.recs[k], m.elems[k])
		if err != nil {
			return nil, err
		}
		n.store(k, o)
	}
	return n, nil
}
