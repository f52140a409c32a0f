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
// their own beside it. An insert between two neighbours takes a free seq of a
// run of its author or begins a run below the left one (one step more). An op that begins a run does not know its dot yet:
// it writes a zero run in the last step, which apply fills in.
//
// An author may give the position of an element that it has seen removed to a
// new one: everybody applies the removal first (C1). The dot tells the two
// apart.
//
// Inserts that all aim at the same gap make positions longer; before one is
// longer than maxPos, the author writes the list anew.
//
// An ordered integer is one byte 0x80+v up to 63, else 0xbf+n and n bytes, big
// endian, without leading zeros; a negative v is ^v with all bits flipped.
const maxPos = 4096

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

// top is the first step's num; single reports whether there is no other step.
func (p place) top() (num int64, single bool) {
	num, n := orderedAt(p.run)
	return num, len(p.run) == n+DotSize
}

// appendStep appends a step that begins a run.
func appendStep(b []byte, num, seq int64) []byte {
	b = appendOrdered(b, num)
	b = AppendDot(b, Dot{})
	return appendOrdered(b, seq)
}

// beyond returns the place of the k-th element pushed to an end of a list: left
// of the first element or right of the last, e.
func beyond(buf []byte, e *listEntry, self ReplicaID, left bool, k int) []byte {
	seq, away := int64(k), int64(1)
	if left {
		seq, away = -seq, -1
	}
	if e == nil {
		return appendStep(buf, 0, seq)
	}
	num, single := e.top()
	if single && e.owner().Replica == self {
		return appendOrdered(append(buf, e.run...), e.seq+away+seq)
	}
	return appendStep(buf, num+away, seq)
}

// insertStride is the room that inserts leave in a run, for others between them.
const insertStride = 1 << 32

// between returns a position between neighbours: in a run of the author, if
// one of them has room, else in a new one below p.
func between(buf []byte, p, q *listEntry, self ReplicaID) []byte {
	for step := int64(insertStride); step > 0; step /= 2 {
		after, before := place{p.run, p.seq + step}, place{q.run, q.seq - step}
		if p.owner().Replica == self && after.compare(q.place) < 0 {
			return after.append(buf)
		}
		if q.owner().Replica == self && before.compare(p.place) > 0 {
			return before.append(buf)
		}
	}
	buf = p.append(buf)
	num := int64(0)
	if rest, below := bytes.CutPrefix(q.run, buf); below {
		first, _ := orderedAt(rest)
		num = first - 1
	}
	return appendStep(buf, num, 0)
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
