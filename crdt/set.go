package crdt

import (
	"fmt"

	"crdb/crdt/dict"
)

// Set is an add-wins observed-remove set without tombstones: each member holds
// the dots of the adds that no removal has seen (Bieniusa et al., "An Optimized
// Conflict-free Replicated Set", 2012). The zero value is empty.
type Set struct {
	members elems // member -> its live dots, DotSize bytes each
}

func elemHash(name []byte) uint32 { return uint32(dict.Hash(elemSeed, name) >> 32) }

// Len returns the number of members.
func (s *Set) Len() int { return s.members.Len() }

// Has reports whether name is a member.
func (s *Set) Has(name []byte) bool {
	_, ok := s.members.Get(name)
	return ok
}

// Each calls fn for the members until it returns false. A member passed to fn
// is valid until the set changes.
func (s *Set) Each(fn func(name []byte) bool) {
	s.members.Each(func(name, _ []byte) bool { return fn(name) })
}

// Scan calls fn for about count members from cursor on and returns the next
// cursor, 0 at the end.
func (s *Set) Scan(cursor uint64, count int, fn func(name []byte)) uint64 {
	return s.members.Scan(cursor, count, func(name, _ []byte) { fn(name) })
}

// Random returns a member chosen by the random bits of next.
func (s *Set) Random(next func() uint64) (name []byte, ok bool) {
	name, _, ok = s.members.Random(next)
	return name, ok
}

// PrepareAdd names the members and what is seen of them. The result is the
// number of members that are new.
func (s *Set) PrepareAdd(op *Op, names [][]byte) (added int) {
	done := NamesOf(len(names))
	op.Expect(len(names), false)
	for _, name := range names {
		if done.again(name) {
			continue
		}
		if !s.see(op, name) {
			added++
		}
	}
	return added
}

// PrepareRemove names those of the members that are there, and what is seen of
// them. The result is their number; with none there is nothing to issue. When
// none stays behind the op becomes a delete of the key, as in Redis.
func (s *Set) PrepareRemove(op *Op, names [][]byte) (removed int) {
	done := NamesOf(len(names))
	op.Expect(min(len(names), s.Len()), true)
	for _, name := range names {
		if done.again(name) {
			continue
		}
		if s.see(op, name) {
			removed++
		} else {
			op.Elems = op.Elems[:len(op.Elems)-1]
		}
	}
	if removed > 0 && removed == s.Len() {
		op.empty()
	}
	return removed
}

// PreparePop names a random member of a set that has some, and what is seen of it,
// and returns it; it is valid as long as the op is.
func (s *Set) PreparePop(op *Op, rand func() uint64) (member []byte) {
	name, _, _ := s.members.Random(rand)
	first := len(op.names)
	op.names = append(op.names, name...) // a removal moves the set's own
	member = op.names[first:len(op.names):len(op.names)]
	s.see(op, member)
	if s.Len() == 1 {
		op.empty()
	}
	return member
}

func (s *Set) see(op *Op, name []byte) bool {
	e := op.addElem(name)
	rec, ok := s.members.Get(name)
	for i := 0; i < len(rec); i += DotSize {
		op.seeDot(e, DotAt(rec[i:]))
	}
	return ok
}

// add replaces the seen dots of a member by d.
func (s *Set) add(name []byte, seen VersionVector, d Dot) {
	rec, ok := s.members.Get(name)
	if ok && len(rec) == DotSize && seen.Covers(DotAt(rec)) {
		AppendDot(rec[:0], d) // in place
		return
	}
	if !ok {
		AppendDot(s.members.Reserve(name, DotSize)[:0], d)
		return
	}
	s.store(name, append(unseen(rec, seen, d), AppendDot(nil, d)...))
}

// remove drops the seen dots of a member.
func (s *Set) remove(name []byte, seen VersionVector) {
	if rec, ok := s.members.Get(name); ok {
		s.store(name, unseen(rec, seen, Dot{}))
	}
}

// store writes the dots of a member; no dots removes it.
func (s *Set) store(name, rec []byte) {
	if len(rec) == 0 {
		s.members.Delete(name)
		return
	}
	sortDots(rec)
	s.members.Put(name, rec)
}

// unseen returns a copy of the dots in rec that seen does not cover, without d.
func unseen(rec []byte, seen VersionVector, d Dot) []byte {
	var kept []byte
	for i := 0; i < len(rec); i += DotSize {
		if x := DotAt(rec[i:]); !seen.Covers(x) && x != d {
			kept = AppendDot(kept, x)
		}
	}
	return kept
}

