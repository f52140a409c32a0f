package crdt

import (
	"bytes"
	"fmt"
)

// last is the dot that covers the entry.
func (e *entry) last() Dot { return e.dots[len(e.dots)-1] }

// apply applies an entry.
func (n *node) apply(s *sim, e *entry) {
	for i, b := range e.ops {
		var op Op
		if err := DecodeOp(&op, b); err != nil {
			panic(err)
		}
		if again := AppendOp(nil, &op); !bytes.Equal(again, b) {
			panic(fmt.Sprintf("op %x encodes again as %x", b, again))
		}
		for k := range n.keys {
			if op.Kind == KindFlush || int(op.Key[0]) == k {
				o := n.object(k)
				o.Apply(&op, e.dots[i])
				s.break_.applied(o, &op, e.dots[i])
				n.store(k, o)
			}
		}
	}
	n.vv.Raise(e.last())
	n.clock = max(n.clock, e.last().Time)
	n.mask |= e.mask
}

// deliver offers entry i of from's log to n, which takes it once and in causal
// order (C1).
func (s *sim) deliver(n, from *node, i int) (bool, error) {
	e := &from.log[i]
	if n == from || n.vv.Covers(e.last()) {
		return false, nil // a duplicate
	}
	if i > 0 && !n.vv.Covers(from.log[i-1].last()) {
		return false, nil
	}
	if !n.vv.Descends(e.deps) && !s.break_.anyOrder {
		return false, nil
	}
	n.apply(s, e)
	s.note("%d applies %x of %d", n.id, e.mask, from.id)
	return true, s.check(n)
}

// next is the index of the first entry of from that n has not applied.
func (n *node) next(from *node) int {
	i := 0
	for i < len(from.log) && n.vv.Covers(from.log[i].last()) {
		i++
	}
	return i
}

// heal delivers everything to everyone.
func (s *sim) heal() error {
	for moved := true; moved; {
		moved = false
		for _, n := range s.nodes {
			for _, from := range s.nodes {
				for i := n.next(from); i < len(from.log); i++ {
					ok, err := s.deliver(n, from, i)
					if err != nil {
						return err
					}
					moved = moved || ok
				}
			}
		}
	}
	for _, n := range s.nodes {
		if n.mask != 1<<len(s.hist)-1 {
			return fmt.Errorf("replica %d has %x after the heal", n.id, n.mask)
		}
		if err := s.check(n); err != nil {
			return err
		}
	}
	return nil
}

// check compares what n shows of every key with the spec, and its digests with
// those of replicas that had the same visible events.
func (s *sim) check(n *node) error {
	for k := range n.keys {
		o := n.object(k)
		seen := visible{k, n.mask & s.hist.about(k)}
		want, ok := s.views[seen]
		if !ok {
			want = s.hist.view(n.mask, k).String()
			s.views[seen] = want
		}
		if got := dump(o); got != want {
			return fmt.Errorf("replica %d key %d mask %x:\n got  %s\n want %s", n.id, k, n.mask, got, want)
		}
		if !ok {
			if err := s.checkOrder(values(o)); err != nil {
				return fmt.Errorf("replica %d key %d mask %x: %w", n.id, k, n.mask, err)
			}
		}
		d := o.Digest()
		if old, ok := s.digests[seen]; ok && old != d {
			return fmt.Errorf("replica %d key %d mask %x: digest %x, elsewhere %x", n.id, k, n.mask, d, old)
		}
		s.digests[seen] = d
	}
	return nil
}

// about selects the events that concern a key.
func (h history) about(key int) (mask uint64) {
	for x := range h {
		if h[x].verb == vFlush || h[x].key == key {
			mask |= 1 << x
		}
	}
	return mask
}

// capture encodes the state of n.
func (n *node) capture() *image {
	m := &image{from: n.id, vv: n.vv.Clone(), forgot: n.forgot.Clone(), mask: n.mask, clock: n.clock}
	for k := range n.keys {
		rec, elems := encodeObject(n.object(k))
		m.recs, m.elems = append(m.recs, rec), append(m.elems, elems)
	}
	return m
}

// encodeObject takes an object apart as a checkpoint does.
func encodeObject(o *Object) (rec []byte, elems []elemRec) {
	rec, flat := AppendRecord(nil, o)
	if flat {
		return rec, nil
	}
	o.EachElem(func(t Type, name, rec []byte) {
		elems = append(elems, elemRec{t, bytes.Clone(name), bytes.Clone(rec)})
	})
	return o.AppendHeader(nil), elems
}

// decodeObject puts it together again.
func decodeObject(rec []byte, elems []elemRec) (*Object, error) {
	o := &Object{}
	if err := DecodeRecord(o, rec); err != nil {
		return nil, err
	}
	for _, e := range elems {
		if err := o.LoadElem(e.t, e.name, e.rec); err != nil {
			return nil, err
		}
	}
	d := o.Detach()
	return &d, nil
}

// absorb merges a captured state into n, if K4 allows it.
func (s *sim) absorb(n *node, m *image) error {
	if !s.break_.anyImage && (!m.vv.Descends(n.forgot) || !n.vv.Descends(m.forgot)) {
		return nil
	}
	for k := range n.keys {
		theirs, err := decodeObject(m.recs[k], m.elems[k])
		if err != nil {
			return fmt.Errorf("key %d from %d: %w", k, m.from, err)
		}
		mine := n.object(k)
		if err := sameBases(&mine.Cell, &theirs.Cell); err != nil {
			return err
		}
		s.break_.merge(mine, n.vv, theirs, m.vv)
		n.store(k, mine)
	}
	n.vv.Merge(m.vv)
	n.clock = max(n.clock, m.clock)
	n.mask |= m.mask
	s.note("%d merges the state %x of %d", n.id, m.mask, m.from)
	return s.check(n)
}

// sameBases checks that equal bases mean equal totals: when a total restarts, its
// base lies above the removal that made it restart.
func sameBases(a, b *Cell) error {
	for _, x := range a.Shares {
		if y := b.share(x.Replica); y != nil && x.Base == y.Base && !x.BaseTotal.Equal(y.BaseTotal) {
			return fmt.Errorf("shares %+v and %+v", x, *y)
		}
	}
	return nil
}

// reload lets n forget everything in memory but what its codecs keep.
func (s *sim) reload(n *node) error {
	m := n.capture()
	for k := range n.keys {
		o, err := decodeObject(m.recs[k], m.elems[k])
		if err != nil {
			return fmt.Errorf("key %d of %d: %w", k, n.id, err)
		}
		rec, elems := encodeObject(o)
		if !bytes.Equal(rec, m.recs[k]) || len(elems) != len(m.elems[k]) {
			return fmt.Errorf("key %d of %d: %x encodes again as %x", k, n.id, m.recs[k], rec)
		}
		n.store(k, o)
	}
	s.note("%d reloads", n.id)
	return s.check(n)
}

// forget lets n drop what is stable.
func (s *sim) forget(n *node) error {
	stable := s.nodes[0].vv.Clone()
	for _, x := range s.nodes[1:] {
		for i, e := range stable {
			stable[i].Time = min(e.Time, x.vv.Get(e.Replica))
		}
	}
	truly := stable.Clone()
	stable = s.break_.stable(n, stable)
	for k := range n.keys {
		o := n.object(k)
		o.Forget(stable, nil)
		n.store(k, o)
	}
	n.forgot.Merge(truly)
	s.note("%d forgets up to %v", n.id, stable)
	return s.check(n)
}
