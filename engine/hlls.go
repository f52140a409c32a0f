package engine

import (
	"bytes"

	"crdb/crdt"
)

// A HyperLogLog is a type of its own, so that regions add to it at once. To
// clients it is a string, and a string that is one is taken as one: PFADD and
// PFMERGE turn it into the type when they change it.

// HLLAdd adds elements to the HyperLogLog of a key, creating it, and reports
// whether its count may have changed. sparseLimit is Redis's
// hll-sparse-max-bytes.
func (t *Tx) HLLAdd(key []byte, elements [][]byte, sparseLimit int) (bool, error) {
	n := t.change(key)
	c, err := t.prepareHLL(n, sparseLimit)
	if err == ErrCorruptHLL {
		return t.hllAddBroken(key, elements, sparseLimit)
	}
	if err != nil {
		return false, err
	}
	for _, e := range elements {
		c.Raise(crdt.HashElement(e))
	}
	if c.Prepare(&t.op) {
		t.issue(n)
	}
	return c.Changed, nil
}

// hllAddBroken adds to a string that only looks like a HyperLogLog, and stays a
// string. As in Redis, what was added before an error remains.
func (t *Tx) hllAddBroken(key []byte, elements [][]byte, sparseLimit int) (changed bool, err error) {
	val, _, err := t.Get(key)
	if err != nil {
		return false, err
	}
	val = bytes.Clone(val)
	for _, e := range elements {
		register, value := crdt.HashElement(e)
		var raised bool
		if val, raised, err = crdt.RaiseBroken(val, register, value, sparseLimit); err != nil {
			break
		}
		changed = changed || raised
	}
	if changed {
		t.PutOwned(key, val, Expiry{Keep: true})
	}
	return changed, hllError(err)
}

// HLLMerge adds what sources have counted to the HyperLogLog of a key, creating
// it.
func (t *Tx) HLLMerge(key []byte, sources [][]byte, sparseLimit int) error {
	sum, dense, err := t.hllUnion(append([][]byte{key}, sources...))
	if err != nil {
		return err
	}
	n := t.change(key)
	c, err := t.prepareHLL(n, sparseLimit)
	if err != nil {
		return err
	}
	if dense || sum.Outgrown(sparseLimit) { // it ends so: to find it out register by register takes seconds
		c.Dense()
	}
	sum.Each(c.Raise)
	c.Stale()
	if c.Prepare(&t.op) {
		t.issue(n)
	}
	return nil
}

// HLLCount estimates how many different elements the keys have counted
// together.
func (t *Tx) HLLCount(keys [][]byte) (uint64, error) {
	if len(keys) > 1 {
		sum, _, err := t.hllUnion(keys)
		return sum.Count(), err
	}
	n := t.lookup(keys[0])
	switch {
	case n == nil:
		return 0, nil
	case n.typ() == crdt.TypeHLL:
		return n.load().HLL().Count(), nil
	case n.typ() != crdt.TypeString:
		return 0, ErrWrongType
	}
	val := t.value(n)
	if err := crdt.CheckRedis(val); err != nil {
		return 0, hllError(err)
	}
	if count, ok := crdt.CachedCount(val); ok {
		return count, nil
	}
	s, _, err := crdt.ParseRedis(val)
	if err != nil {
		return 0, hllError(err)
	}
	return s.Count(), nil
}

// hllUnion merges the HyperLogLogs of keys; dense says that one of them has the
// dense form.
func (t *Tx) hllUnion(keys [][]byte) (sum crdt.Sketch, dense bool, err error) {
	for _, key := range keys {
		n := t.lookup(key)
		if n == nil {
			continue
		}
		s, isDense, err := t.sketch(n)
		if err != nil {
			return crdt.Sketch{}, false, err
		}
		sum.Merge(s)
		dense = dense || isDense
	}
	return sum, dense, nil
}

// sketch returns what a key that shows has counted.
func (t *Tx) sketch(n *entry) (s *crdt.Sketch, dense bool, err error) {
	switch n.typ() {
	case crdt.TypeHLL:
		s, dense = n.load().HLL().Sketch()
		return s, dense, nil
	case crdt.TypeString:
		parsed, dense, err := crdt.ParseRedis(t.value(n))
		return &parsed, dense, hllError(err)
	}
	return nil, false, ErrWrongType
}

// prepareHLL starts a change of the loaded key.
func (t *Tx) prepareHLL(n *entry, sparseLimit int) (*crdt.SketchChange, error) {
	t.op.Reset(crdt.KindHLLAdd, uint8(t.db), n.key)
	if n.obj.Type() != crdt.TypeString {
		if err := n.obj.PrepareChange(&t.op, crdt.TypeHLL); err != nil {
			return nil, ErrWrongType
		}
		return n.obj.HLL().NewChange(sparseLimit), nil
	}
	s, dense, err := t.sketch(n)
	if err != nil {
		return nil, err
	}
	n.obj.PrepareReplace(&t.op)
	return n.obj.HLL().Replace(*s, dense, sparseLimit), nil
}

// hllStore replaces whatever dst holds by a copy of h.
func (t *Tx) hllStore(dst []byte, h *crdt.HLL) {
	s, dense := h.Sketch()
	t.Delete(dst)
	n := t.change(dst)
	c, err := t.prepareHLL(n, 0)
	if err != nil {
		panic(err) // the key has just been deleted
	}
	c.Copy(s, dense)
	if c.Prepare(&t.op) {
		t.issue(n)
	}
}
