package peer

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"crdb/crdt"
	"crdb/oplog"
)

// toy is the instance behind a Replicator in tests: an add-wins set and a sum
// per replica. It checks C1 at every block.
//
// Ops: "+elem", "-elem dot dot ..." (the dots it saw), "cN" (add N).
type toy struct {
	mu      sync.Mutex
	log     *oplog.Log
	self    crdt.ReplicaID
	applied crdt.VersionVector
	set     map[string][]crdt.Dot
	sums    map[crdt.ReplicaID]int
	faults  []string
	fail    func(b *oplog.Block) error // makes Apply fail
	blocked chan struct{}              // Apply waits while it is open
	blocks  int
}

func openToy(log *oplog.Log, self crdt.ReplicaID) (*toy, error) {
	t := &toy{log: log, self: self, set: map[string][]crdt.Dot{}, sums: map[crdt.ReplicaID]int{}}
	err := log.Replay(nil, t.Apply)
	return t, err
}

// Apply implements Applier.
func (t *toy) Apply(b *oplog.Block) error {
	t.mu.Lock()
	fail, blocked := t.fail, t.blocked
	t.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	if fail != nil {
		if err := fail(b); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if have := t.applied.Get(b.Replica); have != b.Prev {
		t.faults = append(t.faults, fmt.Sprintf("C1: (%v, %v]@%d applied after %v", b.Prev, b.Last, b.Replica, have))
	}
	if !t.applied.Descends(b.Deps) {
		t.faults = append(t.faults, fmt.Sprintf("C1: (%v, %v]@%d depends on %v, applied is %v", b.Prev, b.Last, b.Replica, b.Deps, t.applied))
	}
	if b.Replica != t.self && t.log.Received().Get(b.Replica) < b.Last {
		t.faults = append(t.faults, fmt.Sprintf("D4: (%v, %v]@%d applied before it was logged", b.Prev, b.Last, b.Replica))
	}
	t.blocks++
	return b.Each(func(e oplog.Entry) error { return t.applyLocked(e.Dot, string(e.Op)) })
}

var errToy = errors.New("toy: unknown op")

func (t *toy) applyLocked(d crdt.Dot, op string) error {
	t.applied.Raise(d)
	kind, rest := op[:1], op[1:]
	switch kind {
	case "+":
		rest, _, _ = strings.Cut(rest, "#") // ballast
		t.set[rest] = append(t.set[rest], d)
	case "-":
		fields := strings.Fields(rest)
		for _, f := range fields[1:] {
			t.removeLocked(fields[0], f)
		}
	case "c":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		t.sums[d.Replica] += n
	default:
		return errToy
	}
	return nil
}

func (t *toy) removeLocked(elem, dot string) {
	live := t.set[elem][:0:0]
	for _, d := range t.set[elem] {
		if d.String() != dot {
			live = append(live, d)
		}
	}
	if t.set[elem] = live; len(live) == 0 {
		delete(t.set, elem)
	}
}

// write makes a local op and applies it: "add x", "rem x", "count n".
func (t *toy) write(verb, arg string) crdt.Dot {
	t.mu.Lock()
	defer t.mu.Unlock()
	op := "+" + arg
	switch verb {
	case "rem":
		op = "-" + arg
		for _, d := range t.set[arg] {
			op += " " + d.String()
		}
	case "count":
		op = "c" + arg
	}
	d := t.log.Append([]byte(op))
	if err := t.applyLocked(d, op); err != nil {
		panic(err)
	}
	return d
}

func (t *toy) vector() crdt.VersionVector {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.applied.Clone()
}

// fingerprint is a pure function of the state.
func (t *toy) fingerprint() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var parts []string
	for e, dots := range t.set {
		sort.Slice(dots, func(i, j int) bool { return dots[j].Newer(dots[i]) })
		parts = append(parts, fmt.Sprintf("%s%v", e, dots))
	}
	sort.Strings(parts)
	var sums []string
	for r, n := range t.sums {
		sums = append(sums, fmt.Sprintf("%d:%d", r, n))
	}
	sort.Strings(sums)
	return fmt.Sprintf("{%s} sum{%s}", strings.Join(parts, " "), strings.Join(sums, " "))
}

func (t *toy) problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.faults...)
}
