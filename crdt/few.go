package crdt

import (
	"encoding/binary"
	"fmt"
)

// A key that shows one small collection, of which nothing is kept that does not show,
// fits in a flat record, too. It then takes no more memory than its elements, and
// nothing that the garbage collector looks at; reading and changing it makes an Object
// of it for the moment, which for some hundred bytes costs less than to fetch one that
// lies about in memory.
//
//	4  type, parts, deadline dot and deadline 8 bytes if it has one, context,
//	   uvarint number of elements, elements: of each its name and its record,
//	   or a list's leaf
const (
	formFew = 4

	fewHeader   = 3
	fewDeadline = DotSize + 8
)

// What parts says.
const (
	fewDated  = 1 << iota // it has a deadline register
	fewCounts             // elements have counter shares
	fewLeaf               // the elements are those of a list, as in its leaf
)

// maxFew is how many elements such a record has at most.
const maxFew = 24

// fewer is a collection that fits a flat record while it is small.
type fewer interface {
	collection
	// showsAll reports whether all that is kept shows: no removed shares, no deadlines of
	// elements.
	showsAll() bool
	// asFew returns the elements as a flat record has them, if they lie like that.
	asFew() (few []byte, ok bool)
	// adopt makes copies of n such elements, none of which counts, all that there is.
	adopt(n int, few []byte)
}

func (s *Set) showsAll() bool  { return true }
func (h *Hash) showsAll() bool { return h.residue == 0 && h.stales == 0 && h.times == nil }
func (z *ZSet) showsAll() bool { return z.residue == 0 && z.stales == 0 }
func (l *List) showsAll() bool { return len(l.moved) == 0 }

func (s *Set) asFew() ([]byte, bool)     { return s.members.few, s.members.many == nil }
func (m *cellMap) asFew() ([]byte, bool) { return m.cells.few, m.cells.many == nil }

func (s *Set) adopt(n int, few []byte)  { s.members.adopt(n, few) }
func (h *Hash) adopt(n int, few []byte) { h.cells.adopt(n, few) }
func (z *ZSet) adopt(n int, few []byte) { z.cells.adopt(n, few); z.late = true }

// Few appends the flat record of a key that shows one small collection; ok is false if
// o does not fit one of so many bytes.
func (o *Object) Few(b []byte, most int) (rec []byte, ok bool) {
	if len(o.parts) != 1 || len(o.Deadlines) > 1 || len(o.Cell.Siblings) > 0 || len(o.Cell.Shares) > 0 {
		return b, false
	}
	p := &o.parts[0]
	c, ok := p.coll.(fewer)
	if !ok || c.kept() > maxFew || !c.showsAll() {
		return b, false
	}
	most += len(b)
	parts := byte(len(o.Deadlines)) * fewDated
	if c.counts() {
		parts |= fewCounts
	}
	few, asFew := c.asFew()
	if asFew && p.typ == TypeList {
		parts |= fewLeaf
	}
	b = append(b, formFew, byte(p.typ), parts)
	for _, x := range o.Deadlines {
		b = binary.BigEndian.AppendUint64(AppendDot(b, x.Dot), uint64(x.At))
	}
	b = binary.AppendUvarint(AppendVector(b, o.seen), uint64(c.kept()))
	if asFew {
		return append(b, few...), len(b)+len(few) <= most
	}
	fits := true
	c.each(func(name, rec []byte) {
		if fits = fits && len(b)+len(name)+len(rec)+2 <= most; fits {
			b = appendBytes(appendBytes(b, name), rec)
		}
	})
	return b, fits && len(b) <= most
}

