package crdt

import (
	"fmt"

	"crdb/crdt/dict"
)

// HLL is a HyperLogLog that counts different elements. It consists of epochs:
// the PFADD that finds none creates one, which its dot names, and later ones
// name the epoch that they raise registers of. A removal takes the epochs that
// its author had seen, with all that was or will be added to them: it wins over
// concurrent additions, and no tombstone is needed (K1). Concurrent creations
// leave several epochs; the value is their union. The zero value is empty.
type HLL struct {
	epochs  []epoch // newest first
	count   uint64  // of the union, if counted
	counted bool
}

// epoch is one sketch.
type epoch struct {
	dot   Dot  // of the operation that created it
	last  Dot  // the newest operation that named it, its creation included
	dense bool // an author has left Redis's sparse form
	regs  Sketch
}

// The flags in front of a sketch in operations and records.
const sketchDense = 1

// Len is the number of epochs.
func (h *HLL) Len() int { return len(h.epochs) }

// Sketch returns the union of the epochs and whether it is shown in Redis's
// dense form. The result is the HLL's own or a copy: read only.
func (h *HLL) Sketch() (s *Sketch, dense bool) {
	if len(h.epochs) == 1 {
		return &h.epochs[0].regs, h.epochs[0].dense
	}
	s = &Sketch{}
	for i := range h.epochs {
		s.Merge(&h.epochs[i].regs)
		dense = dense || h.epochs[i].dense
	}
	return s, dense
}

// Count estimates the number of elements.
func (h *HLL) Count() uint64 {
	if !h.counted {
		s, _ := h.Sketch()
		h.count, h.counted = s.Count(), true
	}
	return h.count
}

// Value appends Redis's string form to buf.
func (h *HLL) Value(buf []byte) []byte {
	s, dense := h.Sketch()
	return s.AppendRedis(buf, dense)
}

// SketchChange collects what one command raises.
type SketchChange struct {
	Changed bool // the union has changed, or is new

	union    Sketch
	dense    bool
	was      bool // dense before
	limit    int
	target   *epoch // nil: a new one
	raised   Sketch // of the target
	fresh    bool
	replaces bool  // a string
	stale    bool  // whose count must not be believed any more
	seen     []Dot // epochs a new one replaces
}

// NewChange starts a change of h. sparseLimit is the longest sparse form, in
// bytes, that Redis would keep.
func (h *HLL) NewChange(sparseLimit int) *SketchChange {
	s, dense := h.Sketch()
	c := &SketchChange{union: s.clone(), dense: dense, was: dense, limit: sparseLimit}
	if c.fresh = len(h.epochs) == 0; c.fresh {
		c.Changed = true
	} else {
		c.target = &h.epochs[0]
	}
	return c
}

// Replace makes the change one that puts a new epoch with a given content in
// the place of all epochs seen, which do not show, and of a string, which does.
//
// A string that does not change stays a string.
func (h *HLL) Replace(content Sketch, dense bool, sparseLimit int) *SketchChange {
	c := &SketchChange{union: content, raised: content.clone(), dense: dense, was: dense, limit: sparseLimit, fresh: true, replaces: true}
	for i := range h.epochs {
		c.seen = append(c.seen, h.epochs[i].dot)
	}
	return c
}

// Raise raises one register.
func (c *SketchChange) Raise(register int, value byte) {
	if value > c.union.Get(register) {
		c.Changed = true
		c.dense = c.dense || c.union.outgrows(register, value, c.limit)
		c.union.Raise(register, value)
	}
	if c.target == nil || value > c.target.regs.Get(register) {
		c.raised.Raise(register, value)
	}
}

// Copy makes the change, of a missing key, one to the content of another.
func (c *SketchChange) Copy(s *Sketch, dense bool) { c.raised, c.dense = s.clone(), dense }

// Dense makes the dense form the one to show.
func (c *SketchChange) Dense() { c.dense = true }

// Stale makes the change replace a string even if no register rises, so that
// the count that it may carry goes.
func (c *SketchChange) Stale() { c.stale = true }

// Prepare names the epoch and the registers that rise. The result is false if
// there is nothing to issue.
func (c *SketchChange) Prepare(op *Op) bool {
	if c.replaces && !c.Changed && !c.stale && c.dense == c.was {
		return false
	}
	if !c.fresh && c.dense == c.was && len(c.raised.sparse) == 0 && c.raised.dense == nil {
		return false
	}
	var name []byte
	if c.target != nil {
		name = AppendDot(nil, c.target.dot)
	}
	e := op.addElem(name)
	for _, d := range c.seen {
		op.seeDot(e, d)
	}
	e.Value = c.raised.append([]byte{sketchFlags(c.dense)})
	return true
}

func sketchFlags(dense bool) byte {
	if dense {
		return sketchDense
	}
	return 0
}

// decodeFlagged reads flags and a sketch.
func decodeFlagged(b []byte) (s Sketch, dense, ok bool) {
	if len(b) == 0 || b[0] > sketchDense {
		return s, false, false
	}
	s, ok = decodeSketch(b[1:])
	return s, b[0] == sketchDense, ok
}

