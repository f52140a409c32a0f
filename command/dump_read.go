package command

import (
	"encoding/binary"
	"errors"
	"hash/crc64"
	"math"
	"strconv"
)

// The payload of DUMP is an object as in an RDB file: a byte of type, the
// content, and a footer of two bytes RDB version and eight bytes CRC-64, both
// little endian, the checksum being of all before it.
const (
	dumpVersion = 10
	dumpFooter  = 10

	rdbString     = 0
	rdbList       = 1
	rdbSet        = 2
	rdbZSet       = 3
	rdbHash       = 4
	rdbZSet2      = 5
	rdbListZip    = 10
	rdbIntset     = 11
	rdbZSetZip    = 12
	rdbHashZip    = 13
	rdbQuickList  = 14
	rdbHashPack   = 16
	rdbZSetPack   = 17
	rdbQuickList2 = 18
)

var crcJones = crc64.MakeTable(0x95ac9329ac4bc9b5)

// dumpChecksum is Redis's CRC-64: Jones's polynomial, nothing inverted.
func dumpChecksum(b []byte) (crc uint64) {
	for _, ch := range b {
		crc = crcJones[byte(crc)^ch] ^ crc>>8
	}
	return crc
}

// dumped is what a payload holds. Lists and sets have values, hashes fields and
// values in turn, sorted sets values and scores.
type dumped struct {
	typ    byte // rdbString, rdbList, rdbSet, rdbHash or rdbZSet2
	values [][]byte
	scores []float64
}

var errBadDump = errors.New("ERR Bad data format")

// parseDump reads the object of a payload, whose footer is cut off. What it
// returns is sound: names are unique and nothing is empty.
func parseDump(b []byte) (d dumped, err error) {
	if len(b) == 0 {
		return d, errBadDump
	}
	r := &dumpReader{b: b[1:]}
	pairs := false
	switch b[0] {
	case rdbString:
		d.values = append(d.values, r.str())
	case rdbList, rdbSet, rdbHash:
		n := r.count()
		if pairs = b[0] == rdbHash; pairs {
			n *= 2
		}
		for ; n > 0 && !r.bad; n-- {
			d.values = append(d.values, r.str())
		}
		d.typ = b[0]
	case rdbZSet, rdbZSet2:
		d.typ = rdbZSet2
		for n := r.count(); n > 0 && !r.bad; n-- {
			d.values = append(d.values, r.str())
			d.scores = append(d.scores, r.score(b[0] == rdbZSet2))
		}
	case rdbIntset:
		d.typ, d.values = rdbSet, r.intset(r.str())
	case rdbListZip, rdbQuickList, rdbQuickList2:
		d.typ, d.values = rdbList, r.nodes(b[0])
	case rdbHashZip, rdbZSetZip:
		d.typ, d.values, pairs = rdbHash, r.ziplist(nil, r.str()), true
	case rdbHashPack, rdbZSetPack:
		d.typ, d.values, pairs = rdbHash, r.listpack(nil, r.str()), true
	default:
		return d, errBadDump
	}
	if b[0] == rdbZSetZip || b[0] == rdbZSetPack {
		d.typ, pairs = rdbZSet2, false
		d.splitScores(r)
	}
	if r.bad || len(d.values) == 0 || pairs && len(d.values)%2 != 0 || !d.unique() {
		return dumped{}, errBadDump
	}
	return d, nil
}

// splitScores takes the scores out of members and scores in turn.
func (d *dumped) splitScores(r *dumpReader) {
	if len(d.values)%2 != 0 {
		r.bad = true
		return
	}
	members := d.values[:0:0]
	for i := 0; i < len(d.values); i += 2 {
		score, ok := parseFloat(d.values[i+1])
		r.bad = r.bad || !ok
		members, d.scores = append(members, d.values[i]), append(d.scores, score)
	}
	d.values = members
}

