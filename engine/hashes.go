package engine

import "crdb/crdt"

// readHash returns the hash of a key as it shows now, nil if the key does not
// exist.
func (t *Tx) readHash(key []byte) (*crdt.Hash, error) {
	n, err := t.read(key, crdt.TypeHash)
	if n == nil {
		return nil, err
	}
	return n.load().Hash().At(t.now), nil
}

// HashLen returns the number of fields; a missing key is an empty hash.
func (t *Tx) HashLen(key []byte) (int, error) {
	n, err := t.read(key, crdt.TypeHash)
	switch {
	case n == nil:
		return 0, err
	case n.isFlat():
		return n.flatLen(), nil
	}
	return n.load().Hash().At(t.now).Shown(), nil
}

// HashGet returns the value of a field.
func (t *Tx) HashGet(key, field []byte) (val []byte, ok bool, err error) {
	n, err := t.read(key, crdt.TypeHash)
	switch {
	case n == nil:
		return nil, false, err
	case n.isFlat():
		val, ok = crdt.RecordField(n.body(), field)
	default:
		val, ok = n.load().Hash().At(t.now).Get(nil, field)
	}
	return val, ok, nil
}

// HashEach calls fn for the fields until it returns false. fn must not write.
func (t *Tx) HashEach(key []byte, fn func(field, val []byte) bool) error {
	h, err := t.readHash(key)
	if h != nil {
		h.Each(fn)
	}
	return err
}

// HashRandom returns a random field.
func (t *Tx) HashRandom(key []byte) (field, val []byte, ok bool, err error) {
	n, err := t.read(key, crdt.TypeHash)
	switch {
	case n == nil:
		return nil, nil, false, err
	case n.isFlat():
		field = t.flatRandom(n)
		val, ok = crdt.RecordField(n.body(), field)
	default:
		field, val, ok = n.load().Hash().At(t.now).Random(t.e.opts.Rand)
	}
	return field, val, ok, nil
}

// HashScan calls fn for about count fields from cursor on and returns the next
// cursor, 0 at the end.
func (t *Tx) HashScan(key []byte, cursor uint64, count int, fn func(field, val []byte)) (uint64, error) {
	h, err := t.readHash(key)
	if h == nil {
		return 0, err
	}
	return h.Scan(cursor, count, fn), nil
}

// changeHash readies an op on the hash of a key.
func (t *Tx) changeHash(kind crdt.Kind, key []byte) (*entry, *crdt.Hash, error) {
	n := t.change(key)
	t.op.Reset(kind, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeHash); err != nil {
		return nil, nil, ErrWrongType
	}
	return n, n.obj.Hash().At(t.now), nil
}

// HashSet sets fields, given as field, value, field, value, and returns how
// many are new.
func (t *Tx) HashSet(key []byte, pairs [][]byte) (added int, err error) {
	n, h, err := t.changeHash(crdt.KindHashSet, key)
	if err != nil {
		return 0, err
	}
	added = h.PrepareSet(&t.op, pairs)
	t.issue(n)
	return added, nil
}

// HashDelete removes fields and returns how many were there.
func (t *Tx) HashDelete(key []byte, fields [][]byte) (int, error) {
	n := t.change(key)
	if !n.shows(t.now) {
		return 0, nil
	}
	n, h, err := t.changeHash(crdt.KindHashRemove, key)
	if err != nil {
		return 0, err
	}
	removed := h.PrepareRemove(&t.op, fields)
	if removed > 0 {
		t.issue(n)
	}
	return removed, nil
}

// incrHash is changeHash for an increment: it keeps the field's deadline, and so
// must not meet one that has passed.
func (t *Tx) incrHash(key, field []byte) (*entry, *crdt.Hash, error) {
	n, h, err := t.changeHash(crdt.KindHashIncr, key)
	if err != nil || !h.Past(field) {
		return n, h, err
	}
	t.op.Reset(crdt.KindHashRemove, uint8(t.db), key)
	t.op.Flags |= crdt.Expired
	h.PreparePast(&t.op, field)
	t.issue(n)
	t.e.stats.expiredFields.Add(1)
	return t.changeHash(crdt.KindHashIncr, key)
}

// HashIncr adds delta to the integer in a field and returns the sum.
func (t *Tx) HashIncr(key, field []byte, delta int64) (int64, error) {
	n, h, err := t.incrHash(key, field)
	if err != nil {
		return 0, err
	}
	sum, _, err := h.PrepareIncr(&t.op, t.e.self, field, delta)
	if err != nil {
		return 0, hashError(err)
	}
	t.issue(n)
	return sum, nil
}

// HashIncrFloat adds a decimal text to the float in a field and returns the
// sum as Redis prints it.
func (t *Tx) HashIncrFloat(key, field, delta []byte) (val []byte, err error) {
	n, h, err := t.incrHash(key, field)
	if err != nil {
		return nil, err
	}
	value, _, err := h.PrepareIncrFloat(&t.op, t.e.self, field, delta)
	if err != nil {
		return nil, hashError(err)
	}
	t.issue(n)
	t.val = value.Append(t.val[:0])
	return t.val, nil
}
