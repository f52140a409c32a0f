package engine

import "crdb/crdt"

// Nobody changes the bytes of a string: a checkpoint, the log or another key may have them
// still. The exception is a string that nobody else has: an edit has made it a moment
// ago, and since then nobody was given the object (entry.object, which ends it). The
// next edit changes such a string where it is, which takes no longer than the edit is.

// keepPrivate notes that nobody but the object has the string that d has just put. The
// key may be an object no more: an edit of another region may leave it a smaller record.
func (n *entry) keepPrivate(d crdt.Dot) {
	if n.heap != nil {
		n.heap.private = d
	}
}

// Peek is Get for who does not keep the string: it stays one that edits may change.
func (t *Tx) Peek(key []byte) (val []byte, ok bool, err error) {
	n := t.lookup(key)
	if n == nil {
		return nil, false, nil
	}
	if _, val = n.private(); val != nil {
		return val, true, nil
	}
	return t.shown(n)
}

// Editable reports whether Edit may change the string that Peek has just returned. So
// may the caller, who then lets Edit lay the bytes that he has changed over themselves.
func (t *Tx) Editable() bool {
	if !t.ent.shows(t.now) {
		return false
	}
	d, val := t.ent.private()
	return val != nil && d.Replica == t.e.self
}

// private returns the string of a key, and who has put it, if nobody else has it.
func (n *entry) private() (d crdt.Dot, val []byte) {
	if n.rec == nil || n.isFlat() {
		return d, nil
	}
	o := n.raw()
	if d, val, ok := o.Only(); ok && d == o.private {
		return d, val
	}
	return crdt.Dot{}, nil
}

// Edit lays bytes over the string that Peek has just returned and that is Editable, from
// position at on, which is not behind its end. The key keeps its deadline.
func (t *Tx) Edit(at int, bytes []byte) {
	n := &t.ent
	d, value := n.private()
	n.heap = n.raw()
	n.obj = &n.heap.Object
	e := crdt.Edit{Base: d.Time, At: at, Bytes: bytes}
	value = e.Lay(value)
	t.op.Reset(crdt.KindPut, uint8(t.db), n.key)
	n.obj.PreparePut(&t.op, value, true, 0)
	t.op.Owned = true
	if len(bytes) <= len(value)/2 {
		t.op.Edit = e
	}
	t.issue(n)
	if !t.taken {
		n.keepPrivate(t.last)
	}
}

// applyEdit lays an edit of another replica over the string that it changes, if that is
// all there is and nobody else has it.
func (e *Engine) applyEdit(a *applier, d crdt.Dot, now int64) bool {
	n, op := &a.ent, &a.op
	base, value := n.private()
	if value == nil || base != (crdt.Dot{Time: op.Edit.Base, Replica: d.Replica}) {
		return false
	}
	op.Value, op.Owned, op.Edit = op.Edit.Lay(value), true, crdt.Edit{}
	n.heap = n.raw()
	n.obj = &n.heap.Object
	n.obj.Apply(op, d)
	n.settle(now, op)
	n.keepPrivate(d)
	return true
}
