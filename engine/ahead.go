package engine

import "crdb/crdt"

// A checkpoint copies what has changed of a range under its partition's lock. Of
// a key with very many changed elements most is copied ahead, a piece at a time
// with the lock released in between, so that nobody waits for all of it. What
// changes meanwhile is noted as ever, and copied again with the rest: in the end
// the checkpoint holds of each element what was there, under the lock, when the
// vector was read (D3).

// noteLarge lists a key that is to be copied ahead. Its partition is locked.
func (n *entry) noteLarge(o *object) {
	s := &n.p.eng.opts.Sizes
	much := o.all && (o.Kept() > s.AheadElems || o.bytes > int64(s.AheadCopy))
	if o.large || !much && o.changed.size < s.AheadBytes {
		return
	}
	o.large = true
	n.rangeState().large = appendKey(n.rangeState().large, n.db, n.key)
}

// ahead copies the large keys of a range. The caller holds no locks.
func (w *saver) ahead(r int) {
	p := &w.e.parts[r/rangesPerPart]
	s := &p.ranges[r%rangesPerPart]
	p.mu.Lock()
	list := s.large
	s.large = nil
	p.mu.Unlock()
	eachKey(list, func(db int, key []byte) {
		c := aheadCopy{w: w, p: p, r: r, db: db, key: key}
		for c.step() {
			w.e.opts.Between()
		}
	})
}

// aheadCopy copies one key.
type aheadCopy struct {
	w     *saver
	p     *partition
	r, db int
	key   []byte
	o     *object // once it has begun
	walks bool    // over all elements, before those that have changed since
	at    crdt.ElemCursor
}

// step copies a piece and reports whether more is to come. It ends early when
// the key has become another one, or all of it is to be saved again: the rest is
// done with the range.
func (c *aheadCopy) step() (more bool) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	n := entry{p: c.p}
	n.find(c.w.e, c.db, c.key)
	if n.rec == nil || n.isFlat() {
		return false
	}
	if c.o == nil {
		c.begin(n.object())
	}
	o := c.o
	if n.object() != o || o.all {
		return false
	}
	c.piece()
	return c.walks || o.changed.size >= c.w.e.opts.Sizes.AheadBytes
}

// aheadChunk is how many elements are copied between two looks at how large they are.
const aheadChunk = 16

// piece copies some elements: of all, or of those that have changed.
func (c *aheadCopy) piece() {
	sizes, from, all := &c.w.e.opts.Sizes, c.w.bytes, c.walks
	for left := sizes.AheadElems; left > 0 && c.w.bytes-from < int64(sizes.AheadCopy); left -= aheadChunk {
		switch n := min(left, aheadChunk); {
		case !all:
			c.w.changedElems(c.r, c.db, c.key, c.o, n)
		case c.walks:
			c.walks = !c.o.WalkElems(&c.at, n, func(t crdt.Type, name, rec []byte) {
				c.w.key = append(stateKey(c.w.key, c.r, c.db, c.key, byte(t)), name...)
				c.w.put(rec)
			})
		}
	}
}

// begin makes the object one whose changes are noted. What is to be removed of
// the range goes first: it would take along what is copied now.
func (c *aheadCopy) begin(o *object) {
	c.o = o
	c.w.removals(c.r, &c.p.ranges[c.r%rangesPerPart])
	if o.all {
		if o.saved {
			c.w.dropElems(c.r, c.db, c.key, crdt.TypeString+1, allTypes)
		}
		c.walks, o.all = true, false
		o.changed = changes{}
	}
	o.saved = true // from now on, whoever deletes the key lists its elements
}
