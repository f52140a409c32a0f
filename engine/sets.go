package engine

import "crdb/crdt"

// readSet returns the set of a key, nil if the key does not exist.
func (t *Tx) readSet(key []byte) (*crdt.Set, error) {
	n, err := t.read(key, crdt.TypeSet)
	if n == nil {
		return nil, err
	}
	return n.load().Set(), nil
}

// SetLen returns the number of members; a missing key is an empty set.
func (t *Tx) SetLen(key []byte) (int, error) {
	n, err := t.read(key, crdt.TypeSet)
	switch {
	case n == nil:
		return 0, err
	case n.isFlat():
		return n.flatLen(), nil
	}
	return n.load().Set().Len(), nil
}

// SetHas reports whether member is in the set.
func (t *Tx) SetHas(key, member []byte) (bool, error) {
	n, err := t.read(key, crdt.TypeSet)
	switch {
	case n == nil:
		return false, err
	case n.isFlat():
		return crdt.RecordHas(n.body(), member), nil
	}
	return n.load().Set().Has(member), nil
}

// SetEach calls fn for the members until it returns false. fn must not write.
func (t *Tx) SetEach(key []byte, fn func(member []byte) bool) error {
	s, err := t.readSet(key)
	if s != nil {
		s.Each(fn)
	}
	return err
}

// SetRandom returns a random member.
func (t *Tx) SetRandom(key []byte) (member []byte, ok bool, err error) {
	n, err := t.read(key, crdt.TypeSet)
	switch {
	case n == nil:
		return nil, false, err
	case n.isFlat():
		return t.flatRandom(n), true, nil
	}
	member, ok = n.load().Set().Random(t.e.opts.Rand)
	return member, ok, nil
}

// SetScan calls fn for about count members from cursor on and returns the next
// cursor, 0 at the end.
func (t *Tx) SetScan(key []byte, cursor uint64, count int, fn func(member []byte)) (uint64, error) {
	s, err := t.readSet(key)
	if s == nil {
		return 0, err
	}
	return s.Scan(cursor, count, fn), nil
}

// SetAdd adds members and returns how many are new. Adding one that is there
// is an op, too: it keeps the member against a concurrent removal elsewhere.
func (t *Tx) SetAdd(key []byte, members [][]byte) (int, error) {
	n := t.change(key)
	t.op.Reset(crdt.KindSetAdd, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeSet); err != nil {
		return 0, ErrWrongType
	}
	before := n.obj.Set().Len()
	n.quiet = n.obj.Set().PrepareAdd(&t.op, members) == 0
	t.issue(n)
	return n.load().Set().Len() - before, nil
}

// SetRemove removes members and returns how many were there.
func (t *Tx) SetRemove(key []byte, members [][]byte) (int, error) {
	n := t.change(key)
	if !n.shows(t.now) {
		return 0, nil
	}
	t.op.Reset(crdt.KindSetRemove, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeSet); err != nil {
		return 0, ErrWrongType
	}
	before := n.obj.Set().Len()
	if n.obj.Set().PrepareRemove(&t.op, members) == 0 {
		return 0, nil
	}
	t.issue(n)
	return before - n.load().Set().Len(), nil
}

// SetPop removes a random member, passing it to fn first; ok is false if there is no
// such key. fn must not write.
func (t *Tx) SetPop(key []byte, fn func(member []byte)) (ok bool, err error) {
	n := t.change(key)
	if !n.shows(t.now) {
		return false, nil
	}
	t.op.Reset(crdt.KindSetRemove, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeSet); err != nil {
		return false, ErrWrongType
	}
	fn(n.obj.Set().PreparePop(&t.op, t.e.opts.Rand))
	t.issue(n)
	return true, nil
}

// SetStore replaces whatever dst holds by a set; no members deletes it. It
// reports whether dst held something.
func (t *Tx) SetStore(dst []byte, members [][]byte) (was bool) {
	return t.Replace(dst, func() error {
		if len(members) == 0 {
			return nil
		}
		_, err := t.SetAdd(dst, members)
		return err
	})
}