// sortDots puts encoded dots into ascending order of their bytes, so that equal
// states have equal records.
func sortDots(rec []byte) {
	for i := DotSize; i < len(rec); i += DotSize {
		for j := i; j > 0 && string(rec[j:j+DotSize]) < string(rec[j-DotSize:j]); j -= DotSize {
			var t [DotSize]byte
			copy(t[:], rec[j:])
			copy(rec[j:j+DotSize], rec[j-DotSize:j])
			copy(rec[j-DotSize:], t[:])
		}
	}
}

// clear removes the dots that seen covers from all members.
func (s *Set) clear(seen VersionVector, _ []Elem, _ Dot) {
	var names, recs [][]byte
	s.members.Each(func(name, rec []byte) bool {
		if kept := unseen(rec, seen, Dot{}); len(kept) < len(rec) {
			names = append(names, append([]byte(nil), name...))
			recs = append(recs, kept)
		}
		return true
	})
	for i, name := range names {
		s.store(name, recs[i])
	}
}

func (s *Set) newest() Dot { return newestOf(s.eachDot) }

// merge joins o into s: a dot that one side lacks although it covers it was
// removed there (K1). Only what differs is written.
func (s *Set) merge(vv VersionVector, other collection, ovv VersionVector) {
	o := other.(*Set)
	var names, recs [][]byte
	s.members.All(func(name, rec []byte) {
		orec, _ := o.members.Get(name)
		if string(rec) != string(orec) {
			names = append(names, append([]byte(nil), name...))
			recs = append(recs, joinDots(rec, vv, orec, ovv))
		}
	})
	o.members.All(func(name, orec []byte) {
		if s.Has(name) {
			return
		}
		if rec := joinDots(nil, vv, orec, ovv); len(rec) > 0 {
			names, recs = append(names, name), append(recs, rec)
		}
	})
	for i, name := range names {
		s.store(name, recs[i])
	}
}

// unseenBy reports whether vv covers no dot of the set.
func (s *Set) unseenBy(vv VersionVector) bool {
	unseen := true
	s.members.All(func(_, rec []byte) {
		for i := 0; i < len(rec) && unseen; i += DotSize {
			unseen = !vv.Covers(DotAt(rec[i:]))
		}
	})
	return unseen
}

// joinDots returns the dots that both records hold or that the side without
// them has not covered.
func joinDots(a []byte, avv VersionVector, b []byte, bvv VersionVector) []byte {
	var out []byte
	for i := 0; i < len(a); i += DotSize {
		if d := DotAt(a[i:]); hasDot(b, d) || !bvv.Covers(d) {
			out = AppendDot(out, d)
		}
	}
	for i := 0; i < len(b); i += DotSize {
		if d := DotAt(b[i:]); !hasDot(a, d) && !avv.Covers(d) {
			out = AppendDot(out, d)
		}
	}
	return out
}

func hasDot(rec []byte, d Dot) bool {
	for i := 0; i < len(rec); i += DotSize {
		if DotAt(rec[i:]) == d {
			return true
		}
	}
	return false
}

// digest sums the hashes of the members, so that order does not matter.
func (s *Set) digest() (sum uint64) {
	s.members.Each(func(name, rec []byte) bool {
		sum += dict.Hash(dict.Hash(digestSeed, name), rec)
		return true
	})
	return sum
}

func (s *Set) kept() int { return s.members.Len() }

func (s *Set) apply(op *Op, d Dot) {
	op.expectIn(&s.members, DotSize)
	for i := range op.Elems {
		switch e := &op.Elems[i]; {
		case e.Of != TypeNone: // see Object.clearOthers
		case op.Kind == KindSetAdd:
			s.add(e.Name, e.Seen, d)
		default:
			s.remove(e.Name, e.Seen)
		}
	}
}

// A set does not count.
func (s *Set) counts() bool                       { return false }
func (s *Set) shares(*Op)                         {}
func (s *Set) stale() bool                        { return false }
func (s *Set) forget(VersionVector, func([]byte)) {}

func (s *Set) bytes() int { return s.members.Bytes() }

func (s *Set) each(fn func(name, rec []byte)) {
	s.members.All(fn)
}

func (s *Set) walk(at []byte, n int, fn func(name, rec []byte)) []byte {
	return s.members.walk(at, n, fn)
}

func (s *Set) record(name []byte) (rec []byte, ok bool) {
	return s.members.Get(name)
}

func (s *Set) load(name, rec []byte) error {
	if len(rec) == 0 || len(rec)%DotSize != 0 {
		return fmt.Errorf("%w: set member", ErrCorrupt)
	}
	for i := DotSize; i < len(rec); i += DotSize {
		if string(rec[i-DotSize:i]) >= string(rec[i:i+DotSize]) {
			return fmt.Errorf("%w: dots of a set member", ErrCorrupt)
		}
	}
	s.members.Put(name, rec)
	return nil
}
