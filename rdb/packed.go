package rdb

import (
	"encoding/binary"
	"strconv"
)

// The compact lists inside objects: ziplist, listpack, intset, zipmap. Each is
// one string of the format. Their elements alias it, but for the integers.

// packed is a place in a compact list. After the first mistake it is bad and
// returns zeros.
type packed struct {
	b   []byte
	bad bool
}

// take returns the next n bytes.
func (p *packed) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.b)) {
		p.bad = true
		return nil
	}
	s := p.b[:n:n]
	p.b = p.b[n:]
	return s
}

func (p *packed) byte() byte {
	if s := p.take(1); s != nil {
		return s[0]
	}
	return 0
}

// integer reads a signed integer of n bytes, little endian, as text.
func (p *packed) integer(n uint64) []byte {
	if s := p.take(n); s != nil {
		return strconv.AppendInt(nil, littleEndian(s), 10)
	}
	return nil
}

// intset returns the integers of an intset: 8 bytes of header (the width of an
// integer and their number, little endian) and the integers.
func (r *Reader) intset(b []byte) (out [][]byte) {
	if r.err != nil {
		return nil
	}
	if len(b) < 8 {
		r.fail("an intset is cut short")
		return nil
	}
	width := uint64(binary.LittleEndian.Uint32(b))
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	b = b[8:]
	if width != 2 && width != 4 && width != 8 || uint64(len(b)) != n*width {
		r.fail("an intset is corrupt")
		return nil
	}
	for ; len(b) > 0; b = b[width:] {
		out = append(out, strconv.AppendInt(nil, littleEndian(b[:width]), 10))
	}
	return out
}

// elements reads the entries of a ziplist or listpack by one of the functions
// below; all must be read when the end comes.
func (r *Reader) elements(b []byte, head int, entry func(p *packed, ch byte) []byte) (out [][]byte) {
	if r.err != nil {
		return nil
	}
	if len(b) < head+1 || uint64(binary.LittleEndian.Uint32(b)) != uint64(len(b)) {
		r.fail("a compact list has another length than it says")
		return nil
	}
	count := int(binary.LittleEndian.Uint16(b[head-2:]))
	p := &packed{b: b[head:]}
	for !p.bad {
		ch := p.byte()
		if ch == 0xff {
			break
		}
		out = append(out, entry(p, ch))
	}
	if p.bad || len(p.b) != 0 || count != 0xffff && count != len(out) {
		r.fail("a compact list is corrupt")
		return nil
	}
	return out
}

// ziplist returns the entries of a ziplist: 10 bytes of header, then for each
// the length of the one before, an encoding and the data.
func (r *Reader) ziplist(b []byte) [][]byte { return r.elements(b, 10, zipEntry) }

func zipEntry(p *packed, ch byte) []byte {
	if ch == 0xfe {
		p.take(4)
	}
	switch enc := p.byte(); {
	case enc>>6 == 0:
		return p.take(uint64(enc))
	case enc>>6 == 1:
		return p.take(uint64(enc&63)<<8 | uint64(p.byte()))
	case enc == 0x80:
		if s := p.take(4); s != nil {
			return p.take(uint64(binary.BigEndian.Uint32(s)))
		}
		return nil
	case enc == 0xc0:
		return p.integer(2)
	case enc == 0xd0:
		return p.integer(4)
	case enc == 0xe0:
		return p.integer(8)
	case enc == 0xf0:
		return p.integer(3)
	case enc == 0xfe:
		return p.integer(1)
	case enc > 0xf0 && enc < 0xfe:
		return strconv.AppendInt(nil, int64(enc&15)-1, 10)
	}
	p.bad = true
	return nil
}

// listpack returns the entries of a listpack: 6 bytes of header, then for each
// an encoding, the data and the length of both.
func (r *Reader) listpack(b []byte) [][]byte { return r.elements(b, 6, packEntry) }

func packEntry(p *packed, ch byte) []byte {
	before := len(p.b) + 1
	val := packValue(p, ch)
	p.take(uint64(backSize(before - len(p.b))))
	return val
}

func packValue(p *packed, ch byte) []byte {
	switch {
	case ch < 0x80:
		return strconv.AppendInt(nil, int64(ch), 10)
	case ch < 0xc0:
		return p.take(uint64(ch & 63))
	case ch < 0xe0:
		n := int64(ch&31)<<8 | int64(p.byte())
		return strconv.AppendInt(nil, n<<51>>51, 10)
	case ch < 0xf0:
		return p.take(uint64(ch&15)<<8 | uint64(p.byte()))
	case ch == 0xf0:
		if s := p.take(4); s != nil {
			return p.take(uint64(binary.LittleEndian.Uint32(s)))
		}
		return nil
	case ch <= 0xf3:
		return p.integer(uint64(ch-0xf1) + 2)
	case ch == 0xf4:
		return p.integer(8)
	}
	p.bad = true
	return nil
}

// zipmap returns fields and values of a zipmap, the oldest form of hashes: a
// byte of count, then for each a length and the field, a length, a byte of
// unused room and the value with the room behind it; 255 ends it. A length is a
// byte, or 254 and four bytes.
func (r *Reader) zipmap(b []byte) (out [][]byte) {
	if r.err != nil {
		return nil
	}
	p := &packed{b: b}
	p.byte()
	for {
		size, end := zipmapLength(p)
		if end || p.bad {
			break
		}
		field := p.take(size)
		size, end = zipmapLength(p)
		if end {
			p.bad = true
		}
		room := p.byte()
		out = append(out, field, p.take(size))
		p.take(uint64(room))
	}
	if p.bad || len(p.b) != 0 {
		r.fail("a zipmap is corrupt")
		return nil
	}
	return out
}

func zipmapLength(p *packed) (n uint64, end bool) {
	switch ch := p.byte(); ch {
	case 255:
		return 0, true
	case 254:
		if s := p.take(4); s != nil {
			return uint64(binary.LittleEndian.Uint32(s)), false
		}
		return 0, false
	default:
		return uint64(ch), false
	}
}
