package crdt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// readers are a few regions that read one stream through one group: the log of each,
// and beside it what a region must deliver yet.
type readers struct {
	rnd   *rand.Rand
	nodes []*readerNode
	skips bool // positions are set by hand
}

type readerNode struct {
	writer
	o       *Object
	vv      VersionVector
	log     []readerOp
	acked   map[StreamID]bool // what this region knows to be acknowledged
	skipped map[StreamID]bool // what it was told to pass over
	group   bool              // it has the group
}

type readerOp struct {
	b    []byte
	dot  Dot
	deps VersionVector
	acks []StreamID
}

var readGroup = []byte("g")

func newReaders(seed uint64) *readers {
	r := &readers{rnd: rand.New(rand.NewPCG(seed, 11)), skips: seed%2 == 1}
	for i := range 3 {
		r.nodes = append(r.nodes, &readerNode{writer: writer{id: ReplicaID(i + 1)}, o: &Object{}, acked: map[StreamID]bool{}, skipped: map[StreamID]bool{}})
	}
	return r
}

// write issues an op on the stream.
func (n *readerNode) write(kind Kind, acks []StreamID, prepare func(op *Op, s *Stream)) {
	deps := n.vv.Clone()
	b, d := n.change(n.o, kind, TypeStream, func(op *Op) {
		s := n.o.Stream()
		s.Begin()
		prepare(op, s)
	})
	n.log = append(n.log, readerOp{b, d, deps, acks})
	n.applied(&n.log[len(n.log)-1])
}

func (n *readerNode) applied(op *readerOp) {
	n.vv.Raise(op.dot)
	n.time = max(n.time, op.dot.Time)
	for _, id := range op.acks {
		n.acked[id] = true
	}
}

func (n *readerNode) add(ms uint64) {
	n.write(KindStreamAdd, nil, func(op *Op, s *Stream) {
		s.PrepareAdd(op, n.id, StreamID{ms, uint64(n.id)}, AppendStreamFields(nil, [][]byte{[]byte("f"), nil}))
	})
}

func (n *readerNode) create(start StreamID) {
	n.write(KindStreamAdd, nil, func(op *Op, s *Stream) { s.PrepareGroup(op, readGroup, start, NoEntriesRead, true) })
}

func (n *readerNode) read(limit int) {
	s := n.o.Stream()
	g := s.Group(readGroup)
	c, _ := g.AddConsumer([]byte("c"), 0)
	for _, id := range s.Next(g, limit) {
		s.Delivered(g, id)
		g.Assign(id, c, 0, 1)
	}
}

func (n *readerNode) ack(ids ...StreamID) {
	n.write(KindStreamRemove, ids, func(op *Op, s *Stream) { s.PrepareAck(op, s.Group(readGroup), ids) })
}

func (n *readerNode) remove(ids ...StreamID) {
	n.write(KindStreamRemove, nil, func(op *Op, s *Stream) { s.PrepareRemove(op, ids) })
}

func (n *readerNode) pendingIDs() (ids []StreamID) {
	n.o.Stream().Group(readGroup).EachPending(nil, StreamID{}, MaxStreamID, func(id StreamID, _ *Pending) bool {
		ids = append(ids, id)
		return true
	})
	return ids
}

// pull applies the next op of another region, if it is its turn.
func (n *readerNode) pull(from *readerNode) {
	for i := range from.log {
		if op := &from.log[i]; !n.vv.Covers(op.dot) {
			if n.vv.Descends(op.deps) {
				applyBytes(n.o, op.b, op.dot)
				n.applied(op)
			}
			return
		}
	}
}

// merge is a state transfer.
func (n *readerNode) merge(from *readerNode) {
	n.o.Merge(n.vv, reloaded(from.o), from.vv)
	n.vv.Merge(from.vv)
	n.time = max(n.time, from.time)
	for id := range from.acked {
		n.acked[id] = true
	}
}

func reloaded(o *Object) *Object {
	again, err := decodeObject(encodeObject(o))
	if err != nil {
		panic(err)
	}
	return again
}

