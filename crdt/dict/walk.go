package dict

// all is Dict.All.
func (d *table) all(fn func(key, val []byte)) {
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		for _, sl := range s.slots {
			if sl != 0 {
				key, val, _ := s.record(slotOff(sl))
				fn(key, val)
			}
		}
		span := 1 << (d.depth - s.depth)
		i = i&^(span-1) + span
	}
}

// walk visits entries from hash lo on, in order, until fn returns false.
func (d *table) walk(lo uint64, fn func(h uint32, key, val []byte) bool) {
	if d.n == 0 || lo >= 1<<32 {
		return
	}
	for i := d.index(uint32(lo)); i < len(d.dir); {
		s := d.dir[i]
		for _, sl := range s.slots {
			if sl == 0 || uint64(slotHash(sl)) < lo {
				continue
			}
			key, val, _ := s.record(slotOff(sl))
			if !fn(slotHash(sl), key, val) {
				return
			}
		}
		span := 1 << (d.depth - s.depth)
		i = i&^(span-1) + span
	}
}

// maxSlots is as many as a segment has unless hashes collide on purpose.
const maxSlots = maxCap*5/4 + maxCap*5/4/16 + 4

// fairDraws bounds how long Random looks for an entry without favour.
const fairDraws = 500

// random is Dict.Random. It draws a place among all there could be and begins anew if there is none or
// it is free: of the places in dir that share a segment the first one counts,
// and every segment is taken to be as long as the longest.
func (d *table) random(next func() uint64) (key, val []byte, ok bool) {
	if d.n == 0 {
		return nil, nil, false
	}
	for draw := 0; ; draw++ {
		r := next()
		i := int(r >> 32 & uint64(len(d.dir)-1))
		s := d.dir[i]
		size := len(s.slots)
		if len(d.dir) > 1 && draw < fairDraws {
			if i&(1<<(d.depth-s.depth)-1) != 0 {
				continue
			}
			size = max(size, maxSlots)
		}
		if j := int(uint64(uint32(r)) * uint64(size) >> 32); j < len(s.slots) && s.slots[j] != 0 {
			key, val, _ = s.record(slotOff(s.slots[j]))
			return key, val, true
		}
	}
}

// bytes is the memory of the table.
func (d *table) bytes() int { return tableBytes + 8*len(d.dir) + d.held }

// tableBytes is what a table takes that is empty.
const tableBytes = 96

// live is what Live counts of a table.
func (d *table) live() int {
	total := tableBytes + 8*len(d.dir)
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		total += 72 + 12*int(s.n) + len(s.arena) - int(s.dead)
		i += 1 << (d.depth - s.depth)
	}
	for _, r := range d.big {
		total += bigBytes + r.bytes()
	}
	return total
}
