package command

import (
	"strconv"

	"crdb/resp"
)

// headerFirst moves the header that was just appended to out.Buf, behind end,
// in front of what was written from start to end: the reply of an aggregate
// whose length is known only once its elements are written.
//
//	start := len(out.Buf)
//	... write n elements ...
//	end := len(out.Buf)
//	out.Array(n)
//	headerFirst(out, start, end)
func headerFirst(out *resp.Writer, start, end int) {
	var header [64]byte
	n := copy(header[:], out.Buf[end:])
	copy(out.Buf[start+n:], out.Buf[start:end])
	copy(out.Buf[start:], header[:n])
}

// bulkUint writes n as a bulk string.
func bulkUint(out *resp.Writer, n uint64) {
	var digits [20]byte
	out.Bulk(strconv.AppendUint(digits[:0], n, 10))
}

// byteList collects copies of byte strings without one allocation for each.
type byteList struct {
	buf  []byte
	ends []int
}

func (l *byteList) add(b []byte) {
	l.buf = append(l.buf, b...)
	l.ends = append(l.ends, len(l.buf))
}

// slices returns what was added. They alias the list.
func (l *byteList) slices() [][]byte {
	out := make([][]byte, 0, len(l.ends))
	start := 0
	for _, end := range l.ends {
		out = append(out, l.buf[start:end:end])
		start = end
	}
	return out
}
