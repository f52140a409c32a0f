package dict

// table is a Dict with more entries than a small one: an extendible hash table.
// The zero value is empty and ready.
type table struct {
	dir   []*segment // indexed by the top depth bits of the hash
	depth uint8
	n     int
	big   []bigRec // records too large for an arena
	free  []uint32 // unused indexes of big
	held  int      // bytes of the segments and of big: see Bytes
}

func (d *table) index(h uint32) int { return int(uint64(h) >> (32 - d.depth)) }

func (d *table) segment(h uint32) *segment {
	if len(d.dir) == 0 {
		d.dir = []*segment{newSegment(d, 0, minCap)}
		d.held += d.dir[0].bytes()
	}
	return d.dir[d.index(h)]
}

// get is Dict.Get.
func (d *table) get(h uint32, key []byte) (val []byte, ok bool) {
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

// reserve is Dict.Reserve.
func (d *table) reserve(h uint32, key []byte, vlen int) (val []byte, fresh bool) {
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

// delete is Dict.Delete.
func (d *table) delete(h uint32, key []byte) bool {
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
		*d = table{}
	} else if live := len(s.arena) - int(s.dead); cap(s.arena) > 4*live+4*minArena {
		s.compact(0)
	}
	return true
}

// grow makes room in the full segment s of hash h: more slots while it is
// small, else two segments for one.
func (d *table) grow(s *segment, h uint32) {
	if s.cap < maxCap || s.depth >= maxDepth {
		d.enlarge(s, h)
		return
	}
	d.split(s, h)
}

// split makes two segments of the segment s of hash h.
func (d *table) split(s *segment, h uint32) {
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
func (d *table) enlarge(s *segment, h uint32) {
	d.replace(s, h, s.rebuilt(s.depth, s.cap+s.cap/4+2, 0, keepAll))
}

// replace puts t in the place of the segment s of hash h.
func (d *table) replace(s *segment, h uint32, t *segment) {
	d.held += t.bytes() - s.bytes()
	entries := d.entriesOf(s, h)
	for i := range entries {
		entries[i] = t
	}
}

// entriesOf returns the part of the directory that points to s (T2).
func (d *table) entriesOf(s *segment, h uint32) []*segment {
	span := 1 << (d.depth - s.depth)
	first := d.index(h) &^ (span - 1)
	return d.dir[first : first+span]
}
