package dict

// bigMark is the first byte of a record whose key and value lie outside the
// arena. It is no even number, so no key length is written like it.
const bigMark = 1

// bigRec is a record too large to be moved about in an arena.
type bigRec struct{ key, val []byte }

// bigBytes is what a place for a big record takes without the record.
const bigBytes = 48

func (r *bigRec) bytes() int { return cap(r.key) + cap(r.val) }

// newBig stores a copy of key with a value of vlen bytes and returns its index.
func (d *Dict) newBig(key []byte, vlen int) uint32 {
	r := bigRec{append([]byte(nil), key...), make([]byte, vlen)}
	d.held += r.bytes()
	if n := len(d.free); n > 0 {
		i := d.free[n-1]
		d.free = d.free[:n-1]
		d.big[i] = r
		return i
	}
	d.big = append(d.big, r)
	d.held += bigBytes
	return uint32(len(d.big) - 1)
}

func (d *Dict) freeBig(i uint32) {
	d.held -= d.big[i].bytes()
	d.big[i] = bigRec{}
	d.free = append(d.free, i)
}
