package dict

import (
	"bytes"
	"encoding/binary"
)

const (
	minCap    = 8    // home positions of a new segment
	maxCap    = 512  // home positions of a segment about to split
	maxDepth  = 24   // deeper segments grow instead of splitting
	minArena  = 64   // bytes
	minHeader = 2    // bytes of a record before key and value
	bigHeader = 5    // bytes of a record that lies outside the arena
	bigRecord = 2048 // bytes; larger records lie outside the arena
)

// segment holds the entries whose hashes share their top depth bits. A slot is
// hash<<32 | offset+1 of the record in the arena; 0 is an empty slot. A record
// is uvarint 2 x key length, uvarint value length, key, value; or, for a big
// one, the byte 1 and 4 bytes of index into the big records of the Dict.
type segment struct {
	dict  *Dict
	slots []uint64
	arena []byte
	n     int32
	dead  int32  // bytes of the arena that no slot refers to
	cap   uint32 // home positions; a few slots more follow
	depth uint8
}

func newSegment(d *Dict, depth uint8, capacity uint32) *segment {
	spare := 4 + capacity/16 // for runs that spill over the last home position
	return &segment{dict: d, depth: depth, cap: capacity, slots: make([]uint64, capacity+spare)}
}

// bytes is the memory of the segment.
func (s *segment) bytes() int { return 72 + 8*len(s.slots) + cap(s.arena) }

// capFor returns the capacity that holds n entries and lets some more come.
func capFor(n int32) uint32 { return max(minCap, uint32(n)*4/3) }

func slotHash(s uint64) uint32 { return uint32(s >> 32) }
func slotOff(s uint64) int     { return int(uint32(s)) - 1 }

// home is where an entry of this hash belongs.
func (s *segment) home(h uint32) int { return int(uint64(h<<s.depth) * uint64(s.cap) >> 32) }

// record returns key, value and size in the arena of the record at off.
func (s *segment) record(off int) (key, val []byte, size int) {
	b := s.arena[off:]
	var kl, vl, p int
	if b[0] == bigMark {
		r := &s.dict.big[binary.BigEndian.Uint32(b[1:])]
		return r.key, r.val, bigHeader
	}
	if b[0] < 0x80 && b[1] < 0x80 {
		kl, vl, p = int(b[0]>>1), int(b[1]), 2
	} else {
		k, i := binary.Uvarint(b)
		v, j := binary.Uvarint(b[i:])
		kl, vl, p = int(k>>1), int(v), i+j
	}
	return b[p : p+kl : p+kl], b[p+kl : p+kl+vl : p+kl+vl], p + kl + vl
}

// drop forgets the record at off.
func (s *segment) drop(off int) {
	_, _, size := s.record(off)
	s.dead += int32(size)
	if s.arena[off] == bigMark {
		s.dict.freeBig(binary.BigEndian.Uint32(s.arena[off+1:]))
	}
}

// find returns the slot of key, or the slot where it would be inserted.
func (s *segment) find(h uint32, key []byte) (i int, ok bool) {
	for i = s.home(h); i < len(s.slots); i++ {
		sl := s.slots[i]
		if sl == 0 || slotHash(sl) > h {
			return i, false
		}
		if slotHash(sl) == h {
			if k, _, _ := s.record(slotOff(sl)); bytes.Equal(k, key) {
				return i, true
			}
		}
	}
	return i, false
}

// full reports whether another entry would make probing slow.
func (s *segment) full() bool { return uint32(s.n) >= s.cap*7/8 }

// place puts slot value sl at index i, moving its run to the right. It reports
// false when the run would leave the table: the caller grows it first.
func (s *segment) place(i int, sl uint64) bool {
	j := i
	for j < len(s.slots) && s.slots[j] != 0 {
		j++
	}
	if j == len(s.slots) {
		return false
	}
	copy(s.slots[i+1:j+1], s.slots[i:j])
	s.slots[i] = sl
	return true
}

// remove empties slot i, moving the run behind it back (T1).
func (s *segment) remove(i int) {
	s.drop(slotOff(s.slots[i]))
	s.n--
	for i+1 < len(s.slots) && s.slots[i+1] != 0 && s.home(slotHash(s.slots[i+1])) <= i {
		s.slots[i] = s.slots[i+1]
		i++
	}
	s.slots[i] = 0
}

// alloc appends a record with a value of vlen bytes and returns its offset.
// It may move the arena, dropping dead records on the way.
func (s *segment) alloc(key []byte, vlen int) int {
	var hdr [2 * binary.MaxVarintLen64]byte
	if len(key)+vlen > bigRecord {
		hdr[0] = bigMark
		binary.BigEndian.PutUint32(hdr[1:], s.dict.newBig(key, vlen))
		return s.append(hdr[:bigHeader], nil, 0)
	}
	n := binary.PutUvarint(hdr[:], uint64(len(key))<<1)
	n += binary.PutUvarint(hdr[n:], uint64(vlen))
	return s.append(hdr[:n], key, vlen)
}

// append adds header, key and room for the value to the arena.
func (s *segment) append(hdr, key []byte, vlen int) int {
	need := len(hdr) + len(key) + vlen
	if len(s.arena)+need > cap(s.arena) {
		s.compact(need)
	}
	off := len(s.arena)
	s.arena = append(s.arena, hdr...)
	s.arena = append(s.arena, key...)
	s.arena = s.arena[:off+need]
	return off
}

// compact moves the live records into an arena with room for need more bytes.
func (s *segment) compact(need int) {
	live := len(s.arena) - int(s.dead)
	size := live + need
	if s.dead == 0 {
		size += size / 8 // it grows
	} else {
		size += size / 4 // values change their lengths, and go on to
	}
	size = max(size, minArena)
	fresh := make([]byte, 0, size)
	s.dict.held += cap(fresh) - cap(s.arena)
	if s.dead == 0 {
		s.arena = append(fresh, s.arena...)
		return
	}
	for i, sl := range s.slots {
		if sl == 0 {
			continue
		}
		off := slotOff(sl)
		_, _, n := s.record(off)
		s.slots[i] = sl&^0xffffffff | uint64(len(fresh)+1)
		fresh = append(fresh, s.arena[off:off+n]...)
	}
	s.arena, s.dead = fresh, 0
}

func keepAll(uint32) bool { return true }

// rebuilt returns a segment of the given shape with those entries of s whose
// hash the filter keeps, and room for so many bytes more.
func (s *segment) rebuilt(depth uint8, capacity uint32, room int, keep func(h uint32) bool) *segment {
	size, count := 0, int32(0)
	for _, sl := range s.slots {
		if sl != 0 && keep(slotHash(sl)) {
			_, _, n := s.record(slotOff(sl))
			size += n
			count++
		}
	}
	size += room
	for capacity = max(capacity, capFor(count)); ; capacity += capacity / 4 {
		t := newSegment(s.dict, depth, capacity)
		t.arena = make([]byte, 0, max(size+size/16, minArena))
		if t.take(s, keep) {
			return t
		}
	}
}

// take copies the kept entries of s, which come in order, into the empty t.
func (t *segment) take(s *segment, keep func(h uint32) bool) bool {
	next := 0
	for _, sl := range s.slots {
		if sl == 0 || !keep(slotHash(sl)) {
			continue
		}
		off := slotOff(sl)
		_, _, n := s.record(off)
		i := max(next, t.home(slotHash(sl)))
		if i >= len(t.slots) {
			return false
		}
		t.slots[i] = sl&^0xffffffff | uint64(len(t.arena)+1)
		t.arena = append(t.arena, s.arena[off:off+n]...)
		t.n++
		next = i + 1
	}
	return true
}
