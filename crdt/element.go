package crdt

import (
	"encoding/binary"
	"fmt"
)

// element is the state of one field of a hash or one member of a sorted set:
// its cell, and the register of its deadlines. It is scratch space; what is
// kept is its encoding.
//
// Writing a value also writes "no deadline": so each sibling implies a deadline
// of 0 under its own dot. Nearly every element holds nothing else, and then
// dates is nil. It is filled once an operation has set a deadline, and nil again
// when only what the siblings imply is left.
type element struct {
	Cell
	dates []Deadline // newest first; only of hash fields
}

// MaxFieldDeadline is the latest deadline of a field, in unix milliseconds: that
// of Redis.
const MaxFieldDeadline = 1<<46 - 1

// shapeDated is the shape of an element with deadlines of its own; see
// appendCell for the others:
//
//	3  uvarint count, each dot, 8 bytes of deadline; the encoded cell, or nothing
const shapeDated = 3

const dateSize = DotSize + 8

// explicit returns the register of deadlines in full. The result may be changed.
func (e *element) explicit() []Deadline {
	if len(e.dates) > 0 {
		return e.dates
	}
	var list []Deadline
	for i := range e.Siblings {
		list = append(list, Deadline{Dot: e.Siblings[i].Dot})
	}
	return list
}

// normalise forgets deadlines that the siblings imply.
func (e *element) normalise() {
	if len(e.dates) > 0 && len(e.dates) != len(e.Siblings) {
		return
	}
	for i, x := range e.dates {
		if x != (Deadline{Dot: e.Siblings[i].Dot}) {
			return
		}
	}
	e.dates = nil
}

// set replaces what seen covers by a value without a deadline.
func (e *element) set(seen VersionVector, resets []Reset, d Dot, value []byte) {
	e.Cell.clear(seen, resets, d)
	e.put(d, value)
	if len(e.dates) > 0 {
		e.dates = addDeadline(dropDeadlines(e.dates, seen), Deadline{Dot: d})
		e.normalise()
	}
}

// clear removes what seen covers, and the named parts of shares.
func (e *element) clear(seen VersionVector, resets []Reset, by Dot) {
	e.Cell.clear(seen, resets, by)
	e.undate(seen)
}

// undate removes the deadlines that seen covers.
func (e *element) undate(seen VersionVector) {
	if len(e.dates) > 0 {
		e.dates = dropDeadlines(e.dates, seen)
		e.normalise()
	}
}

// expire replaces the deadlines that seen covers.
func (e *element) expire(seen VersionVector, x Deadline) {
	e.dates = addDeadline(dropDeadlines(e.explicit(), seen), x)
	e.normalise()
}

// merge joins two states of one element; see Cell.Merge.
func (e *element) merge(vv VersionVector, o *element, ovv VersionVector) {
	var dates []Deadline
	if len(e.dates)+len(o.dates) > 0 {
		dates = mergeDeadlines(e.explicit(), vv, o.explicit(), ovv)
	}
	e.Cell = e.Cell.Merge(vv, &o.Cell, ovv)
	e.dates = dates
	e.normalise()
}

func (e *element) empty() bool {
	return len(e.Siblings) == 0 && len(e.Shares) == 0 && len(e.dates) == 0
}

// canonical appends bytes that are equal for equal live state.
func (e *element) canonical(b []byte) []byte {
	b = e.Cell.canonical(b)
	for _, x := range e.dates {
		b = binary.BigEndian.AppendUint64(AppendDot(b, x.Dot), uint64(x.At))
	}
	return b
}

// elementSize is the size of the record of an element that is a value, without it.
const elementSize = 1 + DotSize

// appendElement appends the encoded element, which is not empty.
func appendElement(b []byte, e *element) []byte {
	if len(e.dates) > 0 {
		b = binary.AppendUvarint(append(b, shapeDated), uint64(len(e.dates)))
		for _, x := range e.dates {
			b = binary.BigEndian.AppendUint64(AppendDot(b, x.Dot), uint64(x.At))
		}
		if len(e.Siblings) == 0 && len(e.Shares) == 0 {
			return b
		}
	}
	return appendCell(b, &e.Cell)
}

// decodeElement decodes all of b; values alias b.
func decodeElement(e *element, b []byte) error {
	if len(b) == 0 || b[0] != shapeDated {
		e.dates = nil
		return decodeCell(&e.Cell, b)
	}
	d := opDecoder{b: b[1:]}
	for n := d.count(dateSize); n > 0 && d.err == nil; n-- {
		x := Deadline{d.dot(), int64(d.time())}
		if k := len(e.dates); x.At < 0 || x.At > MaxFieldDeadline || k > 0 && !e.dates[k-1].Dot.Newer(x.Dot) {
			d.fail("deadlines of a field")
		}
		e.dates = append(e.dates, x)
	}
	if d.err == nil && len(d.b) > 0 {
		if err := decodeCell(&e.Cell, d.b); err != nil {
			return err
		}
	}
	if e.normalise(); d.err == nil && e.dates == nil {
		return fmt.Errorf("%w: deadlines that a field implies", ErrCorrupt)
	}
	return d.err
}

// mustElement decodes an element this package encoded; the result aliases rec.
func mustElement(rec []byte) *element {
	e := &element{}
	if err := decodeElement(e, rec); err != nil {
		panic(err) // memory holds only what appendElement wrote
	}
	return e
}

// datedParts takes an element of shapeDated apart.
func datedParts(rec []byte) (dates, cell []byte) {
	n, k := binary.Uvarint(rec[1:])
	cut := 1 + k + int(n)*dateSize
	return rec[1+k : cut], rec[cut:]
}

// elementDeadline returns the deadline of an encoded element, 0 for none.
func elementDeadline(rec []byte) (at int64) {
	if rec[0] != shapeDated {
		return 0
	}
	dates, _ := datedParts(rec)
	for first := true; len(dates) > 0; first, dates = false, dates[dateSize:] {
		x := int64(binary.BigEndian.Uint64(dates[DotSize:]))
		if first || x == 0 || at != 0 && x > at {
			at = x
		}
	}
	return at
}

// cellLive reports whether an encoded element shows a value.
func cellLive(rec []byte) bool {
	switch rec[0] {
	case shapePlain, shapeShare:
		return true
	case shapeDated:
		_, cell := datedParts(rec)
		return len(cell) > 0 && cellLive(cell)
	}
	return mustElement(rec).Live()
}

// eachShare calls fn for the shares of an encoded element until it returns false.
// It decodes no more of the element than it must, and reports whether it came to
// the end.
func eachShare(rec []byte, fn func(s Share) bool) bool {
	switch rec[0] {
	case shapePlain:
		return true
	case shapeDated:
		_, cell := datedParts(rec)
		return len(cell) == 0 || eachShare(cell, fn)
	case shapeShare:
		return fn(mustElement(rec).Shares[0])
	}
	d := opDecoder{b: rec[1:]}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		d.dot()
		d.bytes()
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		if !fn(d.share()) {
			return false
		}
	}
	return true
}

// residual reports whether an encoded element holds removed shares only, of which a
// removal takes nothing.
func residual(rec []byte) bool {
	return rec[0] == shapeGeneral && rec[1] == 0 && eachShare(rec, func(s Share) bool { return s.removed() })
}

// cellValue returns the shown value of an encoded element, appending to buf
// where it has to be computed.
func cellValue(buf, rec []byte) []byte {
	switch rec[0] {
	case shapePlain:
		return rec[plainHeader:]
	case shapeDated:
		_, cell := datedParts(rec)
		return cellValue(buf, cell)
	}
	return mustElement(rec).Value(buf)
}