// checkHLLElem refuses an element of an operation that Prepare cannot have
// written.
func checkHLLElem(e *Elem) bool {
	_, _, ok := decodeFlagged(e.Value)
	return ok && (len(e.Name) == 0 || len(e.Name) == DotSize && len(e.Seen) == 0)
}

// apply raises registers of the named epoch; one that is not there was removed
// (K1). A new epoch gets its name here, which the caller finds in op.
func (h *HLL) apply(op *Op, d Dot) {
	for i := range op.Elems {
		e := &op.Elems[i]
		if e.Of != TypeNone {
			continue
		}
		regs, dense, ok := decodeFlagged(e.Value)
		if !ok {
			continue // DecodeOp has refused it
		}
		dot := d
		if len(e.Name) > 0 {
			dot = DotAt(e.Name)
		} else {
			h.clear(e.Seen, nil, d)
			h.insert(epoch{dot: d})
			e.Name = AppendDot(nil, d)
		}
		h.counted = false
		if x := h.epoch(dot); x != nil {
			x.join(&epoch{last: d, dense: dense, regs: regs})
		}
	}
}

func (h *HLL) epoch(d Dot) *epoch {
	for i := range h.epochs {
		if h.epochs[i].dot == d {
			return &h.epochs[i]
		}
	}
	return nil
}

// insert adds an epoch unless it is there.
func (h *HLL) insert(x epoch) {
	i := 0
	for i < len(h.epochs) && h.epochs[i].dot.Newer(x.dot) {
		i++
	}
	if i < len(h.epochs) && h.epochs[i].dot == x.dot {
		return
	}
	h.epochs = append(h.epochs, epoch{})
	copy(h.epochs[i+1:], h.epochs[i:])
	h.epochs[i] = x
}

// join adds what another state of the same epoch knows.
func (x *epoch) join(o *epoch) {
	if o.last.Newer(x.last) {
		x.last = o.last
	}
	x.dense = x.dense || o.dense
	x.regs.Merge(&o.regs)
}

func (h *HLL) keep(keep func(x *epoch) bool) {
	kept := h.epochs[:0]
	for i := range h.epochs {
		if keep(&h.epochs[i]) {
			kept = append(kept, h.epochs[i])
		}
	}
	clear(h.epochs[len(kept):])
	h.epochs, h.counted = kept, false
}

func (h *HLL) clear(seen VersionVector, _ []Elem, _ Dot) {
	h.keep(func(x *epoch) bool { return !seen.Covers(x.dot) })
}

func (h *HLL) newest() (d Dot) {
	for i := range h.epochs {
		if h.epochs[i].last.Newer(d) {
			d = h.epochs[i].last
		}
	}
	return d
}

// merge joins epoch by epoch; one that a side lacks although it covers its dot
// was removed there (K1).
func (h *HLL) merge(vv VersionVector, other collection, ovv VersionVector) {
	o := other.(*HLL)
	h.keep(func(x *epoch) bool { return o.epoch(x.dot) != nil || !ovv.Covers(x.dot) })
	for i := range o.epochs {
		theirs := &o.epochs[i]
		x := h.epoch(theirs.dot)
		if x == nil && !vv.Covers(theirs.dot) {
			h.insert(epoch{dot: theirs.dot})
			x = h.epoch(theirs.dot)
		}
		if x != nil {
			x.join(theirs)
		}
	}
}

func (h *HLL) digest() (sum uint64) {
	h.each(func(name, rec []byte) { sum += dict.Hash(dict.Hash(digestSeed, name), rec) })
	return sum
}

func (h *HLL) bytes() (n int) {
	for i := range h.epochs {
		n += 96 + cap(h.epochs[i].regs.sparse) + cap(h.epochs[i].regs.dense)
	}
	return n
}

func (h *HLL) kept() int { return len(h.epochs) }

// A HyperLogLog has no counter shares.
func (h *HLL) counts() bool                       { return false }
func (h *HLL) shares(*Op)                         {}
func (h *HLL) stale() bool                        { return false }
func (h *HLL) forget(VersionVector, func([]byte)) {}

func (x *epoch) record() []byte {
	return x.regs.append(append(AppendDot(nil, x.last), sketchFlags(x.dense)))
}

func (h *HLL) each(fn func(name, rec []byte)) {
	for i := range h.epochs {
		fn(AppendDot(nil, h.epochs[i].dot), h.epochs[i].record())
	}
}

// walk is each: there is an epoch for each PFMERGE or deletion not yet forgotten.
func (h *HLL) walk(_ []byte, _ int, fn func(name, rec []byte)) []byte {
	h.each(fn)
	return nil
}

func (h *HLL) record(name []byte) (rec []byte, ok bool) {
	if len(name) != DotSize {
		return nil, false
	}
	if x := h.epoch(DotAt(name)); x != nil {
		return x.record(), true
	}
	return nil, false
}

func (h *HLL) load(name, rec []byte) error {
	if len(name) != DotSize || len(rec) < DotSize {
		return fmt.Errorf("%w: HyperLogLog", ErrCorrupt)
	}
	x := epoch{dot: DotAt(name), last: DotAt(rec)}
	var ok bool
	if x.regs, x.dense, ok = decodeFlagged(rec[DotSize:]); !ok || x.dot.Newer(x.last) {
		return fmt.Errorf("%w: sketch", ErrCorrupt)
	}
	h.insert(x)
	return nil
}
