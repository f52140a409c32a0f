package engine

import (
	"crdb/crdt"
	"crdb/oplog"
)

// merged is an image that has been merged into a range. Until the instance's
// own vector covers its vector, the keys of its slice are ahead: their exact
// vector is the join of both (T1), and ops that it covers are skipped (T2). The
// partition's lock guards it.
type merged struct {
	id          oplog.ImageID
	first, last uint32 // fragments, inclusive
	vv          crdt.VersionVector
	whole       bool // no checkpoint holds yet what it brought
}

// raisedSlices are the merged images of a partition that count, by range.
type raisedSlices struct {
	n      int // of all ranges
	ranges [rangesPerPart][]*merged
	drop   [rangesPerPart][]oplog.ImageID // superseded: to leave the store
}

// covers reports whether an op on a key with this fragment is in the state
// because an image brought it.
func (x *raisedSlices) covers(frag uint32, d crdt.Dot) bool {
	if x.n == 0 {
		return false
	}
	for _, m := range x.ranges[subOf(frag)] {
		if m.first <= frag && frag <= m.last && m.vv.Covers(d) {
			return true
		}
	}
	return false
}

// join returns the exact vector of a key with this fragment, if v is that of
// the partition. It may return v itself.
func (x *raisedSlices) join(frag uint32, v crdt.VersionVector) crdt.VersionVector {
	copied := false
	for _, m := range x.ranges[subOf(frag)] {
		if m.first <= frag && frag <= m.last && !v.Descends(m.vv) {
			if !copied {
				v, copied = v.Clone(), true
			}
			v.Merge(m.vv)
		}
	}
	return v
}

// joinAll covers the exact vectors of all keys with fragments in [lo, hi), if v
// is that of the partition.
func (x *raisedSlices) joinAll(lo, hi uint64, v crdt.VersionVector) crdt.VersionVector {
	if x.n == 0 {
		return v
	}
	for sub := subOf(uint32(lo)); sub <= subOf(uint32(hi-1)); sub++ {
		for _, m := range x.ranges[sub] {
			if uint64(m.first) < hi && uint64(m.last) >= lo {
				v.Merge(m.vv)
			}
		}
	}
	return v
}

// boundary returns the end of the run of fragments from lo on, not beyond hi,
// for which join is the same.
func (x *raisedSlices) boundary(lo, hi uint64) uint64 {
	for _, m := range x.ranges[subOf(uint32(lo))] {
		if first := uint64(m.first); first > lo && first < hi {
			hi = first
		}
		if end := uint64(m.last) + 1; end > lo && end < hi {
			hi = end
		}
	}
	return hi
}

// add notes a merged image, or that it has grown. Those that it supersedes go.
func (x *raisedSlices) add(m *merged, sub int) {
	kept := x.ranges[sub][:0]
	for _, o := range x.ranges[sub] {
		if o == m {
			x.n--
			continue
		}
		if m.first <= o.first && o.last <= m.last && m.vv.Descends(o.vv) {
			x.drop[sub] = append(x.drop[sub], o.id)
			x.n--
			continue
		}
		kept = append(kept, o)
	}
	x.ranges[sub] = append(kept, m)
	x.n++
}

// save writes into a checkpoint what it has to know of the images of a range,
// with the records of that range, whose vector is v. Images that v covers count
// no longer.
func (x *raisedSlices) save(c *oplog.Checkpoint, rng int, v crdt.VersionVector, undo *[]undoImage) {
	sub := rng % rangesPerPart
	if len(x.ranges[sub]) == 0 && len(x.drop[sub]) == 0 {
		return
	}
	for _, id := range x.drop[sub] {
		c.DropImage(id)
		*undo = append(*undo, undoImage{rng, &merged{id: id}, true})
	}
	x.drop[sub] = nil
	var kept []*merged
	for _, m := range x.ranges[sub] {
		switch {
		case v.Descends(m.vv):
			c.DropImage(m.id)
			*undo = append(*undo, undoImage{rng, m, true})
			x.n--
			continue
		case m.whole:
			c.SaveImage(m.id, m.vv, endImage(beginImage(nil, rng, m.first, m.vv), m.last))
			*undo = append(*undo, undoImage{rng, m, false})
			m.whole = false
		}
		kept = append(kept, m)
	}
	x.ranges[sub] = kept
}

// undoImage is what a checkpoint that failed has to take back.
type undoImage struct {
	rng     int
	m       *merged
	dropped bool
}

// undoImages puts back what a failed checkpoint has, perhaps, not written.
func (e *Engine) undoImages(list []undoImage) {
	for _, u := range list {
		p, sub := &e.parts[u.rng/rangesPerPart], u.rng%rangesPerPart
		p.mu.Lock()
		if u.dropped {
			p.raised.drop[sub] = append(p.raised.drop[sub], u.m.id)
		} else {
			u.m.whole = true
		}
		p.mu.Unlock()
	}
}

// Ahead returns how many slices of the keyspace are ahead of the instance's own
// vector because images have been merged into them.
func (e *Engine) Ahead() (slices int) {
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		v := e.vector()
		for _, list := range p.raised.ranges {
			for _, m := range list {
				if !v.Descends(m.vv) { // else a checkpoint is yet to drop it
					slices++
				}
			}
		}
		p.mu.Unlock()
	}
	return slices
}

// anyAhead reports whether an image counts in the partitions, which are locked.
func (e *Engine) anyAhead() bool {
	for i := range e.parts {
		if e.parts[i].raised.n > 0 {
			return true
		}
	}
	return false
}

// lowest returns what every slice of the keyspace covers, if base is the vector
// of each range without its images. The caller holds each partition's lock, or
// nobody else is there yet.
func (p *partition) lowest(base func(rng int) crdt.VersionVector) crdt.VersionVector {
	var low crdt.VersionVector
	for sub := range rangesPerPart {
		v := base(p.index*rangesPerPart + sub)
		lo := uint64(sub) << rangeShift
		for at, hi := lo, lo+1<<rangeShift; at < hi; at = p.raised.boundary(at, hi) {
			exact := p.raised.join(uint32(at), v)
			if sub == 0 && at == lo {
				low = exact
			}
			low = meet(low, exact)
		}
	}
	return low
}
