package command

import (
	"encoding/binary"
	"strconv"
)

// The compact lists inside payloads: ziplist, listpack, intset.

// nodes reads the elements of a list of the given encoding.
func (r *dumpReader) nodes(typ byte) (out [][]byte) {
	if typ == rdbListZip {
		return r.ziplist(nil, r.str())
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		plain := false
		if typ == rdbQuickList2 {
			container, encoded := r.length()
			plain = container == 1
			r.bad = r.bad || encoded || container != 1 && container != 2
		}
		switch node := r.str(); {
		case plain:
			out = append(out, node)
		case typ == rdbQuickList2:
			out = r.listpack(out, node)
		default:
			out = r.ziplist(out, node)
		}
	}
	return out
}

// intset reads 8 bytes of header (the width of an integer and their number,
// little endian) and the integers.
func (r *dumpReader) intset(b []byte) (out [][]byte) {
	if r.bad || len(b) < 8 {
		r.bad = true
		return nil
	}
	width := uint64(binary.LittleEndian.Uint32(b))
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if width != 2 && width != 4 && width != 8 || uint64(len(b)) != n*width {
		r.bad = true
		return nil
	}
	for ; len(b) > 0; b = b[width:] {
		out = append(out, strconv.AppendInt(nil, littleEndian(b[:width]), 10))
	}
	return out
}

// inside reads the entries of a compact list by one of the functions below; all
// must be read when the end comes.
func (r *dumpReader) inside(out [][]byte, b []byte, head int, entry func(in *dumpReader, ch byte) []byte) [][]byte {
	if r.bad || len(b) < head+1 || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) {
		r.bad = true
		return out
	}
	count, n := int(binary.LittleEndian.Uint16(b[head-2:])), 0
	in := &dumpReader{b: b[head:]}
	for !in.bad {
		ch := in.byte()
		if ch == 0xff {
			break
		}
		out = append(out, entry(in, ch))
		n++
	}
	r.bad = in.bad || len(in.b) != 0 || count != 0xffff && count != n
	return out
}

// ziplist appends the entries of a ziplist: 10 bytes of header, then for each
// the length of the one before, an encoding and the data.
func (r *dumpReader) ziplist(out [][]byte, b []byte) [][]byte {
	return r.inside(out, b, 10, func(in *dumpReader, ch byte) []byte {
		if ch == 0xfe {
			in.take(4)
		}
		switch enc := in.byte(); {
		case enc>>6 == 0:
			return in.take(uint64(enc))
		case enc>>6 == 1:
			return in.take(uint64(enc&63)<<8 | uint64(in.byte()))
		case enc == 0x80:
			if s := in.take(4); s != nil {
				return in.take(uint64(binary.BigEndian.Uint32(s)))
			}
			return nil
		case enc == 0xc0:
			return in.integer(2)
		case enc == 0xd0:
			return in.integer(4)
		case enc == 0xe0:
			return in.integer(8)
		case enc == 0xf0:
			return in.integer(3)
		case enc == 0xfe:
			return in.integer(1)
		case enc > 0xf0 && enc < 0xfe:
			return strconv.AppendInt(nil, int64(enc&15)-1, 10)
		}
		in.bad = true
		return nil
	})
}

// listpack appends the entries of a listpack: 6 bytes of header, then for each
// an encoding, the data and the length of both.
func (r *dumpReader) listpack(out [][]byte, b []byte) [][]byte {
	return r.inside(out, b, 6, func(in *dumpReader, ch byte) []byte {
		before := len(in.b) + 1
		val := in.packed(ch)
		back := 1
		for size := before - len(in.b); size > 127; size >>= 7 {
			back++
		}
		in.take(uint64(back))
		return val
	})
}

func (r *dumpReader) packed(ch byte) []byte {
	switch {
	case ch < 0x80:
		return strconv.AppendInt(nil, int64(ch), 10)
	case ch < 0xc0:
		return r.take(uint64(ch & 63))
	case ch < 0xe0:
		n := int64(ch&31)<<8 | int64(r.byte())
		return strconv.AppendInt(nil, n<<51>>51, 10)
	case ch < 0xf0:
		return r.take(uint64(ch&15)<<8 | uint64(r.byte()))
	case ch == 0xf0:
		if s := r.take(4); s != nil {
			return r.take(uint64(binary.LittleEndian.Uint32(s)))
		}
		return nil
	case ch <= 0xf3:
		return r.integer(uint64(ch-0xf1) + 2)
	case ch == 0xf4:
		return r.integer(8)
	}
	r.bad = true
	return nil
}

// integer reads a signed integer of n bytes, little endian, as text.
func (r *dumpReader) integer(n uint64) []byte {
	if s := r.take(n); s != nil {
		return strconv.AppendInt(nil, littleEndian(s), 10)
	}
	return nil
}
