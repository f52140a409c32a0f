package crdt

import (
	"encoding/binary"
	"math"
)

// StreamID is the ID of a stream entry.
type StreamID struct{ Ms, Seq uint64 }

// MaxStreamID is the last ID there is.
var MaxStreamID = StreamID{math.MaxUint64, math.MaxUint64}

// Compare orders IDs.
func (a StreamID) Compare(b StreamID) int {
	switch {
	case a == b:
		return 0
	case a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq:
		return -1
	}
	return 1
}

// Less reports whether a comes before b.
func (a StreamID) Less(b StreamID) bool { return a.Compare(b) < 0 }

// Next returns the ID after a; ok is false if there is none.
func (a StreamID) Next() (n StreamID, ok bool) {
	switch {
	case a.Seq < math.MaxUint64:
		return StreamID{a.Ms, a.Seq + 1}, true
	case a.Ms < math.MaxUint64:
		return StreamID{a.Ms + 1, 0}, true
	}
	return StreamID{}, false
}

// Prev returns the ID before a; ok is false if there is none.
func (a StreamID) Prev() (p StreamID, ok bool) {
	switch {
	case a.Seq > 0:
		return StreamID{a.Ms, a.Seq - 1}, true
	case a.Ms > 0:
		return StreamID{a.Ms - 1, math.MaxUint64}, true
	}
	return MaxStreamID, false
}

const streamIDSize = 16

func appendStreamID(b []byte, id StreamID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, id.Ms), id.Seq)
}

func streamIDAt(b []byte) StreamID {
	return StreamID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// StreamIDStride is the number of replicas that share the sequence numbers of
// a millisecond: an ID made by replica r has a sequence number congruent to r
// by it, so that IDs made by two replicas never collide.
const StreamIDStride = MaxReplicas

// NextOwn returns the first ID after a in the millisecond ms that replica r
// alone may make; ok is false if the millisecond has none.
func (a StreamID) NextOwn(r ReplicaID, ms uint64) (id StreamID, ok bool) {
	if ms < a.Ms {
		return StreamID{}, false
	}
	seq := uint64(r) % StreamIDStride
	if ms == a.Ms && a.Seq >= seq {
		seq += (a.Seq-seq)/StreamIDStride*StreamIDStride + StreamIDStride
		if seq <= a.Seq { // it has overflowed
			return StreamID{}, false
		}
	}
	return StreamID{ms, seq}, true
}

// The fields of an entry are encoded as a uvarint count of pairs and then, of
// each pair, field and value as uvarint length and bytes.

// AppendStreamFields appends the encoding of pairs (field, value, ...).
func AppendStreamFields(b []byte, pairs [][]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(pairs)/2))
	for _, s := range pairs {
		b = appendBytes(b, s)
	}
	return b
}

// validFields reports whether b is the encoding of at least one pair.
func validFields(b []byte) bool {
	if len(b) == 0 { // what a trim removes says no fields
		return false
	}
	d := opDecoder{b: b}
	n := d.uvarint()
	if n == 0 || n > uint64(len(d.b)/2) {
		return false
	}
	for ; n > 0 && d.err == nil; n-- {
		d.bytes()
		d.bytes()
	}
	return d.err == nil && len(d.b) == 0
}

// cutBytes cuts a string off b, which this package encoded.
func cutBytes(b []byte) (s, rest []byte) {
	n, k := binary.Uvarint(b)
	return b[k : k+int(n) : k+int(n)], b[k+int(n):]
}

// StreamEntry is one entry of a stream. It aliases the stream and is valid
// until that changes.
type StreamEntry struct {
	ID     StreamID
	dot    Dot
	n      int
	fields []byte // of a chunk: field names only, then values holds the rest
	values []byte // values only, or the pairs if fields is nil
}

// Len returns the number of pairs.
func (e *StreamEntry) Len() int { return e.n }

// Each calls fn for the pairs.
func (e *StreamEntry) Each(fn func(field, value []byte)) {
	f, v := e.fields, e.values
	var field, value []byte
	for range e.n {
		if e.fields == nil {
			field, v = cutBytes(v)
		} else {
			field, f = cutBytes(f)
		}
		value, v = cutBytes(v)
		fn(field, value)
	}
}

// appendFields appends the full encoding of the pairs.
func (e *StreamEntry) appendFields(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.n))
	if e.fields == nil {
		return append(b, e.values...)
	}
	e.Each(func(f, v []byte) { b = appendBytes(appendBytes(b, f), v) })
	return b
}
