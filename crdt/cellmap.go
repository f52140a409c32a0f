package crdt

import (
	"encoding/binary"

	"crdb/crdt/dict"
)

// cellMap is what a Hash and a ZSet have in common: an add-wins map from names
// to elements. A removal takes what it saw of an element; a concurrent write or
// increment of it survives. The zero value is empty.
//
// Its owner may keep an index over the elements, so whatever changes one goes
// through a changer of the owner.
type cellMap struct {
	cells    elems // name -> encoded element
	residue  int32 // elements that are not live and kept for something removed
	stales   int32 // elements that hold removed shares, live or not
	counters int32 // elements that hold shares
}

// changer replaces the element of a name by what fn makes of it.
type changer func(name []byte, fn func(e *element))

// Len returns the number of live elements.
func (m *cellMap) Len() int { return m.cells.Len() - int(m.residue) }

func (m *cellMap) get(name []byte) (rec []byte, ok bool) {
	return m.cells.Get(name)
}

// element decodes the element of a name, empty if there is none.
func (m *cellMap) element(name []byte) *element {
	if rec, ok := m.get(name); ok {
		return mustElement(rec)
	}
	return &element{}
}

// change is the changer of a map without an index.
func (m *cellMap) change(name []byte, fn func(e *element)) { m.changeIn(&work{}, name, fn) }

// tally counts an element in or out.
func (m *cellMap) tally(e *element, n int32) {
	if len(e.Shares) > 0 {
		m.counters += n
		if e.stale() {
			m.stales += n
		}
	}
	if !e.Live() {
		m.residue += n
	}
}

// fresh makes room for a plain element of size bytes that replaces nothing, or
// a plain one that was seen; was is that one's value, if it has the same size: it is
// the room, too. ok is false if the element is not as plain as that.
func (m *cellMap) fresh(e *Elem, d Dot, size int) (value []byte, was []byte, there, ok bool) {
	rec, there := m.cells.Get(e.Name)
	if there && (rec[0] != shapePlain || !e.Seen.Covers(DotAt(rec[1:])) && DotAt(rec[1:]) != d) {
		return nil, nil, true, false
	}
	if there {
		was = rec[plainHeader:]
	}
	b := rec
	if len(b) != plainHeader+size {
		b = m.cells.Reserve(e.Name, plainHeader+size)
	}
	b[0] = shapePlain
	AppendDot(b[1:1], d)
	return b[plainHeader:], was, there, true
}

// raise applies an increment in place where nothing is but a share of its
// author, and reports whether it has.
func (m *cellMap) raise(e *Elem, d Dot) bool {
	rec, ok := m.get(e.Name)
	if !ok || rec[0] != shapeShare || e.Total.big != nil || e.Total.float {
		return false
	}
	share := rec[1:]
	last := Dot{Timestamp(binary.BigEndian.Uint64(share[2:])), ReplicaID(binary.BigEndian.Uint16(share))}
	if last.Replica != d.Replica || last.Time >= d.Time {
		return false
	}
	binary.BigEndian.PutUint64(share[2:], uint64(d.Time))
	binary.BigEndian.PutUint64(share[10:], uint64(e.Total.i))
	return true
}

// see appends to op an element for the name with what is seen of it.
func (m *cellMap) see(op *Op, name []byte) (live bool) {
	e := op.addElem(name)
	rec, ok := m.get(name)
	if !ok {
		return false
	}
	if rec[0] == shapePlain {
		op.seeDot(e, DotAt(rec[1:]))
		return true
	}
	c := mustElement(rec)
	op.seeCell(e, &c.Cell)
	for _, x := range c.dates {
		op.seeDot(e, x.Dot)
	}
	return c.Live()
}

// names copies the names of the elements whose record passes.
func (m *cellMap) names(pass func(rec []byte) bool) (names [][]byte) {
	m.cells.Each(func(name, rec []byte) bool {
		if pass(rec) {
			names = append(names, append([]byte(nil), name...))
		}
		return true
	})
	return names
}

// remove applies the removal of what an element had seen.
func (m *cellMap) remove(change changer, e *Elem, by Dot) {
	if _, ok := m.get(e.Name); ok {
		change(e.Name, func(c *element) { c.clear(e.Seen, e.Shares, by) })
	}
}

// plain returns the value of an element that is nothing but a value, if its
// removal has seen that: then nothing is left of it.
func (m *cellMap) plain(e *Elem) (value []byte, ok bool) {
	rec, ok := m.get(e.Name)
	if !ok || rec[0] != shapePlain || !e.Seen.Covers(DotAt(rec[1:])) {
		return nil, false
	}
	return rec[plainHeader:], true
}

