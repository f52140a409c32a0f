package resp

import (
	"math"
	"strconv"
	"strings"
)

// Writer appends replies to Buf. The zero value writes RESP2. Proto is 2 or 3
// and may change between replies (HELLO). A Writer belongs to one session.
//
// Max, if it is not 0, is what Buf may grow to by strings. One that does not fit
// is left out, and Over is set: what is in Buf is no reply any more.
type Writer struct {
	Buf   []byte
	Proto int
	Max   int
	Over  bool
}

// resp3 reports whether replies go out in the newer protocol.
func (w *Writer) resp3() bool { return w.Proto == 3 }

// head appends a type byte, a number and the line end.
func (w *Writer) head(kind byte, n int64) {
	b := append(w.Buf, kind)
	if n >= 0 && n < 10 {
		w.Buf = append(b, byte('0'+n), '\r', '\n')
		return
	}
	w.Buf = append(strconv.AppendInt(b, n, 10), '\r', '\n')
}

// line appends a type byte, one line of text and the line end. A line break
// inside the text becomes a space, as in redis.
func (w *Writer) line(kind byte, s string) {
	w.Buf = append(w.Buf, kind)
	start := len(w.Buf)
	w.Buf = append(w.Buf, s...)
	if strings.ContainsAny(s, "\r\n") {
		for i, c := range w.Buf[start:] {
			if c == '\r' || c == '\n' {
				w.Buf[start+i] = ' '
			}
		}
	}
	w.Buf = append(w.Buf, '\r', '\n')
}

// SimpleString writes a status such as PONG.
func (w *Writer) SimpleString(s string) { w.line('+', s) }

// OK writes the status OK.
func (w *Writer) OK() { w.Buf = append(w.Buf, "+OK\r\n"...) }

// Error writes an error reply. s is the full text with its code in front:
// "ERR syntax error", "WRONGTYPE Operation ...".
func (w *Writer) Error(s string) { w.line('-', s) }

// Int writes an integer.
func (w *Writer) Int(n int64) { w.head(':', n) }

// Bulk writes a binary-safe string. A nil slice is the empty string, not Null.
func (w *Writer) Bulk(b []byte) {
	if w.Max > 0 && len(w.Buf)+len(b) > w.Max {
		w.Over = true
		return
	}
	w.head('$', int64(len(b)))
	w.Buf = append(append(w.Buf, b...), '\r', '\n')
}

// BulkString is Bulk for a string.
func (w *Writer) BulkString(s string) {
	if w.Max > 0 && len(w.Buf)+len(s) > w.Max {
		w.Over = true
		return
	}
	w.head('$', int64(len(s)))
	w.Buf = append(append(w.Buf, s...), '\r', '\n')
}

// BulkInt writes a number as a bulk string.
func (w *Writer) BulkInt(n int64) {
	var digits [20]byte
	w.Bulk(strconv.AppendInt(digits[:0], n, 10))
}

// Null writes the absent value.
func (w *Writer) Null() {
	if w.resp3() {
		w.Buf = append(w.Buf, "_\r\n"...)
	} else {
		w.Buf = append(w.Buf, "$-1\r\n"...)
	}
}

// NullArray writes the absent array: the same as Null in RESP3.
func (w *Writer) NullArray() {
	if w.resp3() {
		w.Buf = append(w.Buf, "_\r\n"...)
	} else {
		w.Buf = append(w.Buf, "*-1\r\n"...)
	}
}

// Array announces n replies that follow as one array.
func (w *Writer) Array(n int) { w.head('*', int64(n)) }

// Map announces n pairs of replies. RESP2 has an array of 2n instead.
func (w *Writer) Map(n int) {
	if w.resp3() {
		w.head('%', int64(n))
	} else {
		w.head('*', 2*int64(n))
	}
}

// Set announces n replies as a set. RESP2 has an array instead.
func (w *Writer) Set(n int) {
	if w.resp3() {
		w.head('~', int64(n))
	} else {
		w.head('*', int64(n))
	}
}

// Push announces n replies outside the order of request and reply. RESP2 has
// an array instead.
func (w *Writer) Push(n int) {
	if w.resp3() {
		w.head('>', int64(n))
	} else {
		w.head('*', int64(n))
	}
}

// Bool writes a truth value. RESP2 has 1 or 0 instead.
func (w *Writer) Bool(v bool) {
	switch {
	case w.resp3() && v:
		w.Buf = append(w.Buf, "#t\r\n"...)
	case w.resp3():
		w.Buf = append(w.Buf, "#f\r\n"...)
	case v:
		w.Buf = append(w.Buf, ":1\r\n"...)
	default:
		w.Buf = append(w.Buf, ":0\r\n"...)
	}
}

// Double writes a floating-point number. RESP2 has a bulk string instead.
func (w *Writer) Double(f float64) {
	if w.resp3() {
		w.Buf = append(AppendDouble(append(w.Buf, ','), f), '\r', '\n')
		return
	}
	var digits [32]byte
	w.Bulk(AppendDouble(digits[:0], f))
}

// BigNumber writes an integer of any size, given in decimal. RESP2 has a bulk
// string instead.
func (w *Writer) BigNumber(s string) {
	if w.resp3() {
		w.line('(', s)
	} else {
		w.BulkString(s)
	}
}

// Verbatim writes text with a three-letter format such as "txt". RESP2 has a
// bulk string without the format instead.
func (w *Writer) Verbatim(format, s string) {
	if !w.resp3() {
		w.BulkString(s)
		return
	}
	var tag [3]byte
	copy(tag[:], "   ")
	copy(tag[:], format)
	w.head('=', int64(len(s))+4)
	w.Buf = append(append(w.Buf, tag[:]...), ':')
	w.Buf = append(append(w.Buf, s...), '\r', '\n')
}

// Raw appends bytes that are replies already.
func (w *Writer) Raw(b []byte) { w.Buf = append(w.Buf, b...) }

// AppendDouble appends f as redis 7.0 replies it: C's "%.17g", and inf, -inf
// or nan.
func AppendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	case math.IsNaN(f) && math.Signbit(f):
		return append(b, "-nan"...)
	case math.IsNaN(f):
		return append(b, "nan"...)
	}
	// Whole numbers need no search for digits, and are the common scores.
	if n := int64(f); f > -1e15 && f < 1e15 && float64(n) == f && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, f, 'g', 17, 64)
}
