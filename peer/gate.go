package peer

import (
	"errors"
	"fmt"
	"slices"

	"crdb/crdt"
	"crdb/oplog"
)

// Errors of gate.Step. All but errDuplicate are faults of the sender and stop
// its link.
var (
	errDuplicate = errors.New("block is already here")
	errGap       = errors.New("block does not follow the one before it")
	errFork      = errors.New("block overlaps one that is already here")
	errOwnBlock  = errors.New("a peer sent a block of this replica")
	errLostLog   = errors.New("a peer has seen operations of this replica that its log does not hold")
)

// gate is the causal gate (C1): blocks go in as they arrive, per replica in
// order, and come out in an order in which everything a block depends on comes
// before it. It also finds out which blocks are missing and must be fetched.
//
// It is a plain struct: no lock, no goroutine, no clock, no I/O. One goroutine
// owns it and calls Step, Learn, LinkState, FetchDone and Tick as things
// happen, and Ready afterwards. It bounds nothing itself: who feeds it counts
// what it holds (see budget).
type gate struct {
	self     crdt.ReplicaID
	own      func() crdt.Timestamp     // own ops up to here are in the own log
	tooFar   func(crdt.Timestamp) bool // stamped too far ahead of the wall clock (H1)
	patience int                       // ticks before a missing block is fetched

	applied crdt.VersionVector // released by Ready, others' replicas only
	queues  []*queue           // sorted by replica
	ready   ready
}

// held is a block on its way through the gate, with the budget to give its
// room back to when it is applied (nil: none was taken).
type held struct {
	*oplog.Block
	room *budget
}

// queue is what the gate knows of one other replica.
type queue struct {
	replica  crdt.ReplicaID
	blocks   []held // from head on, in order, without a gap after applied
	head     int
	bytes    int
	tail     crdt.Timestamp // end of the last block held, or applied
	known    crdt.Timestamp // its log reaches at least here, somebody says
	linked   bool           // its own link is up
	waited   int            // ticks without progress while tail < need
	misses   int            // fetches in a row that brought nothing
	fetching bool
	relayed  bool // its link is down and fetching from others works
	poisoned bool
	hold     holdReason // why the head was not released by the last Ready
	stuck    int        // ticks for which the head waited and nothing came that it waits for
	stuckAt  uint64     // tells whether something came
}

// holdReason says what the first held block of a replica waits for.
type holdReason uint8

const (
	holdNone     holdReason = iota
	holdDeps                // blocks of other replicas
	holdClock               // time to catch up (H1)
	holdPoisoned            // an earlier block could not be applied (P1)
)

// want asks for blocks of a replica from whoever has them.
type want struct {
	replica crdt.ReplicaID
	after   crdt.Timestamp
	need    crdt.Timestamp // at least up to here
}

// ready is what the owner must do next, in this order. It is valid until the
// next call of Ready.
type ready struct {
	blocks []held // apply, one after the other
	wants  []want // fetch; report by FetchDone
}

func newGate(self crdt.ReplicaID, applied crdt.VersionVector, patience int) *gate {
	g := &gate{self: self, patience: patience}
	for _, e := range applied {
		if e.Replica != self {
			g.applied.Set(e.Replica, e.Time)
		}
	}
	return g
}

func (g *gate) find(r crdt.ReplicaID) (i int, found bool) {
	for i < len(g.queues) && g.queues[i].replica < r {
		i++
	}
	return i, i < len(g.queues) && g.queues[i].replica == r
}

// queue returns the queue of replica r, making it if needed.
func (g *gate) queue(r crdt.ReplicaID) *queue {
	i, found := g.find(r)
	if found {
		return g.queues[i]
	}
	t := g.applied.Get(r)
	q := &queue{replica: r, tail: t, known: t}
	g.queues = append(g.queues, nil)
	copy(g.queues[i+1:], g.queues[i:])
	g.queues[i] = q
	return q
}

// Step takes in a block. On nil the gate holds it until Ready releases it.
func (g *gate) Step(b held) error {
	if b.Replica == g.self {
		return errOwnBlock
	}
	q := g.queue(b.Replica)
	switch {
	case b.Last <= q.tail:
		return errDuplicate
	case b.Prev > q.tail:
		return fmt.Errorf("%w: replica %d, have %v, block is (%v, %v]", errGap, b.Replica, q.tail, b.Prev, b.Last)
	case b.Prev < q.tail:
		return fmt.Errorf("%w: replica %d, have %v, block is (%v, %v]", errFork, b.Replica, q.tail, b.Prev, b.Last)
	}
	if t := b.Deps.Get(g.self); t > g.own() {
		return fmt.Errorf("%w: up to %v, the log ends at %v", errLostLog, t, g.own())
	}
	q.blocks = append(q.blocks, b)
	q.bytes += len(b.Bytes())
	q.tail, q.waited, q.misses = b.Last, 0, 0
	q.known = max(q.known, b.Last)
	g.Learn(b.Deps)
	return nil
}

// Learn notes that somebody holds everything vv covers. The gate keeps no more
// than crdt.MaxReplicas replicas, whatever it is told (B1).
func (g *gate) Learn(vv crdt.VersionVector) {
	for _, e := range vv {
		if e.Replica == g.self {
			continue
		}
		if _, found := g.find(e.Replica); !found && len(g.queues) >= crdt.MaxReplicas {
			continue
		}
		q := g.queue(e.Replica)
		q.known = max(q.known, e.Time)
	}
}

// LinkState notes that the link to replica r came up or went down.
func (g *gate) LinkState(r crdt.ReplicaID, up bool) {
	q := g.queue(r)
	if q.linked != up {
		q.linked, q.waited, q.relayed = up, 0, false
	}
}