// clearAll removes what seen covers of every element, and the named parts of the
// shares of elements of type t.
func (m *cellMap) clearAll(change changer, t Type, seen VersionVector, elems []Elem, by Dot) {
	for i := range elems {
		if elems[i].Of == t {
			x := Elem{Name: elems[i].Name, Shares: elems[i].Shares}
			m.remove(change, &x, by)
		}
	}
	takes := func(rec []byte) bool {
		if rec[0] == shapePlain {
			return seen.Covers(DotAt(rec[1:]))
		}
		return !residual(rec)
	}
	for _, name := range m.names(takes) {
		change(name, func(c *element) { c.clear(seen, nil, by) })
	}
}

// addShares adds to op an element of type t for each with live shares.
func (m *cellMap) addShares(op *Op, t Type) {
	if m.counters == 0 {
		return
	}
	m.cells.Each(func(name, rec []byte) bool {
		if rec[0] != shapePlain && !residual(rec) {
			if _, resets := mustElement(rec).Seen(nil, nil); len(resets) > 0 {
				e := op.addElem(name)
				e.Of, e.Shares = t, resets
			}
		}
		return true
	})
}

// forgetAll drops the removed shares whose removal is stable.
func (m *cellMap) forgetAll(change changer, stable VersionVector, note func(name []byte)) {
	if m.stales == 0 {
		return
	}
	due := func(rec []byte) bool {
		return !eachShare(rec, func(s Share) bool { return !s.removed() || !stable.Covers(s.Gone) })
	}
	for _, name := range m.names(due) {
		change(name, func(c *element) { c.forget(stable) })
		note(name)
	}
}

// newest returns the newest live dot.
func (m *cellMap) newest() (d Dot) {
	m.cells.Each(func(_, rec []byte) bool {
		x := Dot{}
		if rec[0] == shapePlain {
			x = DotAt(rec[1:])
		} else {
			x = mustElement(rec).Newest()
		}
		if x.Newer(d) {
			d = x
		}
		return true
	})
	return d
}

// mergeAll joins o into m, element by element. Plain ones that stay as they are,
// which is nearly all of them, are not touched.
func (m *cellMap) mergeAll(change changer, vv VersionVector, o *cellMap, ovv VersionVector) {
	var names [][]byte
	m.cells.All(func(name, rec []byte) {
		orec, both := o.get(name)
		stays := rec[0] == shapePlain && (both && string(rec) == string(orec) || !both && !ovv.Covers(DotAt(rec[1:])))
		if !stays {
			names = append(names, append([]byte(nil), name...))
		}
	})
	o.cells.All(func(name, rec []byte) {
		if rec[0] == shapePlain && vv.Covers(DotAt(rec[1:])) {
			return
		}
		if _, both := m.get(name); !both {
			names = append(names, name)
		}
	})
	for _, name := range names {
		change(name, func(c *element) { c.merge(vv, o.element(name), ovv) })
	}
}

// unseenBy reports whether all elements are plain and vv covers none of them.
func (m *cellMap) unseenBy(vv VersionVector) bool {
	unseen := true
	m.cells.All(func(_, rec []byte) {
		unseen = unseen && rec[0] == shapePlain && !vv.Covers(DotAt(rec[1:]))
	})
	return unseen
}

// digest sums the hashes of the live elements.
func (m *cellMap) digest() (sum uint64) {
	m.cells.Each(func(name, rec []byte) bool {
		if c := mustElement(rec); c.Live() {
			sum += dict.Hash(dict.Hash(digestSeed, name), c.canonical(nil))
		}
		return true
	})
	return sum
}

func (m *cellMap) kept() int    { return m.cells.Len() }
func (m *cellMap) counts() bool { return m.counters > 0 }
func (m *cellMap) stale() bool  { return m.stales > 0 }
func (m *cellMap) bytes() int   { return m.cells.Bytes() }

func (m *cellMap) each(fn func(name, rec []byte)) {
	m.cells.All(fn)
}

func (m *cellMap) walk(at []byte, n int, fn func(name, rec []byte)) []byte {
	return m.cells.walk(at, n, fn)
}

// loadPlain is load of an element that is nothing but a value and comes once.
func (m *cellMap) loadPlain(name, rec []byte) bool {
	if len(rec) < plainHeader || rec[0] != shapePlain {
		return false
	}
	if _, twice := m.cells.Get(name); twice {
		return false
	}
	m.cells.Put(name, rec)
	return true
}

func (m *cellMap) record(name []byte) (rec []byte, ok bool) { return m.get(name) }
