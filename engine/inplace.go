package engine

import "crdb/crdt"

// Nobody changes the bytes of a string: a reply, a checkpoint or the log may have them
// still. The exception is a string that nobody else has: an edit has made it a moment
// ago, and since then nobody was given the object (entry.object, which ends it). The
// next edit changes such a string where it is, which takes no longer than the edit is.

// keepPrivate notes that nobody but the object has the string that was just put.
func (t *Tx) keepPrivate(n *entry) {
	if n.heap != nil && !t.taken {
		n.heap.private = t.last
	}
}

// InPlace returns the string of a key, to be read and not kept, if Edit may change it
// where it is; otherwise nil, and Get and PutEdited do what is wanted.
func (t *Tx) InPlace(key []byte) []byte { return t.private(key, true) }

// Peek is Get for who does not keep the string: it stays one that Edit may change.
func (t *Tx) Peek(key []byte) (val []byte, ok bool, err error) {
	if val := t.private(key, false); val != nil {
		return val, true, nil
	}
	return t.Get(key)
}

// private returns the string of a key if nobody else has it, and, if it is to be edited,
// this replica has put it.
func (t *Tx) private(key []byte, edit bool) []byte {
	n := t.peek(key)
	if n == nil || n.isFlat() {
		return nil
	}
	d, value, ok := n.raw().Only()
	if !ok || d != n.raw().private || edit && d.Replica != t.e.self {
		return nil
	}
	t.found(n)
	return value
}

// Edit lays bytes over the string that InPlace has just returned, from position at on,
// which is not behind its end. The key keeps its deadline.
func (t *Tx) Edit(at int, bytes []byte) {
	n := &t.ent
	n.heap = n.raw()
	n.obj = &n.heap.Object
	d, value, _ := n.obj.Only()
	e := crdt.Edit{Base: d.Time, At: at, Bytes: bytes}
	value = e.Lay(value)
	t.op.Reset(crdt.KindPut, uint8(t.db), n.key)
	n.obj.PreparePut(&t.op, value, true, 0)
	t.op.Owned = true
	if len(bytes) <= len(value)/2 {
		t.op.Edit = e
	}
	t.issue(n)
	t.keepPrivate(n)
}

// applyEdit lays an edit of another replica over the string that it changes, if that is
// all there is and nobody else has it.
func (e *Engine) applyEdit(a *applier, d crdt.Dot, now int64) bool {
	n, op := &a.ent, &a.op
	if n.rec == nil || n.isFlat() {
		return false
	}
	o := n.raw()
	base, value, ok := o.Only()
	if !ok || base != o.private || base != (crdt.Dot{Time: op.Edit.Base, Replica: d.Replica}) {
		return false
	}
	op.Value, op.Owned, op.Edit = op.Edit.Lay(value), true, crdt.Edit{}
	n.heap, n.obj = o, &o.Object
	n.obj.Apply(op, d)
	n.settle(now, op)
	o.private = d
	return true
}
