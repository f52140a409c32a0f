package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An encoded op:
//
//	byte     kind
//	byte     flags
//	byte     logical database
//	uvarint  length of the key, key
//	vector   Clear                              if flags&hasClear
//	resets   Shares                             if flags&hasShares
//	elems    uvarint count, then each           if flags&hasElems
//	8 bytes  Deadline, big endian               if flags&hasDeadline
//	number   Total, number Delta                KindIncr
//	uvarint  Gap.At, uvarint Gap.Len             kindPutGap, otherwise KindPut
//	uvarint  Edit.Base, uvarint Edit.At          kindPutEdit
//	bytes    Edit.Bytes, to the end              kindPutEdit
//	bytes    Value, to the end                  KindPut otherwise
//
// resets are a uvarint count, then uvarint replica, 8 bytes of time and a
// number each. An element is a uvarint length and name, a byte of parts, and
// the parts: 16 the byte Of (then only Shares follow), 1 vector Seen, 2 resets Shares, 4 uvarint length and Value,
// 8 numbers Total and Delta, 32 the 8 bytes of a score, big endian, that is a number.
const (
	partSeen = 1 << iota
	partShares
	partValue
	partNumber
	partType
	partScore
)

// AppendOp appends the encoded op.
func AppendOp(b []byte, op *Op) []byte {
	b = append(AppendOpHead(b, op), op.Value...)
	for _, piece := range op.body.pieces {
		b = append(b, piece...)
	}
	return b
}

// AppendOpHead appends the encoded op without its end, which is Value or what
// Body returns.
func AppendOpHead(b []byte, op *Op) []byte {
	f := op.Flags &^ codecFlags
	if len(op.Clear) > 0 {
		f |= hasClear
	}
	if len(op.Shares) > 0 {
		f |= hasShares
	}
	if len(op.Elems)+op.body.n > 0 {
		f |= hasElems
	}
	if op.Deadline != 0 {
		f |= hasDeadline
	}
	kind := op.Kind
	switch {
	case op.Edit.Base != 0:
		kind = kindPutEdit
	case op.Gap.Len > 0:
		kind = kindPutGap
	}
	b = append(b, byte(kind), byte(f), op.DB)
	b = appendBytes(b, op.Key)
	if f&hasClear != 0 {
		b = AppendVector(b, op.Clear)
	}
	if f&hasShares != 0 {
		b = appendResets(b, op.Shares)
	}
	if f&hasElems != 0 {
		b = binary.AppendUvarint(b, uint64(len(op.Elems)+op.body.n))
		for i := range op.Elems {
			b = appendElem(b, op.Kind, &op.Elems[i])
		}
	}
	if f&hasDeadline != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(op.Deadline))
	}
	if op.Kind == KindIncr {
		b = appendNumber(appendNumber(b, op.Total), op.Delta)
	}
	switch kind {
	case kindPutGap:
		b = binary.AppendUvarint(b, uint64(op.Gap.At))
		b = binary.AppendUvarint(b, uint64(op.Gap.Len))
	case kindPutEdit:
		b = op.Edit.append(b)
	}
	return b
}

func appendBytes(b, s []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendResets(b []byte, resets []Reset) []byte {
	b = binary.AppendUvarint(b, uint64(len(resets)))
	for _, r := range resets {
		b = binary.AppendUvarint(b, uint64(r.Replica))
		b = binary.BigEndian.AppendUint64(b, uint64(r.Time))
		b = appendNumber(b, r.Total)
	}
	return b
}

func appendElem(b []byte, kind Kind, e *Elem) []byte {
	b = appendBytes(b, e.Name)
	parts := kinds[kind].parts
	if e.Of != TypeNone {
		parts = partType
	}
	if len(e.Seen) > 0 {
		parts |= partSeen
	}
	if len(e.Shares) > 0 {
		parts |= partShares
	}
	b = append(b, parts)
	if parts&partType != 0 {
		b = append(b, byte(e.Of))
	}
	if parts&partSeen != 0 {
		b = AppendVector(b, e.Seen)
	}
	if parts&partShares != 0 {
		b = appendResets(b, e.Shares)
	}
	if parts&partValue != 0 {
		b = appendBytes(b, e.Value)
	}
	if parts&partScore != 0 {
		b = append(b, e.Value...)
	}
	if parts&partNumber != 0 {
		b = appendNumber(appendNumber(b, e.Total), e.Delta)
	}
	return b
}

// maxDB is the highest logical database: 16 is the server's own.
const maxDB = 16

// DecodeOp decodes b into op, reusing its buffers; its byte slices alias b.
// Anything AppendOp would not have written is ErrCorrupt.
func DecodeOp(op *Op, b []byte) error { return decodeOp(op, b, (*opDecoder).elems) }

func decodeOp(op *Op, b []byte, elems func(d *opDecoder)) error {
	if len(b) < 4 || b[0] == 0 || Kind(b[0]) >= kindEnd || b[2] > maxDB {
		return fmt.Errorf("%w: op header", ErrCorrupt)
	}
	op.Reset(Kind(b[0]), b[2], nil)
	op.Flags = Flags(b[1])
	d := opDecoder{op: op, b: b[3:]}
	op.Key = d.bytes()
	if op.Flags&hasClear != 0 {
		op.Clear = d.vector(op.Clear, true)
	}
	if op.Flags&hasShares != 0 {
		op.Shares = d.resets(op.Shares, TypeString)
	}
	if op.Flags&hasElems != 0 {
		elems(&d)
	}
	if op.Flags&hasDeadline != 0 {
		op.Deadline = d.deadline()
	}
	op.Flags &^= codecFlags
	switch op.Kind {
	case KindIncr:
		op.Total, op.Delta = d.number(TypeString), d.number(TypeString)
	case kindPutGap:
		op.Kind = KindPut
		d.gap()
	case kindPutEdit:
		op.Kind = KindPut
		d.edit()
	case KindPut:
		op.Value, d.b = d.b, nil
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("trailing bytes")
	}
	return d.err
}

// opDecoder reads the parts of an op; after the first error it returns zeros.
type opDecoder struct {
	op  *Op
	b   []byte
	err error
}

// gap reads the gap and the value of a put. That there is no length to claim
// beyond the largest string is what bounds the memory it takes later.
func (d *opDecoder) gap() {
	at, n := d.uvarint(), d.uvarint()
	if n == 0 || n > maxGapped || at > uint64(len(d.b)) || uint64(len(d.b))+n > maxGapped {
		d.fail("gap")
		return
	}
	d.op.Gap = Gap{int(at), int(n)}
	d.op.Value, d.b = d.b, nil
}

func (d *opDecoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: op: %s", ErrCorrupt, what)
	}
	d.b = nil
}

