package engine

import "crdb/crdt"

// Expiry says what a write does with a key's deadline.
type Expiry struct {
	Keep bool
	At   int64 // unix milliseconds, 0: none
}

// Get returns the string of a key.
func (t *Tx) Get(key []byte) (val []byte, ok bool, err error) {
	n := t.lookup(key)
	if n == nil {
		return nil, false, nil
	}
	return t.shown(n)
}

// shown returns the string of a key that shows.
func (t *Tx) shown(n *entry) (val []byte, ok bool, err error) {
	if !isString(n.typ()) {
		return nil, false, ErrWrongType
	}
	return t.value(n), true, nil
}

// isString reports whether a type is a string to clients: a HyperLogLog is one,
// too, in the form that Redis gives it.
func isString(t crdt.Type) bool { return t == crdt.TypeString || t == crdt.TypeHLL }

// value returns the string that the entry shows: a piece of the keyspace, or
// computed into val, which is never made to point anywhere else.
func (t *Tx) value(n *entry) []byte {
	if n.isFlat() {
		return crdt.RecordValue(t.val[:0], n.body())
	}
	if n.typ() == crdt.TypeHLL {
		return n.obj.HLL().Value(t.val[:0])
	}
	return n.load().Cell.Value(t.val[:0])
}

// Put sets the string of a key, whatever the key held. A deadline that is not
// in the future deletes the key.
func (t *Tx) Put(key, val []byte, x Expiry) { t.put(key, val, x, text{}) }

// PutOwned is Put of a value that the caller has made for it and does not touch
// again: a large one is not copied.
func (t *Tx) PutOwned(key, val []byte, x Expiry) { t.put(key, val, x, text{owned: true}) }

// PutEdited is PutOwned of a value that differs in n bytes at position at from the one
// that shows, which keeps its deadline; or behind its end. Nobody else has the value, nor
// keeps it: see inplace.go.
func (t *Tx) PutEdited(key, val []byte, at, n int) {
	how := text{owned: true, private: true, at: at}
	if n <= len(val)/2 && len(val) >= crdt.MinEdit {
		how.edited = val[at : at+n]
	}
	t.put(key, val, Expiry{Keep: true}, how)
}

// PutAgain writes anew what Peek has just returned, which has a byte at position at: so it
// counts beside what other regions write at the same time. Here nobody hears of it.
func (t *Tx) PutAgain(key, old []byte, at int) {
	if t.Editable() {
		t.ent.quiet = true
		t.Edit(at, []byte{old[at]})
		return
	}
	val := append([]byte(nil), old...)
	how := text{owned: true, private: true, quiet: true, at: at}
	if len(val) >= crdt.MinEdit {
		how.edited = val[at : at+1]
	}
	t.put(key, val, Expiry{Keep: true}, how)
}

// PutGap is Put of a value that has n zeros at position at which val leaves out.
func (t *Tx) PutGap(key, val []byte, at, n int, x Expiry) {
	t.put(key, val, x, text{gap: crdt.Gap{At: at, Len: n}})
}

// text says more about a string that is put.
type text struct {
	gap     crdt.Gap
	owned   bool
	private bool   // nobody but the caller has it
	quiet   bool   // it is what was there
	at      int    // where edited is
	edited  []byte // of the string, if all else is what was there
}

func (t *Tx) put(key, val []byte, x Expiry, how text) {
	t.touches(key)
	n := &t.ent
	n.find(t.e, t.db, key)
	n.unused = t.noTouch
	if !x.Keep && x.At == 0 && how.gap.Len == 0 && len(val) <= maxFlat && t.putPlain(n, val) {
		return
	}
	t.expire(n)
	n.load()
	if x.At != 0 && x.At <= t.now {
		if n.shows(t.now) {
			t.delete(n, 0)
		}
		return
	}
	t.op.Reset(crdt.KindPut, uint8(t.db), key)
	n.obj.PreparePut(&t.op, val, x.Keep, x.At)
	t.op.Owned, t.op.Gap, n.quiet = how.owned, how.gap, how.quiet
	if len(how.edited) > 0 {
		t.op.Edit = n.obj.EditOf(t.e.self, how.at, how.edited)
	}
	t.issue(n)
	if how.private && !t.taken {
		n.keepPrivate(t.last)
	}
}

