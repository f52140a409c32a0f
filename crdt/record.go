package crdt

import (
	"encoding/binary"
	"fmt"
)

// A key that shows one string and has one deadline register entry, which is
// nearly every string key, fits in a flat record that needs no Object:
//
//	1  dot, value to the end                    no deadline, set by the same dot
//	2  deadline dot, deadline 8 bytes, cell     any cell, one deadline
//
// So does a key that shows a small collection: form 4, in few.go. A record of any
// other key starts with 0 and is an object header; 3 is none of this package's
// (package engine saves strings in pieces under it).
const (
	formHeader = 0
	formPlain  = 1
	formDated  = 2

	datedHeader = 1 + DotSize + 8
)

// AppendRecord appends the flat record of o; ok is false if o does not fit one.
func AppendRecord(b []byte, o *Object) (rec []byte, ok bool) {
	if len(o.parts) > 0 || len(o.Deadlines) != 1 || !o.Cell.Live() {
		return b, false
	}
	x := o.Deadlines[0]
	if c := &o.Cell; x.At == 0 && len(c.Siblings) == 1 && len(c.Shares) == 0 && c.Siblings[0].Dot == x.Dot {
		b = AppendDot(append(b, formPlain), x.Dot)
		return append(b, c.Siblings[0].Value...), true
	}
	b = AppendDot(append(b, formDated), x.Dot)
	b = binary.BigEndian.AppendUint64(b, uint64(x.At))
	return appendCell(b, &o.Cell), true
}

// DecodeRecord makes o the key of a flat record or of an object header (then
// without its elements). Values alias rec.
func DecodeRecord(o *Object, rec []byte) error { return decodeRecord(o, rec, false) }

// DecodeKnown is DecodeRecord of a flat record that this package has made or decoded
// before, and which has not changed since: it need not look at each element.
func DecodeKnown(o *Object, rec []byte) error { return decodeRecord(o, rec, true) }

func decodeRecord(o *Object, rec []byte, known bool) error {
	o.Reset()
	if len(rec) == 0 {
		return fmt.Errorf("%w: empty record", ErrCorrupt)
	}
	switch rec[0] {
	case formHeader:
		return decodeHeader(o, rec[1:])
	case formPlain:
		if len(rec) < plainHeader {
			return fmt.Errorf("%w: plain record", ErrCorrupt)
		}
		d := DotAt(rec[1:])
		o.Cell.Siblings = append(o.Cell.Siblings, Sibling{d, rec[plainHeader:]})
		o.Deadlines = append(o.Deadlines, Deadline{Dot: d})
	case formDated:
		if len(rec) < datedHeader {
			return fmt.Errorf("%w: dated record", ErrCorrupt)
		}
		at := int64(binary.BigEndian.Uint64(rec[1+DotSize:]))
		o.Deadlines = append(o.Deadlines, Deadline{DotAt(rec[1:]), at})
		if err := decodeStringCell(o, rec[datedHeader:]); err != nil {
			return err
		}
		if at < 0 || !o.Cell.Live() || at == 0 && rec[datedHeader] == shapePlain && o.Cell.Siblings[0].Dot == o.Deadlines[0].Dot {
			return fmt.Errorf("%w: dated record", ErrCorrupt)
		}
	case formFew:
		return decodeFew(o, rec[1:], known)
	default:
		return fmt.Errorf("%w: record form %d", ErrCorrupt, rec[0])
	}
	o.seen, _ = o.Cell.Seen(o.seen, nil)
	for _, x := range o.Deadlines {
		o.seen.Raise(x.Dot)
	}
	return nil
}

// PlainRecord returns dot and value of a flat record without a deadline.
func PlainRecord(rec []byte) (d Dot, value []byte, ok bool) {
	if rec[0] != formPlain {
		return Dot{}, nil, false
	}
	return DotAt(rec[1:]), rec[plainHeader:], true
}

// PlainRecordSize is the length of the flat record of a value without deadline.
func PlainRecordSize(value []byte) int { return plainHeader + len(value) }

// SetPlainRecord fills rec, of PlainRecordSize bytes, with a value that
// replaces all that was seen of its key.
func SetPlainRecord(rec []byte, d Dot, value []byte) {
	rec[0] = formPlain
	AppendDot(rec[1:1], d)
	copy(rec[plainHeader:], value)
}

