package dict

// Dict maps byte strings to byte records. The zero value is empty and ready.
type Dict struct {
	small small  // all entries, while they are few
	table *table // all entries, once they are many; nil before
}

// Len returns the number of entries.
func (d *Dict) Len() int {
	if d.table != nil {
		return d.table.n
	}
	return int(d.small.n)
}

// Get returns the value of key. The caller may change its bytes in place.
func (d *Dict) Get(h uint32, key []byte) (val []byte, ok bool) {
	if d.table != nil {
		return d.table.get(h, key)
	}
	return d.small.get(h, key)
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
	if d.table == nil {
		if val, fresh, ok := d.small.reserve(h, key, vlen); ok {
			return val, fresh
		}
		d.enlarge()
	}
	return d.table.reserve(h, key, vlen)
}

// enlarge makes a table of a small Dict. It does not become small again before
// it is empty.
func (d *Dict) enlarge() {
	t := &table{}
	d.small.each(func(h uint32, key, val []byte) bool {
		b, _ := t.reserve(h, key, len(val))
		copy(b, val)
		return true
	})
	d.table, d.small = t, small{}
}

// Delete removes key and reports whether it was there.
func (d *Dict) Delete(h uint32, key []byte) bool {
	if d.table == nil {
		return d.small.delete(h, key)
	}
	ok := d.table.delete(h, key)
	if d.table.n == 0 {
		d.table = nil
	}
	return ok
}

// Expect makes room for n entries of so many bytes, the sum of their EntrySize, that
// there will be with hashes in [lo, hi), evenly spread; those that are there already
// are among them. It saves a Dict that is filled in order of hash, as by a state
// transfer, to grow step by step. What does not come is room that is kept.
func (d *Dict) Expect(lo, hi uint64, n, bytes int) {
	if d.table == nil {
		if n <= smallEntries {
			d.small.expect(bytes + n*(smallHeader+2-minHeader))
			return
		}
		d.enlarge()
	}
	d.table.expect(lo, hi, n, bytes)
}

// Each calls fn for every entry in order of hash until fn returns false. fn
// must not change the Dict.
func (d *Dict) Each(fn func(key, val []byte) bool) { d.EachIn(0, 1<<32, fn) }

// All calls fn for every entry in order of hash, as fast as that can be done. fn may
// change the bytes of values in place, but not the Dict.
func (d *Dict) All(fn func(key, val []byte)) {
	if d.table != nil {
		d.table.all(fn)
		return
	}
	d.small.each(func(_ uint32, key, val []byte) bool { fn(key, val); return true })
}

// EachIn calls fn for the entries whose hash is in [lo, hi), in order.
func (d *Dict) EachIn(lo, hi uint64, fn func(key, val []byte) bool) {
	d.walk(lo, func(h uint32, key, val []byte) bool {
		return uint64(h) < hi && fn(key, val)
	})
}

// walk visits entries from hash lo on, in order, until fn returns false.
func (d *Dict) walk(lo uint64, fn func(h uint32, key, val []byte) bool) {
	if d.table != nil {
		d.table.walk(lo, fn)
		return
	}
	d.small.each(func(h uint32, key, val []byte) bool { return uint64(h) < lo || fn(h, key, val) })
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

// Random returns an entry, each with the same probability; next supplies random
// bits. Where hardly anything is left of many entries, those in the emptiest
// places come up more often.
func (d *Dict) Random(next func() uint64) (key, val []byte, ok bool) {
	if d.table != nil {
		return d.table.random(next)
	}
	return d.small.random(next)
}

// dictBytes is what a Dict itself takes.
const dictBytes = 40

// Bytes estimates the memory the Dict uses. It is kept up to date, not counted:
// the engine asks after every change of a key.
func (d *Dict) Bytes() int {
	if d.table != nil {
		return dictBytes + d.table.bytes()
	}
	return dictBytes + cap(d.small.entries)
}

// Live estimates the bytes of the entries there are, without those of deleted
// ones that are not yet given back.
func (d *Dict) Live() int {
	if d.table != nil {
		return dictBytes + d.table.live()
	}
	return dictBytes + len(d.small.entries)
}