// step does something in one region.
func (r *readers) step() {
	n, from := r.nodes[r.rnd.IntN(3)], r.nodes[r.rnd.IntN(3)]
	s := n.o.Stream()
	g := s.Group(readGroup)
	switch p := r.rnd.IntN(100); {
	case p < 25:
		n.add(s.LastID().Ms + 1 + uint64(r.rnd.IntN(2)))
	case p < 60 && n != from:
		n.pull(from)
	case p < 64 && n != from:
		n.merge(from)
	case p < 68:
		n.o = reloaded(n.o)
	case p < 72 && g == nil:
		start := StreamID{}
		if r.skips && r.rnd.IntN(2) == 0 {
			start = s.LastID()
		}
		n.create(start)
	case g == nil:
	case p < 82:
		n.read(1 + r.rnd.IntN(4))
	case p < 94:
		if ids := n.pendingIDs(); len(ids) > 0 {
			i := r.rnd.IntN(len(ids))
			n.ack(ids[i : i+1+r.rnd.IntN(len(ids)-i)]...)
		}
	case p < 98:
		if s.Entries() > 0 {
			n.remove(s.list.idAt(r.rnd.IntN(s.Entries())))
		}
	case r.skips:
		to := StreamID{Ms: uint64(r.rnd.IntN(int(s.LastID().Ms + 1)))}
		s.Range(StreamID{}, to, false, func(e *StreamEntry) bool { n.skipped[e.ID] = true; return true })
		g.SetID(to, NoEntriesRead)
	}
}

// check compares what a region still waits for with what it must deliver: what is
// here and neither acknowledged, as far as is known here, nor passed over by hand.
func (r *readers) check(n *readerNode) error {
	s := reloaded(n.o).Stream()
	g := s.Group(readGroup)
	if g == nil {
		return nil
	}
	if !n.group {
		n.group = true
		s.Range(StreamID{}, g.from, false, func(e *StreamEntry) bool { n.skipped[e.ID] = true; return true })
	}
	waits := map[StreamID]bool{}
	g.EachPending(nil, StreamID{}, MaxStreamID, func(id StreamID, _ *Pending) bool { waits[id] = true; return true })
	for _, id := range s.Next(g, 0) {
		waits[id] = true
	}
	var err error
	s.Range(StreamID{}, MaxStreamID, false, func(e *StreamEntry) bool {
		switch {
		case !waits[e.ID] && !n.acked[e.ID] && !n.skipped[e.ID]:
			err = fmt.Errorf("region %d loses %v", n.id, e.ID)
		case waits[e.ID] && n.acked[e.ID] && !r.skips:
			err = fmt.Errorf("region %d delivers %v again", n.id, e.ID)
		}
		return err == nil
	})
	if top := 2*s.Entries() + spareIDs + 60; g.ahead.n > top || g.late.n > top {
		err = fmt.Errorf("region %d notes %d and %d IDs of %d entries", n.id, g.ahead.n, g.late.n, s.Entries())
	}
	return err
}

// TestGroupsDeliverUntilAcknowledged: whatever regions read, acknowledge and merge,
// each delivers what nobody has acknowledged, and nothing else.
func TestGroupsDeliverUntilAcknowledged(t *testing.T) {
	seeds := uint64(200)
	if *long {
		seeds = 20000
	}
	for seed := range seeds {
		r := newReaders(seed)
		for step := range 100 {
			r.step()
			for _, n := range r.nodes {
				if err := r.check(n); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
		}
	}
}

// TestAcknowledgementsElsewhereAreBounded: a region where nobody reads keeps nothing
// of what others have acknowledged, but for what is behind an entry that waits.
func TestAcknowledgementsElsewhereAreBounded(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		r := newReaders(0)
		a, b := r.nodes[0], r.nodes[1]
		a.create(StreamID{})
		const n = 1000
		for i := range uint64(n) {
			a.add(i + 1)
			a.read(1)
			if id := (StreamID{i + 1, 1}); i > 0 || !stuck {
				a.ack(id)
				a.remove(id)
			}
		}
		for range a.log {
			b.pull(a)
		}
		s := b.o.Stream()
		g := s.Group(readGroup)
		if left := s.Entries(); g.ahead.n > 2*left+spareIDs+1 || !stuck && g.Last != (StreamID{n, 1}) {
			t.Errorf("stuck %v: %d acknowledged of %d entries, at %v", stuck, g.ahead.n, left, g.Last)
		}
	}
}

