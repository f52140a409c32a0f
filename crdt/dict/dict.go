package dict

// Dict maps byte strings to byte records. The zero value is empty and ready.
type Dict struct {
	dir   []*segment // indexed by the top depth bits of the hash
	depth uint8
	n     int
	big   []bigRec // records too large for an arena
	free  []uint32 // unused indexes of big
	held  int      // bytes of the segments and of big: see Bytes
}

// Len returns the number of entries.
func (d *Dict) Len() int { return d.n }

func (d *Dict) index(h uint32) int { return int(uint64(h) >> (32 - d.depth)) }

func (d *Dict) segment(h uint32) *segment {
	if len(d.dir) == 0 {
		d.dir = []*segment{newSegment(d, 0, minCap)}
		d.held += d.dir[0].bytes()
	}
	return d.dir[d.index(h)]
}

// Get returns the value of key. The caller may change its bytes in place.
func (d *Dict) Get(h uint32, key []byte) (val []byte, ok bool) {
	if d.n == 0 {
		return nil, false
	}
	s := d.dir[d.index(h)]
	i, ok := s.find(h, key)
	if !ok {
		return nil, false
	}
	_, val, _ = s.record(slotOff(s.slots[i]))
	return val, true
}

// Put sets the value of key and reports whether the key is new.
func (d *Dict) Put(h uint32, key, val []byte) bool {
	b, fresh := d.Reserve(h, key, len(val))
	copy(b, val)
	return fresh
}

// Reserve makes the value of key vlen bytes long and returns it for the caller
// to fill; its old content is undefined. A value that keeps its length is
// overwritten in place. key and what the caller copies must not alias d.
func (d *Dict) Reserve(h uint32, key []byte, vlen int) (val []byte, fresh bool) {
	s := d.segment(h)
	i, ok := s.find(h, key)
	if ok {
		off := slotOff(s.slots[i])
		if _, val, _ := s.record(off); len(val) == vlen {
			return val, false
		}
		s.drop(off)
		return s.refill(i, h, key, vlen), false
	}
	for s.full() {
		d.grow(s, h)
		s = d.segment(h)
		i, _ = s.find(h, key)
	}
	for i >= len(s.slots) || !s.place(i, uint64(h)<<32|1) {
		d.enlarge(s, h)
		s = d.segment(h)
		i, _ = s.find(h, key)
	}
	s.n++
	d.n++
	return s.refill(i, h, key, vlen), true
}

// refill gives the entry at slot i a new record.
func (s *segment) refill(i int, h uint32, key []byte, vlen int) []byte {
	s.slots[i] = 0 // hidden from compact; the run is whole again below
	off := s.alloc(key, vlen)
	s.slots[i] = uint64(h)<<32 | uint64(off+1)
	_, val, _ := s.record(off)
	return val
}

// Delete removes key and reports whether it was there.
func (d *Dict) Delete(h uint32, key []byte) bool {
	if d.n == 0 {
		return false
	}
	s := d.dir[d.index(h)]
	i, ok := s.find(h, key)
	if !ok {
		return false
	}
	s.remove(i)
	d.n--
	if d.n == 0 {
		*d = Dict{}
	} else if live := len(s.arena) - int(s.dead); cap(s.arena) > 4*live+4*minArena {
		s.compact(0)
	}
	return true
}

// grow makes room in the full segment s of hash h: more slots while it is
// small, else two segments for one.
func (d *Dict) grow(s *segment, h uint32) {
	if s.cap < maxCap || s.depth >= maxDepth {
		d.enlarge(s, h)
		return
	}
	d.split(s, h)
}

// split makes two segments of the segment s of hash h.
func (d *Dict) split(s *segment, h uint32) {
	if s.depth == d.depth {
		dir := make([]*segment, 2*len(d.dir))
		for i, e := range d.dir {
			dir[2*i], dir[2*i+1] = e, e
		}
		d.dir = dir
		d.depth++
	}
	bit := uint32(1) << (31 - s.depth)
	low := s.rebuilt(s.depth+1, 0, 0, func(h uint32) bool { return h&bit == 0 })
	high := s.rebuilt(s.depth+1, 0, 0, func(h uint32) bool { return h&bit != 0 })
	d.held += low.bytes() + high.bytes() - s.bytes()
	entries := d.entriesOf(s, h)
	for i := range entries {
		entries[i] = low
		if i >= len(entries)/2 {
			entries[i] = high
		}
	}
}

// enlarge gives the segment s of hash h more slots.
func (d *Dict) enlarge(s *segment, h uint32) {
	d.replace(s, h, s.rebuilt(s.depth, s.cap+s.cap/4+2, 0, keepAll))
}

// replace puts t in the place of the segment s of hash h.
func (d *Dict) replace(s *segment, h uint32, t *segment) {
	d.held += t.bytes() - s.bytes()
	entries := d.entriesOf(s, h)
	for i := range entries {
		entries[i] = t
	}
}

// entriesOf returns the part of the directory that points to s (T2).
func (d *Dict) entriesOf(s *segment, h uint32) []*segment {
	span := 1 << (d.depth - s.depth)
	first := d.index(h) &^ (span - 1)
	return d.dir[first : first+span]
}
