package dict

// Each calls fn for every entry in order of hash until fn returns false. fn
// must not change the Dict.
func (d *Dict) Each(fn func(key, val []byte) bool) { d.EachIn(0, 1<<32, fn) }

// All calls fn for every entry in order of hash, as fast as that can be done. fn may
// change the bytes of values in place, but not the Dict.
func (d *Dict) All(fn func(key, val []byte)) {
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

// EachIn calls fn for the entries whose hash is in [lo, hi), in order.
func (d *Dict) EachIn(lo, hi uint64, fn func(key, val []byte) bool) {
	d.walk(lo, func(h uint32, key, val []byte) bool {
		return uint64(h) < hi && fn(key, val)
	})
}

// walk visits entries from hash lo on, in order, until fn returns false.
func (d *Dict) walk(lo uint64, fn func(h uint32, key, val []byte) bool) {
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

// Scan calls fn for about count entries from cursor on and returns the cursor
// to go on from, 0 at the end (T3). Entries of equal hash are never parted. fn
// must not change the Dict.
func (d *Dict) Scan(cursor uint64, count int, fn func(key, val []byte)) uint64 {
	var next uint64
	var last uint32
	n := 0
	d.walk(cursor, func(h uint32, key, val []byte) bool {
		if n >= count && h != last {
			next = uint64(h)
			return false
		}
		fn(key, val)
		last = h
		n++
		return true
	})
	return next
}

// maxSlots is as many as a segment has unless hashes collide on purpose.
const maxSlots = maxCap*5/4 + maxCap*5/4/16 + 4

// fairDraws bounds how long Random looks for an entry without favour.
const fairDraws = 500

// Random returns an entry, each with the same probability; next supplies random
// bits. Where hardly anything is left of many entries, those in the emptiest
// places come up more often.
//
// It draws a place among all there could be and begins anew if there is none or
// it is free: of the places in dir that share a segment the first one counts,
// and every segment is taken to be as long as the longest.
func (d *Dict) Random(next func() uint64) (key, val []byte, ok bool) {
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

// Bytes estimates the memory the Dict uses. It is kept up to date, not counted:
// the engine asks after every change of a key.
func (d *Dict) Bytes() int { return dictBytes + 8*len(d.dir) + d.held }

// dictBytes is what a Dict itself takes.
const dictBytes = 96

// Live estimates the bytes of the entries there are, without those of deleted
// ones that are not yet given back.
func (d *Dict) Live() int {
	total := dictBytes + 8*len(d.dir)
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