// FetchDone ends the fetch of replica r that began behind after. If it brought
// something and more is missing, the next one starts without delay; and so do
// later ones while the replica's own link is down.
func (g *gate) FetchDone(r crdt.ReplicaID, after crdt.Timestamp) {
	q := g.queue(r)
	q.fetching, q.waited = false, 0
	if q.tail <= after {
		q.misses, q.relayed = min(q.misses+1, 6), false
		return
	}
	q.misses, q.relayed = 0, !q.linked
	if q.tail < q.known {
		q.waited = g.patience
	}
}

// patienceFor returns how many ticks to wait before q's missing blocks are
// fetched: twice as long after every fetch in vain.
func (g *gate) patienceFor(q *queue) int { return g.patience << q.misses }

// Jump notes that everything in to is applied without its blocks. It returns
// the held blocks that are of no use any more.
func (g *gate) Jump(to crdt.VersionVector) (dropped []held) {
	for _, e := range to {
		if e.Replica == g.self {
			continue
		}
		q := g.queue(e.Replica)
		g.applied.Raise(crdt.Dot{Time: e.Time, Replica: e.Replica})
		for q.len() > 0 && q.blocks[q.head].Last <= e.Time {
			dropped = append(dropped, q.blocks[q.head])
			q.pop()
		}
		if q.len() > 0 && q.blocks[q.head].Prev < e.Time { // neither it nor what follows it continues that: let them come again
			dropped = append(dropped, q.drop()...)
			q.tail = 0
		}
		q.tail, q.known, q.waited = max(q.tail, e.Time), max(q.known, e.Time), 0
	}
	return dropped
}

// Back takes back the release of the last blocks that Ready released, which were not
// applied.
func (g *gate) Back(blocks []held) {
	for _, b := range slices.Backward(blocks) {
		q := g.queue(b.Replica)
		q.blocks = slices.Insert(q.blocks, q.head, b)
		q.bytes += len(b.Bytes())
		g.applied.Set(b.Replica, b.Prev)
	}
}

// Poison stops the release of blocks of replica r: one could not be applied.
func (g *gate) Poison(r crdt.ReplicaID) { g.queue(r).poisoned = true }

// Tail returns the end of what is held or applied of replica r.
func (g *gate) Tail(r crdt.ReplicaID) crdt.Timestamp { return g.queue(r).tail }

// Tick tells that a period passed.
func (g *gate) Tick() {
	for _, q := range g.queues {
		g.noteStuck(q)
		switch {
		case q.tail >= q.known:
			q.waited = 0
		case !q.fetching && q.waited < g.patienceFor(q):
			q.waited++
		}
	}
}

// Busy reports whether ticks matter: something is held or missing.
func (g *gate) Busy() bool {
	for _, q := range g.queues {
		if q.tail < q.known || q.len() > 0 {
			return true
		}
	}
	return false
}

// Ready releases every block whose time has come and names what to fetch.
func (g *gate) Ready() ready {
	g.ready.blocks, g.ready.wants = g.ready.blocks[:0], g.ready.wants[:0]
	for progress := true; progress; {
		progress = false
		for _, q := range g.queues {
			for g.release(q) {
				progress = true
			}
		}
	}
	for _, q := range g.queues {
		// A long queue means that its head waits for somebody else: more of the
		// same would not help.
		patient := !q.relayed && q.waited < g.patienceFor(q)
		long := q.len() >= fetchBelow || q.bytes >= fetchBelowBytes
		if q.tail < q.known && !q.fetching && !patient && !long && !q.poisoned {
			q.fetching = true
			g.ready.wants = append(g.ready.wants, want{q.replica, q.tail, q.known})
		}
	}
	return g.ready
}

// More blocks of a replica are fetched only while it has fewer held than this,
// in number and in bytes.
const (
	fetchBelow      = 64
	fetchBelowBytes = 8 << 20
)

// release moves the first held block of q to ready.blocks if it may be applied.
func (g *gate) release(q *queue) bool {
	if q.len() == 0 {
		q.hold = holdNone
		return false
	}
	b := q.blocks[q.head]
	switch {
	case q.poisoned:
		q.hold = holdPoisoned
	case !g.covered(b.Deps):
		q.hold = holdDeps
	case g.tooFar(b.Last):
		q.hold = holdClock
	default:
		q.pop()
		q.stuck = 0
		g.applied.Set(b.Replica, b.Last)
		g.ready.blocks = append(g.ready.blocks, b)
		return true
	}
	return false
}

// covered reports whether everything in deps is released. Own ops always are:
// Step has checked them.
func (g *gate) covered(deps crdt.VersionVector) bool {
	for _, e := range deps {
		if e.Replica != g.self && e.Time > g.applied.Get(e.Replica) {
			return false
		}
	}
	return true
}

func (q *queue) len() int { return len(q.blocks) - q.head }

// drop empties the queue and returns what it held.
func (q *queue) drop() (dropped []held) {
	for q.len() > 0 {
		dropped = append(dropped, q.blocks[q.head])
		q.pop()
	}
	return dropped
}

func (q *queue) pop() {
	q.bytes -= len(q.blocks[q.head].Bytes())
	q.blocks[q.head] = held{}
	q.head++
	if q.head == len(q.blocks) || q.head > 256 && q.head > len(q.blocks)/2 {
		n := copy(q.blocks, q.blocks[q.head:])
		clear(q.blocks[n:])
		q.blocks, q.head = q.blocks[:n], 0
	}
}
