package crdt

import "math"

// Detach returns a copy of o that shares no bytes with the record o was decoded
// from. Collections are taken over, not copied: o must not be used afterwards.
func (o *Object) Detach() Object { return o.DetachFrom(math.MaxInt) }

// DetachFrom is Detach of an object decoded from a record of at most size
// bytes: longer values are not part of it, and are taken over.
func (o *Object) DetachFrom(size int) Object {
	c := Object{parts: o.parts, seen: o.seen.Clone(), Deadlines: append([]Deadline(nil), o.Deadlines...)}
	c.Cell.Shares = append([]Share(nil), o.Cell.Shares...)
	for _, s := range o.Cell.Siblings {
		if len(s.Value) <= size {
			s.Value = append([]byte(nil), s.Value...)
		}
		c.Cell.Siblings = append(c.Cell.Siblings, s)
	}
	if z, ok := o.of(TypeZSet).(*ZSet); ok {
		z.sorted() // what is kept is not changed by reading
	}
	return c
}

// HasShares reports whether the cell or an element counts, or has counted and
// is kept for it.
func (o *Object) HasShares() bool {
	for _, p := range o.parts {
		if p.coll.counts() {
			return true
		}
	}
	return len(o.Cell.Shares) > 0
}

// Spent reports whether nothing is left but counter shares that have been removed:
// no removal changes it. A deadline that outlived its value, of the key or of a
// field, is more than that.
func (o *Object) Spent() bool {
	if o.Type() != TypeNone || len(o.Deadlines) > 0 {
		return false
	}
	for _, p := range o.parts {
		if h, ok := p.coll.(*Hash); !p.coll.counts() || ok && h.times != nil && h.times.orphans.len() > 0 {
			return false
		}
	}
	return o.HasShares()
}

// RecordHasShares reports of a flat record what HasShares does of an object.
func RecordHasShares(rec []byte) bool {
	return rec[0] == formDated && rec[datedHeader] != shapePlain || rec[0] == formFew && rec[2]&fewCounts != 0
}

// Bytes estimates the memory of the object. It takes a few nanoseconds, whatever
// the object holds: the engine asks after every change of a key.
func (o *Object) Bytes() int {
	n := 160 + 32*len(o.Deadlines) + 16*len(o.seen) + 112*len(o.Cell.Shares)
	for _, s := range o.Cell.Siblings {
		n += 40 + cap(s.Value)
	}
	for _, p := range o.parts {
		n += 64 + p.coll.bytes()
	}
	return n
}