// RecordDeadline returns the deadline of a flat record, 0 for none.
func RecordDeadline(rec []byte) int64 {
	switch {
	case rec[0] == formDated:
		return int64(binary.BigEndian.Uint64(rec[1+DotSize:]))
	case rec[0] == formFew && rec[2]&fewDated != 0:
		return int64(binary.BigEndian.Uint64(rec[fewHeader+DotSize:]))
	}
	return 0
}

// RecordValue returns the value a flat record of a string shows, appended to buf if it has
// to be computed; otherwise it aliases rec.
func RecordValue(buf, rec []byte) []byte {
	if rec[0] == formPlain {
		return rec[plainHeader:]
	}
	return cellValue(buf, rec[datedHeader:])
}

// RecordShare returns the share at the end of a flat record that holds nothing
// but one live share of replica r, for adding in place with SetRecordShare.
func RecordShare(rec []byte, r ReplicaID) (value, total int64, ok bool) {
	if rec[0] != formDated || rec[datedHeader] != shapeShare {
		return 0, 0, false
	}
	s := rec[datedHeader+1:]
	u := binary.BigEndian.Uint64
	last, base := u(s[2:]), u(s[18:])
	total = int64(u(s[10:]))
	value = total - int64(u(s[26:]))
	plain := (value < total) == (int64(u(s[26:])) > 0)
	return value, total, plain && ReplicaID(binary.BigEndian.Uint16(s)) == r && base < last
}

// SetRecordShare gives the share found by RecordShare a new total.
func SetRecordShare(rec []byte, t Timestamp, total int64) {
	s := rec[datedHeader+1:]
	binary.BigEndian.PutUint64(s[2:], uint64(t))
	binary.BigEndian.PutUint64(s[10:], uint64(total))
}

// ShareRecordSize is the length of the flat record of a key that nothing but one
// increment has made.
const ShareRecordSize = datedHeader + shareSize

// SetNewShareRecord fills rec, of ShareRecordSize bytes, with what the increment
// d makes of an absent key.
func SetNewShareRecord(rec []byte, d Dot, total int64) {
	b := AppendDot(append(rec[:0], formDated), d)
	b = append(binary.BigEndian.AppendUint64(b, 0), shapeShare)
	appendShare(b, &Share{Replica: d.Replica, Last: d.Time, Total: Int(total), Base: d.Time - 1})
}

// PlainIncr returns the numbers of an increment of integers that removes
// nothing; create tells whether its author had found no key.
func (op *Op) PlainIncr() (total, delta int64, create, ok bool) {
	t, d := &op.Total, &op.Delta
	if op.Kind != KindIncr || op.Flags&^Create != 0 || len(op.Clear) > 0 || len(op.Shares) > 0 || op.Deadline != 0 ||
		t.big != nil || d.big != nil || t.float || d.float {
		return 0, 0, false, false
	}
	return t.i, d.i, op.Flags&Create != 0, true
}

// AppendHeader appends the record of an object apart from its elements: form,
// context, deadlines, cell (or nothing).
func (o *Object) AppendHeader(b []byte) []byte { return o.appendHeader(b, nil) }

func (o *Object) appendHeader(b []byte, a *apart) []byte {
	b = AppendVector(append(b, formHeader), o.seen)
	b = binary.AppendUvarint(b, uint64(len(o.Deadlines)))
	for _, x := range o.Deadlines {
		b = binary.BigEndian.AppendUint64(AppendDot(b, x.Dot), uint64(x.At))
	}
	if len(o.Cell.Siblings) > 0 || len(o.Cell.Shares) > 0 {
		b = appendCellApart(b, &o.Cell, a)
	}
	return b
}

func decodeHeader(o *Object, b []byte) (err error) {
	if o.seen, b, err = DecodeVector(o.seen, b); err != nil {
		return err
	}
	d := opDecoder{b: b}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		x := Deadline{d.dot(), int64(d.time())}
		if k := len(o.Deadlines); x.At < 0 || k > 0 && !o.Deadlines[k-1].Dot.Newer(x.Dot) {
			d.fail("deadlines")
		}
		o.Deadlines = append(o.Deadlines, x)
	}
	if d.err != nil || len(d.b) == 0 {
		return d.err
	}
	return decodeStringCell(o, d.b)
}

func decodeStringCell(o *Object, b []byte) error {
	if err := decodeCell(&o.Cell, b); err != nil {
		return err
	}
	return o.Cell.countsFor(TypeString)
}

func errElemType(t Type) error { return fmt.Errorf("%w: element of type %d", ErrCorrupt, t) }