// unique reports whether no member or field occurs twice.
func (d *dumped) unique() bool {
	step := 1
	switch d.typ {
	case rdbString, rdbList:
		return true
	case rdbHash:
		step = 2
	}
	seen := make(map[string]struct{}, len(d.values)/step)
	for i := 0; i < len(d.values); i += step {
		seen[string(d.values[i])] = struct{}{}
	}
	return len(seen) == len(d.values)/step
}

// dumpReader reads RDB encodings. After the first mistake it is bad and returns
// zeros. It allocates in proportion to what it has read, never by a length that
// the payload claims.
type dumpReader struct {
	b   []byte
	bad bool
}

// take returns the next n bytes.
func (r *dumpReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

func (r *dumpReader) byte() byte {
	if s := r.take(1); s != nil {
		return s[0]
	}
	return 0
}

// length reads a length; encoded says that it is the number of a special
// encoding of strings instead.
func (r *dumpReader) length() (n uint64, encoded bool) {
	switch ch := r.byte(); {
	case ch>>6 == 0:
		return uint64(ch), false
	case ch>>6 == 1:
		return uint64(ch&63)<<8 | uint64(r.byte()), false
	case ch>>6 == 3:
		return uint64(ch & 63), true
	case ch == 0x80:
		if s := r.take(4); s != nil {
			return uint64(binary.BigEndian.Uint32(s)), false
		}
	case ch == 0x81:
		if s := r.take(8); s != nil {
			return binary.BigEndian.Uint64(s), false
		}
	}
	r.bad = true
	return 0, false
}

// count reads the number of things that take at least a byte each.
func (r *dumpReader) count() int {
	n, encoded := r.length()
	if encoded || n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

// str reads a string: plain, an integer, or compressed.
func (r *dumpReader) str() []byte {
	n, encoded := r.length()
	if !encoded {
		return r.take(n)
	}
	switch n {
	case 0, 1, 2:
		s := r.take(1 << n)
		if s == nil {
			return nil
		}
		return strconv.AppendInt(nil, littleEndian(s), 10)
	case 3:
		size, _ := r.length()
		full, _ := r.length()
		out, ok := expandLZF(r.take(size), full)
		r.bad = r.bad || !ok
		return out
	}
	r.bad = true
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

// score reads a score: eight bytes, or an older text with its length before it.
func (r *dumpReader) score(binaryForm bool) float64 {
	if binaryForm {
		s := r.take(8)
		if s == nil {
			return 0
		}
		f := math.Float64frombits(binary.LittleEndian.Uint64(s))
		r.bad = r.bad || f != f
		return f
	}
	switch n := r.byte(); n {
	case 253:
		r.bad = true
		return 0
	case 254:
		return math.Inf(1)
	case 255:
		return math.Inf(-1)
	default:
		f, ok := parseFloat(r.take(uint64(n)))
		r.bad = r.bad || !ok
		return f
	}
}

// expandLZF undoes LibLZF's compression to a text of a known size.
func expandLZF(in []byte, size uint64) (out []byte, ok bool) {
	for len(in) > 0 && uint64(len(out)) <= size {
		ctrl := int(in[0])
		in = in[1:]
		if ctrl < 32 { // a run of ctrl+1 literal bytes
			if len(in) <= ctrl {
				return nil, false
			}
			out, in = append(out, in[:ctrl+1]...), in[ctrl+1:]
			continue
		}
		n, at := ctrl>>5, (ctrl&31)<<8
		if n == 7 && len(in) > 0 {
			n += int(in[0])
			in = in[1:]
		}
		if len(in) == 0 {
			return nil, false
		}
		at = len(out) - at - int(in[0]) - 1
		in = in[1:]
		if at < 0 {
			return nil, false
		}
		for i := range n + 2 { // may overlap what it appends
			out = append(out, out[at+i])
		}
	}
	return out, size > 0 && uint64(len(out)) == size
}
