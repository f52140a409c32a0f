package crdt

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// A position is where an element of a list stands: a path of steps, compared
// byte by byte, so that there is always room between two positions.
//
//	step  num (ordered integer), run (a dot), seq (ordered integer)
//
// A run is named by the op that began it, and only its author extends it, by
// the next seq at one of its ends. So what one command pushes, and what one
// replica pushes in a row, stays together: concurrent pushes begin runs of
// their own beside it. An op that begins a run does not know its dot yet: it
// writes a zero run in the last step, which apply fills in.
//
// An insert takes a free seq of a run of its author beside it, or begins a run
// at the highest level that has a num between its neighbours (list_room.go).
//
// The position that an element is born with is its name for ever. An author may
// give the name of an element that it has seen removed to a new one: everybody
// applies the removal first (C1). The dot tells the two apart.
//
// An ordered integer is one byte 0x80+v up to 63, else 0xbf+n and n bytes, big
// endian, without leading zeros; a negative v is ^v with all bits flipped.
const (
	maxPos  = 512             // bytes of a position
	maxStep = 9 + DotSize + 9 // bytes of a step
)

func appendOrdered(b []byte, v int64) []byte {
	flip, u := byte(0), uint64(v)
	if v < 0 {
		flip, u = 0xff, ^u
	}
	if u < 64 {
		return append(b, (0x80+byte(u))^flip)
	}
	n := 8
	for u>>(8*(n-1)) == 0 {
		n--
	}
	b = append(b, (0xbf+byte(n))^flip)
	for n--; n >= 0; n-- {
		b = append(b, byte(u>>(8*n))^flip)
	}
	return b
}

// orderedAt reads an ordered integer and its length; n 0 is an error.
func orderedAt(b []byte) (v int64, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	flip := byte(0)
	if b[0] < 0x80 {
		flip = 0xff
	}
	first := b[0] ^ flip
	if first < 0xc0 {
		return int64(uint64(first-0x80) ^ extend(flip)), 1
	}
	n = int(first) - 0xbf
	if n > 8 || len(b) <= n {
		return 0, 0
	}
	u := uint64(0)
	for _, c := range b[1 : 1+n] {
		u = u<<8 | uint64(c^flip)
	}
	if u < 64 || u>>(8*(n-1)) == 0 || u>>63 != 0 {
		return 0, 0
	}
	return int64(u ^ extend(flip)), 1 + n
}

// extend is the byte of a sign in all eight places.
func extend(flip byte) uint64 { return -uint64(flip & 1) }

// place is a position in two parts: everything up to the last run, and seq.
type place struct {
	run []byte
	seq int64
}

func (p place) append(b []byte) []byte { return appendOrdered(append(b, p.run...), p.seq) }

// owner is the run's first op; its author made every element of the run.
func (p place) owner() Dot { return DotAt(p.run[len(p.run)-DotSize:]) }

// compare orders places as their bytes.
func (p place) compare(o place) int {
	if string(p.run) == string(o.run) {
		return cmp.Compare(p.seq, o.seq)
	}
	n := min(len(p.run), len(o.run))
	if c := bytes.Compare(p.run[:n], o.run[:n]); c != 0 {
		return c
	}
	var buf [9]byte
	switch {
	case len(p.run) < len(o.run):
		return bytes.Compare(appendOrdered(buf[:0], p.seq), o.run[n:])
	case len(p.run) > len(o.run):
		return bytes.Compare(p.run[n:], appendOrdered(buf[:0], o.seq))
	}
	return cmp.Compare(p.seq, o.seq)
}

// clone returns p with bytes of its own.
func (p place) clone() place { return place{append([]byte(nil), p.run...), p.seq} }

// placeOf takes a position apart. fresh allows a zero run in the last step.
func placeOf(pos []byte, fresh bool) (p place, ok bool) {
	if len(pos) > maxPos {
		return p, false
	}
	for at := 0; at < len(pos); {
		_, n := orderedAt(pos[at:])
		if n == 0 || len(pos) < at+n+DotSize+1 {
			return p, false
		}
		at += n
		d := DotAt(pos[at:])
		at += DotSize
		p.run = pos[:at:at]
		p.seq, n = orderedAt(pos[at:])
		if at += n; n == 0 || (d.Time == 0 || d.Replica == 0) && (!fresh || !d.IsZero() || at < len(pos)) {
			return p, false
		}
	}
	return p, len(pos) > 0
}

// appendStep appends a step that begins a run.
func appendStep(b []byte, num, seq int64) []byte {
	b = appendOrdered(b, num)
	b = AppendDot(b, Dot{})
	return appendOrdered(b, seq)
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// uvarintAt is binary.Uvarint, short for one byte.
func uvarintAt(b []byte) (uint64, int) {
	if b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}