// putPlain is Put over an absent key or a plain flat record: the same op and
// the same record as the long way, without an Object in between.
func (t *Tx) putPlain(n *entry, val []byte) bool {
	op := &t.op
	if n.rec != nil {
		if !n.isFlat() {
			return false
		}
		seen, _, ok := crdt.PlainRecord(n.body())
		if !ok {
			return false
		}
		op.Reset(crdt.KindPut, uint8(t.db), n.key)
		op.Clear = append(op.Clear, crdt.VersionEntry{Replica: seen.Replica, Time: seen.Time})
	} else {
		op.Reset(crdt.KindPut, uint8(t.db), n.key)
	}
	op.Value = val
	n.storePlain(op, t.append(n.p), t.now)
	return true
}

// Incr adds delta to an integer and returns the sum.
func (t *Tx) Incr(key []byte, delta int64) (int64, error) {
	t.touches(key)
	n := &t.ent
	n.find(t.e, t.db, key)
	n.unused = t.noTouch
	if n.rec == nil {
		t.op.Reset(crdt.KindIncr, uint8(t.db), key)
		t.op.Flags, t.op.Total, t.op.Delta = crdt.Create, crdt.Int(delta), crdt.Int(delta)
		n.storeShare(&t.op, t.append(n.p), t.now)
		return delta, nil
	}
	if sum, ok := t.incrShare(n, delta); ok {
		return sum, nil
	}
	t.expire(n)
	o := n.load()
	t.op.Reset(crdt.KindIncr, uint8(t.db), key)
	if err := o.PrepareChange(&t.op, crdt.TypeString); err != nil {
		if o.Type() == crdt.TypeHLL {
			err = ErrNotInteger
		}
		return 0, stringError(err)
	}
	total, sum, err := o.Cell.IncrInt(t.e.self, delta)
	if err != nil {
		return 0, stringError(err)
	}
	t.op.Total, t.op.Delta = total, crdt.Int(delta)
	t.issue(n)
	return sum, nil
}

// incrShare is Incr in place, for a key that only this replica has counted.
func (t *Tx) incrShare(n *entry, delta int64) (sum int64, ok bool) {
	if !n.isFlat() || n.expired(t.now) {
		return 0, false // the long way
	}
	value, total, ok := crdt.RecordShare(n.body(), t.e.self)
	if !ok || addOverflows(value, delta) || addOverflows(total, delta) {
		return 0, false
	}
	t.op.Reset(crdt.KindIncr, uint8(t.db), n.key)
	t.op.Total, t.op.Delta = crdt.Int(total+delta), crdt.Int(delta)
	n.addShare(&t.op, t.append(n.p), total+delta, t.now)
	return value + delta, true
}

func addOverflows(a, b int64) bool {
	s := a + b
	return (s > a) != (b > 0) && b != 0
}

// IncrFloat adds a decimal text to a float, in long double arithmetic, and
// returns the sum as Redis prints it.
func (t *Tx) IncrFloat(key, delta []byte) (val []byte, err error) {
	n := t.change(key)
	t.op.Reset(crdt.KindIncr, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeString); err != nil {
		if n.obj.Type() == crdt.TypeHLL {
			err = ErrNotFloat
		}
		return nil, stringError(err)
	}
	total, change, value, err := n.obj.Cell.IncrFloat(t.e.self, delta)
	if err != nil {
		return nil, stringError(err)
	}
	t.op.Total, t.op.Delta = total, change
	t.issue(n)
	t.val = value.Append(t.val[:0])
	return t.val, nil
}