// TestMergeTakesAcknowledgements: a state transfer brings them as the log does, and
// what was passed over by hand or waits is none.
func TestMergeTakesAcknowledgements(t *testing.T) {
	r := newReaders(0)
	a := r.nodes[0]
	a.create(StreamID{})
	for i := range uint64(6) {
		a.add(i + 1)
	}
	a.read(3)
	a.ack(StreamID{1, 1}, StreamID{3, 1})
	next := func(n *readerNode) string {
		s := n.o.Stream()
		return fmt.Sprint(s.Next(s.Group(readGroup), 0))
	}
	byLog, byMerge := r.nodes[1], r.nodes[2]
	for range a.log {
		byLog.pull(a)
	}
	byMerge.merge(a)
	if got, want := next(byMerge), next(byLog); got != want || got != "[{2 1} {4 1} {5 1} {6 1}]" {
		t.Errorf("by a merge %v is delivered, by the log %v", got, want)
	}
	a.o.Stream().Group(readGroup).SetID(StreamID{5, 1}, NoEntriesRead)
	a.read(1)
	a.ack(StreamID{6, 1})
	byMerge.merge(a)
	if got := next(byMerge); got != "[{2 1} {4 1} {5 1}]" {
		t.Errorf("by a merge after XGROUP SETID %v is delivered", got)
	}
}

// TestMergeTakesWhatCameLate: an entry that came behind the position of a group and
// waits there waits as well where a state transfer makes the group.
func TestMergeTakesWhatCameLate(t *testing.T) {
	r := newReaders(0)
	a, late, joins := r.nodes[0], r.nodes[1], r.nodes[2]
	for i := range uint64(5) {
		a.add(i + 1)
	}
	a.create(StreamID{5, 1})
	late.add(3)
	a.pull(late)
	joins.merge(a)
	s := joins.o.Stream()
	if ids := s.Next(s.Group(readGroup), 0); len(ids) != 1 || ids[0] != (StreamID{3, 2}) {
		t.Errorf("to be delivered: %v", ids)
	}
}

// TestSameIDComesLate: an entry whose ID another region has given as well, and a group
// has read, is delivered all the same, also where it is the last ID of the stream.
func TestSameIDComesLate(t *testing.T) {
	for _, merges := range []bool{false, true} {
		r := newReaders(0)
		a, b := r.nodes[0], r.nodes[1]
		same := func(n *readerNode, ms uint64) {
			n.write(KindStreamAdd, nil, func(op *Op, s *Stream) {
				s.PrepareAdd(op, n.id, StreamID{ms, 1}, AppendStreamFields(nil, [][]byte{[]byte("f"), {byte(n.id)}}))
			})
		}
		a.create(StreamID{})
		b.time += 100
		for ms := range uint64(2) {
			same(a, ms+1)
			same(b, ms+1) // behind that of a
		}
		a.read(0)
		a.ack(StreamID{1, 1}, StreamID{2, 1})
		if merges {
			a.merge(b)
		}
		for range b.log {
			a.pull(b)
		}
		s := a.o.Stream()
		if ids := s.Next(s.Group(readGroup), 0); s.Entries() != 4 || len(ids) != 2 {
			t.Errorf("merges %v: %d entries, to be delivered: %v", merges, s.Entries(), ids)
		}
		c := r.nodes[2]
		for range a.log {
			c.pull(a)
		}
		a.merge(c) // it has not seen them: that it knows what was acknowledged means the others
		if ids := s.Next(s.Group(readGroup), 0); len(ids) != 2 {
			t.Errorf("merges %v: then to be delivered: %v", merges, ids)
		}
	}
}
