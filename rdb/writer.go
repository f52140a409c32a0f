package rdb

import (
	"encoding/binary"
	"io"
	"math"
)

// Writer writes objects and their building blocks, in encodings that every
// Redis can read. Without a destination it gathers everything, for payloads;
// with one it holds little. After an error of the destination it writes
// nothing more; Err and Flush return it.
type Writer struct {
	// Dated says that DatedHash may be used: those who read must know the format
	// of Redis 7.4. It is set before anything is written.
	Dated bool

	dst io.Writer
	buf []byte
	crc uint64
	off int64 // bytes given to dst
	err error

	name     []byte // of the next object in a file
	named    bool
	deadline int64
	first    int64 // of the deadlines in a DatedHash
}

// NewWriter returns a writer to dst, or one that gathers if dst is nil.
func NewWriter(dst io.Writer) *Writer { return &Writer{dst: dst} }

// Bytes returns what has gathered. It is the caller's.
func (w *Writer) Bytes() []byte { return w.buf }

// Err returns the first error of the destination.
func (w *Writer) Err() error { return w.err }

// Size returns how many bytes have been written.
func (w *Writer) Size() int64 { return w.off + int64(len(w.buf)) }

// Flush gives the destination all that has gathered.
func (w *Writer) Flush() error {
	if w.dst == nil || w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	w.crc = Checksum(w.crc, w.buf)
	n, err := w.dst.Write(w.buf)
	w.off += int64(n)
	w.buf, w.err = w.buf[:0], err
	return err
}

func (w *Writer) spill() {
	if len(w.buf) >= spillBytes {
		w.Flush()
	}
	if w.err != nil {
		w.buf = w.buf[:0]
	}
}

func (w *Writer) length(n uint64) {
	switch {
	case n < 1<<6:
		w.buf = append(w.buf, byte(n))
	case n < 1<<14:
		w.buf = append(w.buf, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		w.buf = binary.BigEndian.AppendUint32(append(w.buf, 0x80), uint32(n))
	default:
		w.buf = binary.BigEndian.AppendUint64(append(w.buf, 0x81), n)
	}
}

func (w *Writer) str(s []byte) {
	w.length(uint64(len(s)))
	w.buf = append(w.buf, s...)
	w.spill()
}

// writeTypes are the types that Writer gives to kinds.
var writeTypes = [...]byte{String: typeString, List: typeList, Set: typeSet, Hash: typeHash, ZSet: typeZSet2, StreamKind: typeStream2}

// Item writes the string, an element, a member of a set, a field or a value.
func (w *Writer) Item(b []byte) { w.str(b) }

// Scored writes a member of a sorted set.
func (w *Writer) Scored(member []byte, score float64) {
	w.str(member)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(score))
}

// Object begins an object as payloads hold it: the type, then the content,
// which the caller writes by Item or Scored. n is the number of elements,
// members or pairs; a string has none.
func (w *Writer) Object(k Kind, n int) {
	w.key(writeTypes[k])
	if k != String {
		w.length(uint64(n))
	}
}

// DatedHash begins a hash of n fields, some of which have deadlines, the first
// of them at the given time; the caller writes them by DatedItem.
func (w *Writer) DatedHash(n int, first int64) {
	w.key(typeHashDated)
	w.first = first
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(first))
	w.length(uint64(n))
}

// DatedItem writes a field of a DatedHash. A deadline is in unix milliseconds, 0
// is none.
func (w *Writer) DatedItem(field, value []byte, deadline int64) {
	above := uint64(0)
	if deadline != 0 {
		above = uint64(deadline-w.first) + 1
	}
	w.length(above)
	w.str(field)
	w.str(value)
}
