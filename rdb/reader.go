package rdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Error says what is wrong with the bytes, and where.
type Error struct {
	Offset int64 // of the byte behind what is wrong
	Text   string
}

// Error returns the sentence.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Text) }

// Reader reads objects and their building blocks from a stream. After the
// first error it returns zeros; Err says what it was: an *Error if the bytes
// are wrong or end too soon, else what the stream returned.
type Reader struct {
	src *bufio.Reader
	off int64
	crc uint64
	err error
}

// NewReader returns a reader of src, from its current position on.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: bufio.NewReaderSize(src, 64<<10)}
}

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Offset returns how many bytes have been read.
func (r *Reader) Offset() int64 { return r.off }

// fail notes what is wrong with the bytes.
func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &Error{r.off, fmt.Sprintf(format, args...)}
	}
}

// broken notes why no more bytes come.
func (r *Reader) broken(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.fail("the data ends too soon")
	} else if r.err == nil {
		r.err = err
	}
}

// take returns the next n bytes, in memory of their own.
func (r *Reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > MaxString {
		r.fail("a length of %d bytes is above the limit of %d", n, MaxString)
		return nil
	}
	b := make([]byte, 0, min(n, growStep))
	for uint64(len(b)) < n {
		step := min(n-uint64(len(b)), max(growStep, uint64(len(b))))
		at := len(b)
		b = append(b, make([]byte, step)...)
		got, err := io.ReadFull(r.src, b[at:])
		r.off += int64(got)
		if err != nil {
			r.broken(err)
			return nil
		}
	}
	r.crc = Checksum(r.crc, b)
	return b
}

// fixed returns the next n bytes, at most 16, valid until the next read; zeros
// after an error.
func (r *Reader) fixed(n int) []byte {
	if r.err != nil {
		return zeros[:n]
	}
	b, err := r.src.Peek(n)
	r.off += int64(len(b))
	if err != nil {
		r.broken(err)
		return zeros[:n]
	}
	r.crc = Checksum(r.crc, b)
	r.src.Discard(n) // Peek has just shown them
	return b
}

var zeros [16]byte

func (r *Reader) byte() byte { return r.fixed(1)[0] }

// length reads a length; encoded says that it is the number of a special
// encoding of strings instead.
func (r *Reader) length() (n uint64, encoded bool) {
	switch ch := r.byte(); {
	case ch>>6 == 0:
		return uint64(ch), false
	case ch>>6 == 1:
		return uint64(ch&63)<<8 | uint64(r.byte()), false
	case ch>>6 == 3:
		return uint64(ch & 63), true
	case ch == 0x80:
		return uint64(binary.BigEndian.Uint32(r.fixed(4))), false
	case ch == 0x81:
		return binary.BigEndian.Uint64(r.fixed(8)), false
	default:
		r.fail("%#x begins no length", ch)
		return 0, false
	}
}

// count reads a plain length.
func (r *Reader) count() uint64 {
	n, encoded := r.length()
	if encoded {
		r.fail("an encoded string stands where a number belongs")
		return 0
	}
	return n
}

// str reads a string: plain, an integer, or compressed.
func (r *Reader) str() []byte {
	n, encoded := r.length()
	if !encoded {
		return r.take(n)
	}
	switch n {
	case encodedInt8, encodedInt16, encodedInt32:
		return strconv.AppendInt(nil, littleEndian(r.fixed(1<<n)), 10)
	case encodedCompressed:
		size, full := r.count(), r.count()
		if full > MaxString {
			r.fail("a compressed string of %d bytes is above the limit of %d", full, MaxString)
			return nil
		}
		out, ok := expandLZF(r.take(size), full)
		if !ok {
			r.fail("a compressed string is corrupt")
		}
		return out
	}
	r.fail("unknown encoding %d of a string", n)
	return nil
}

// littleEndian reads a signed integer of 1 to 8 bytes.
func littleEndian(b []byte) int64 {
	u := uint64(0)
	for i, ch := range b {
		u |= uint64(ch) << (8 * i)
	}
	shift := 64 - 8*len(b)
	return int64(u<<shift) >> shift
}

// score reads a score of eight bytes.
func (r *Reader) score() float64 {
	f := math.Float64frombits(binary.LittleEndian.Uint64(r.fixed(8)))
	if f != f {
		r.fail("a score is not a number")
	}
	return f
}

// textScore reads a score as old versions wrote it: a text with its length
// before it.
func (r *Reader) textScore() float64 {
	switch n := r.byte(); n {
	case 253:
		r.fail("a score is not a number")
		return 0
	case 254:
		return math.Inf(1)
	case 255:
		return math.Inf(-1)
	default:
		return r.parseScore(r.take(uint64(n)))
	}
}

// parseScore reads a score that is a text.
func (r *Reader) parseScore(b []byte) float64 {
	if r.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if (err != nil && !errors.Is(err, strconv.ErrRange)) || f != f {
		r.fail("%.40q is not a score", b)
		return 0
	}
	return f
}

// time reads a time in unix milliseconds.
func (r *Reader) time() int64 { return r.checkTime(binary.LittleEndian.Uint64(r.fixed(8))) }

// checkTime refuses what is no time of the format.
func (r *Reader) checkTime(ms uint64) int64 {
	if ms > maxTime {
		r.fail("%d is not a deadline", ms)
		return 0
	}
	return int64(ms)
}