// decodeFew makes o the key of a record of form 4, without its form. The elements of one
// that is known are what Few has written or decodeFew has seen before; they are taken as
// they lie.
func decodeFew(o *Object, rec []byte, known bool) (err error) {
	if len(rec) < fewHeader-1 || rec[1] > fewDated|fewCounts|fewLeaf || int(rec[0]) >= len(types) || types[rec[0]] == nil {
		return errFew("header")
	}
	c, ok := types[rec[0]]().(fewer)
	if !ok {
		return errFew("type")
	}
	d := opDecoder{b: rec[fewHeader-1:]}
	if rec[1]&fewDated != 0 {
		x := Deadline{d.dot(), int64(d.time())}
		if d.err != nil || x.At < 0 {
			return errFew("deadline")
		}
		o.Deadlines = append(o.Deadlines, x)
	}
	if o.seen, d.b, err = DecodeVector(o.seen, d.b); err != nil {
		return err
	}
	n := int(d.uvarint())
	if d.err != nil || n < 1 || n > maxFew {
		return errFew("number of elements")
	}
	// Of a list the leaf is taken; its elements by themselves, as older records have them, are not.
	if known && rec[1]&fewCounts == 0 && len(d.b) <= maxFewBytes && (rec[0] == byte(TypeList)) == (rec[1]&fewLeaf != 0) {
		c.adopt(n, d.b)
	} else if err := d.loadFew(c, n, rec[1]); err != nil {
		return err
	}
	o.parts = append(o.parts, part{typ: Type(rec[0]), coll: c})
	return nil
}

// loadFew makes a collection of n elements, which must be all that there is and say of
// themselves what parts says.
func (d *opDecoder) loadFew(c fewer, n int, parts byte) (err error) {
	if parts&fewLeaf == 0 {
		err = d.loadElems(c, n)
	} else if l, ok := c.(*List); ok {
		err = l.loadLeaf(n, d.b)
	} else {
		err = errFew("parts")
	}
	if err == nil && (c.kept() != n || c.Len() != n || !c.showsAll() || c.counts() != (parts&fewCounts != 0)) {
		err = errFew("elements")
	}
	return err
}

// loadElems puts n elements, all that there is, into a collection.
func (d *opDecoder) loadElems(c collection, n int) error {
	for range n {
		name, rec := d.bytes(), d.bytes()
		if d.err != nil {
			return d.err
		}
		if err := c.load(name, rec); err != nil {
			return err
		}
	}
	if len(d.b) > 0 {
		return errFew("elements")
	}
	return nil
}

func errFew(what string) error { return fmt.Errorf("%w: %s of a record of a few", ErrCorrupt, what) }

// RecordType returns the type that a flat record shows.
func RecordType(rec []byte) Type {
	if rec[0] == formFew {
		return Type(rec[1])
	}
	return TypeString
}

// fewElems returns how many elements a record of a few has, and where they lie.
func fewElems(rec []byte) (n int, elems []byte) {
	b := rec[fewHeader+int(rec[2]&fewDated)*fewDeadline:]
	replicas, k := binary.Uvarint(b)
	for b = b[k:]; replicas > 0; replicas-- {
		_, k := binary.Uvarint(b)
		b = b[k+8:]
	}
	count, k := binary.Uvarint(b)
	return int(count), b[k:]
}

// RecordLen returns how many elements the collection has that a flat record shows.
func RecordLen(rec []byte) int {
	n, _ := fewElems(rec)
	return n
}

// RecordName returns the name of an element of a flat record, no list, which it aliases:
// the i-th, in no order that means anything.
func RecordName(rec []byte, i int) (name []byte) {
	_, b := fewElems(rec)
	return (&elems{few: b}).nth(i).name
}

// recordElem returns the stored form of an element of a flat record.
func recordElem(rec, name []byte) (elem []byte, ok bool) {
	_, b := fewElems(rec)
	return (&elems{few: b}).Get(name)
}

// RecordHas reports whether the set of a flat record has a member.
func RecordHas(rec, member []byte) bool {
	_, ok := recordElem(rec, member)
	return ok
}

// RecordField returns the value of a field in the hash of a flat record, which it
// aliases.
func RecordField(rec, field []byte) (val []byte, ok bool) {
	elem, ok := recordElem(rec, field)
	if !ok {
		return nil, false
	}
	return cellValue(nil, elem), true
}

// RecordScore returns the score of a member in the sorted set of a flat record.
func RecordScore(rec, member []byte) (score float64, ok bool) {
	elem, ok := recordElem(rec, member)
	if !ok {
		return 0, false
	}
	return recScore(elem)
}
