package crdt

import "fmt"

// Within reports whether vv covers the dot of every write that the object holds a trace of:
// values and counter shares, removed ones too, deadlines, elements. A state
// holds nothing that its vector does not cover, so an object which is not within that has
// been forged.
func (o *Object) Within(vv VersionVector) bool {
	within := o.Cell.within(vv) && datesWithin(o.Deadlines, vv)
	for i := range o.parts {
		if within {
			o.parts[i].coll.eachDot(func(d Dot) { within = within && vv.Covers(d) })
		}
	}
	return within
}

// errForeseen means that an op has seen what there cannot have been when it was made.
var errForeseen = fmt.Errorf("%w: op that has seen writes which it does not depend on", ErrCorrupt)

// SeenWithin reports whether vv covers all that the author of op says it had seen. An op
// removes what it has seen, so one that has seen a write to come removes it where the write
// comes first, and nowhere else.
func (op *Op) SeenWithin(vv VersionVector) bool {
	if !vv.Descends(op.Clear) || !resetsWithin(op.Shares, vv) {
		return false
	}
	for i := range op.Elems {
		if e := &op.Elems[i]; !vv.Descends(e.Seen) || !resetsWithin(e.Shares, vv) || !op.nameWithin(e, vv) {
			return false
		}
	}
	return true
}

// nameWithin is for what adds to an epoch of a HyperLogLog: it names it by its dot. Of one to
// come that would be lost where the epoch comes later, and nowhere else.
func (op *Op) nameWithin(e *Elem, vv VersionVector) bool {
	return op.Kind != KindHLLAdd || e.Of != TypeNone || len(e.Name) == 0 || vv.Covers(DotAt(e.Name))
}

func resetsWithin(list []Reset, vv VersionVector) bool {
	for i := range list {
		if !vv.Covers(Dot{list[i].Time, list[i].Replica}) {
			return false
		}
	}
	return true
}

// newestOf returns the newest dot of those that each calls its argument for.
func newestOf(each func(fn func(d Dot))) (newest Dot) {
	each(func(d Dot) {
		if d.Newer(newest) {
			newest = d
		}
	})
	return newest
}

func datesWithin(list []Deadline, vv VersionVector) bool {
	for _, x := range list {
		if !vv.Covers(x.Dot) {
			return false
		}
	}
	return true
}

func (c *Cell) within(vv VersionVector) (within bool) {
	within = true
	c.eachDot(func(d Dot) { within = within && vv.Covers(d) })
	return within
}

func (c *Cell) eachDot(fn func(d Dot)) {
	for i := range c.Siblings {
		fn(c.Siblings[i].Dot)
	}
	for i := range c.Shares {
		s := &c.Shares[i]
		fn(Dot{max(s.Last, s.Base), s.Replica})
		if s.removed() {
			fn(s.Gone)
		}
	}
}

func (s *Set) eachDot(fn func(d Dot)) {
	s.members.All(func(_, rec []byte) {
		for ; len(rec) > 0; rec = rec[DotSize:] {
			fn(DotAt(rec))
		}
	})
}

func (m *cellMap) eachDot(fn func(d Dot)) {
	m.cells.All(func(_, rec []byte) {
		if rec[0] == shapePlain {
			fn(DotAt(rec[1:]))
			return
		}
		e := mustElement(rec)
		e.Cell.eachDot(fn)
		for _, x := range e.dates {
			fn(x.Dot)
		}
	})
}

func (l *List) eachDot(fn func(d Dot)) {
	l.each1(func(e *listEntry) {
		fn(e.dot())
		fn(e.newest())
		if d := e.moved(); !d.IsZero() {
			fn(d)
		}
	})
}

func (h *HLL) eachDot(fn func(d Dot)) {
	for i := range h.epochs {
		fn(h.epochs[i].dot)
		fn(h.epochs[i].last)
	}
}
