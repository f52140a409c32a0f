package crdt

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"crdb/crdt/dict"
)

// elems maps the names of a collection's elements to their records. While they are few
// they lie one behind the other in a single piece of memory, in the order in which they
// came, just as in a flat record (few.go): to look through them is as quick as an index,
// which would take more memory than they do. Beyond, they lie in a Dict, until there are
// none left. The zero value is empty and ready.
//
// Slices it returns are valid until the next change of the same element: a change of another
// one leaves what was there as it was, so that an op may name what it changes. The bytes
// of records may be changed in place.
type elems struct {
	few  []byte     // of each: name and record, both as appendBytes writes them
	n    int32      // how many are in few
	many *dict.Dict // all of them, once they are many; nil before
}

const (
	// maxFewBytes bounds few, as maxFew does the elements there: what fits a flat record
	// of 1 KiB fits, and so does what lies there while an op makes of one such record another.
	maxFewBytes = 2048
	// elemsSize is what elems itself takes.
	elemsSize = 40
)

// fewElem is an element that lies in few, from at to end.
type fewElem struct {
	name, rec []byte
	at, end   int
}

// elemAt returns the element at a place before the end.
func (m *elems) elemAt(at int) fewElem {
	name, from := fewField(m.few, at)
	rec, end := fewField(m.few, from)
	return fewElem{name, rec, at, end}
}

// nth returns the i-th element, which must be there.
func (m *elems) nth(i int) fewElem {
	e := m.elemAt(0)
	for ; i > 0; i-- {
		e = m.elemAt(e.end)
	}
	return e
}

// fewField returns the field of few that starts at a place, and where it ends.
func fewField(b []byte, at int) (v []byte, end int) {
	size, k := uint64(b[at]), 1
	if size >= 0x80 {
		size, k = binary.Uvarint(b[at:])
	}
	end = at + k + int(size)
	return b[at+k : end : end], end
}

// fewFieldSize is how many bytes a field of a length takes.
func fewFieldSize(n int) int { return (bits.Len(uint(n)|1)+6)/7 + n }

// find returns the element of a name, or the end, where it would be added.
func (m *elems) find(name []byte) (e fewElem, ok bool) {
	for at := 0; at < len(m.few); at = e.end {
		if e = m.elemAt(at); bytes.Equal(e.name, name) {
			return e, true
		}
	}
	return fewElem{at: len(m.few), end: len(m.few)}, false
}

// Len returns the number of elements.
func (m *elems) Len() int {
	if m.many != nil {
		return m.many.Len()
	}
	return int(m.n)
}

// Get returns the record of a name.
func (m *elems) Get(name []byte) (rec []byte, ok bool) {
	if m.many != nil {
		return m.many.Get(elemHash(name), name)
	}
	e, ok := m.find(name)
	return e.rec, ok
}

// Put sets the record of a name.
func (m *elems) Put(name, rec []byte) { copy(m.Reserve(name, len(rec)), rec) }

// Reserve makes the record of a name size bytes long and returns it to be filled; its old
// content is undefined. One that keeps its length is overwritten in place. name, and
// what is copied into it, must not be part of the same element's record.
func (m *elems) Reserve(name []byte, size int) (rec []byte) {
	if m.many == nil {
		if rec, ok := m.reserveFew(name, size); ok {
			return rec
		}
		m.enlarge()
	}
	rec, _ = m.many.Reserve(elemHash(name), name, size)
	return rec
}

// reserveFew is Reserve; ok is false, and nothing changed, if few would get too large.
func (m *elems) reserveFew(name []byte, size int) (rec []byte, ok bool) {
	e, there := m.find(name)
	if there && len(e.rec) == size {
		return e.rec, true
	}
	all := fewFieldSize(len(name)) + fewFieldSize(size)
	if len(m.few)+all-(e.end-e.at) > maxFewBytes || !there && m.n == maxFew {
		return nil, false
	}
	b := m.resize(e.at, e.end, all)
	n := len(binary.AppendUvarint(b[:0], uint64(len(name))))
	n += copy(b[n:], name)
	n += len(binary.AppendUvarint(b[n:n], uint64(size)))
	if !there {
		m.n++
	}
	return b[n:all:all], true
}