func (d *opDecoder) uvarint() uint64 {
	v, k := binary.Uvarint(d.b)
	if k <= 0 || k > 1 && d.b[k-1] == 0 {
		d.fail("varint")
		return 0
	}
	d.b = d.b[k:]
	return v
}

func (d *opDecoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail("length")
		return nil
	}
	s := d.b[:n:n]
	d.b = d.b[n:]
	return s
}

func (d *opDecoder) vector(dst VersionVector, nonEmpty bool) VersionVector {
	v, rest, err := DecodeVector(dst, d.b)
	if err != nil || nonEmpty && len(v) == 0 {
		d.fail("vector")
		return nil
	}
	d.b = rest
	return v
}

// count reads a count of things that take at least size bytes each.
func (d *opDecoder) count(size int) int {
	n := d.uvarint()
	if n == 0 || n > uint64(len(d.b)/size) {
		d.fail("count")
		return 0
	}
	return int(n)
}

// resets reads what a removal names of the shares of type t.
func (d *opDecoder) resets(dst []Reset, t Type) []Reset {
	last := uint64(0) // of the replicas, which ascend
	for n := d.count(11); n > 0 && d.err == nil; n-- {
		r := d.uvarint()
		if r == 0 || r > 1<<16-1 || r <= last {
			d.fail("reset")
			break
		}
		last = r
		dst = append(dst, Reset{ReplicaID(r), d.time(), d.number(t)})
	}
	return dst
}

// number reads a number of an operation on a counter of type t.
func (d *opDecoder) number(t Type) Number {
	n, rest, err := decodeNumber(d.b, maxOpNumber)
	if err != nil || !n.counts(t, maxOpNumber) {
		d.fail("number")
		return Number{}
	}
	d.b = rest
	return n
}

// score reads 8 bytes that are a number.
func (d *opDecoder) score() []byte {
	if len(d.b) < scoreSize || math.IsNaN(scoreAt(d.b)) {
		d.fail("score")
		return make([]byte, scoreSize)
	}
	s := d.b[:scoreSize:scoreSize]
	d.b = d.b[scoreSize:]
	return s
}

func (d *opDecoder) deadline() int64 {
	if len(d.b) < 8 {
		d.fail("deadline")
		return 0
	}
	t := int64(binary.BigEndian.Uint64(d.b))
	d.b = d.b[8:]
	if t <= 0 {
		d.fail("deadline")
	}
	return t
}

func (d *opDecoder) elems() {
	for n := d.count(2); n > 0 && d.err == nil; n-- {
		d.elem()
	}
}

// elem reads one element.
func (d *opDecoder) elem() {
	op := d.op
	e := Elem{Name: d.bytes()}
	if len(d.b) == 0 {
		d.fail("element")
		return
	}
	parts := d.b[0]
	d.b = d.b[1:]
	if !d.elemParts(&e, parts) {
		return
	}
	typ := kinds[op.Kind].typ
	if e.Of != TypeNone {
		typ = e.Of
	}
	if parts&partSeen != 0 {
		first := len(op.vectors)
		v := d.vector(op.vectors[first:], true)
		op.vectors = append(op.vectors[:first], v...)
		e.Seen = VersionVector(op.vectors[first:len(op.vectors):len(op.vectors)])
	}
	if parts&partShares != 0 {
		first := len(op.resets)
		op.resets = d.resets(op.resets, typ)
		e.Shares = op.resets[first:len(op.resets):len(op.resets)]
	}
	if parts&partValue != 0 {
		e.Value = d.bytes()
	}
	if parts&partScore != 0 {
		e.Value = d.score()
	}
	if parts&partNumber != 0 {
		e.Total, e.Delta = d.number(typ), d.number(typ)
	}
	if check := kinds[op.Kind].check; check != nil && e.Of == TypeNone && d.err == nil && !check(&e) {
		d.fail("element")
	}
	op.Elems = append(op.Elems, e)
}

// elemParts checks the parts of an element and reads the type of one that is
// not of the op's own.
func (d *opDecoder) elemParts(e *Elem, parts byte) bool {
	switch parts &^ (partSeen | partShares) {
	case partType:
		if len(d.b) == 0 || parts != partType|partShares || int(d.b[0]) >= len(types) || types[d.b[0]] == nil ||
			Type(d.b[0]) == kinds[d.op.Kind].typ {
			d.fail("element type")
			return false
		}
		e.Of = Type(d.b[0])
		d.b = d.b[1:]
		return true
	case kinds[d.op.Kind].parts:
		k := &kinds[d.op.Kind]
		if k.typ != TypeNone && (k.name == nil || k.name(e.Name)) {
			return true
		}
	}
	d.fail("element parts")
	return false
}