// resize makes size bytes of what lies from at to end, and returns them. It leaves the
// elements where they were, and moves to another place: see elems. Only at the end is
// room used that there is.
func (m *elems) resize(at, end, size int) []byte {
	if at == len(m.few) && at+size <= cap(m.few) {
		m.few = m.few[:at+size]
		return m.few[at:]
	}
	fresh := make([]byte, len(m.few)+size-(end-at))
	copy(fresh, m.few[:at])
	copy(fresh[at+size:], m.few[end:])
	m.few = fresh
	return fresh[at : at+size]
}

// enlarge makes a Dict of a few.
func (m *elems) enlarge() {
	d := &dict.Dict{}
	m.All(func(name, rec []byte) { d.Put(elemHash(name), name, rec) })
	*m = elems{many: d}
}

// Delete removes an element, if it is there.
func (m *elems) Delete(name []byte) {
	if m.many != nil {
		if m.many.Delete(elemHash(name), name); m.many.Len() == 0 {
			*m = elems{}
		}
		return
	}
	e, ok := m.find(name)
	switch {
	case !ok:
	case m.n == 1:
		*m = elems{}
	default:
		m.n--
		m.resize(e.at, e.end, 0)
	}
}

// Expect makes room for n elements in all that have so many bytes as records of a Dict
// (dict.EntrySize). What does not come is room that is kept.
func (m *elems) Expect(n, bytes int) {
	if n <= maxFew {
		return
	}
	if m.many == nil {
		m.enlarge()
	}
	m.many.Expect(0, 1<<32, n, bytes)
}

// adopt makes a copy of n elements, of up to maxFewBytes, which lie one behind the other as
// few has them, all that there is, with room for one more that is not large.
func (m *elems) adopt(n int, few []byte) {
	*m = elems{few: append(make([]byte, 0, len(few)+64), few...), n: int32(n)}
}

// All calls fn for every element. fn may change records in place, and nothing else.
func (m *elems) All(fn func(name, rec []byte)) {
	if m.many != nil {
		m.many.All(fn)
		return
	}
	for at := 0; at < len(m.few); {
		e := m.elemAt(at)
		fn(e.name, e.rec)
		at = e.end
	}
}

// Each calls fn for the elements until it returns false. fn must not change them.
func (m *elems) Each(fn func(name, rec []byte) bool) {
	if m.many != nil {
		m.many.Each(fn)
		return
	}
	for at := 0; at < len(m.few); {
		e := m.elemAt(at)
		if !fn(e.name, e.rec) {
			return
		}
		at = e.end
	}
}

// Scan calls fn for about count elements from cursor on and returns the cursor to go on
// from, 0 at the end: what is there from the beginning of a scan to its end is met. A
// few come all at once. A cursor is a place among the hashes, so that it means the same
// if many have become a few since.
func (m *elems) Scan(cursor uint64, count int, fn func(name, rec []byte)) (next uint64) {
	if m.many != nil {
		return m.many.Scan(cursor, count, fn)
	}
	m.All(func(name, rec []byte) {
		if cursor == 0 || uint64(elemHash(name)) >= cursor {
			fn(name, rec)
		}
	})
	return 0
}

// walk is the walk of a collection that lies in elems; a place is a cursor of Scan.
func (m *elems) walk(at []byte, n int, fn func(name, rec []byte)) (next []byte) {
	from := uint64(0)
	if at != nil {
		from = binary.BigEndian.Uint64(at)
	}
	if from = m.Scan(from, n, fn); from == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, from)
}

// Random returns an element, each with the same probability; next supplies random bits.
// See dict.Dict.Random for what is left of very many.
func (m *elems) Random(next func() uint64) (name, rec []byte, ok bool) {
	if m.many != nil {
		return m.many.Random(next)
	}
	if m.n == 0 {
		return nil, nil, false
	}
	e := m.nth(int(next() >> 32 * uint64(m.n) >> 32))
	return e.name, e.rec, true
}

// Bytes estimates the memory of the elements. It is kept up to date, not counted.
func (m *elems) Bytes() int {
	if m.many != nil {
		return elemsSize + m.many.Bytes()
	}
	return elemsSize + cap(m.few)
}
