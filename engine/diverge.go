package engine

import "crdb/crdt"

// Diverge writes a string into the state of this instance only, past the log:
// the other instances never hear of it, and after a restart it may be gone. It
// breaks D3 on purpose, so that tests can show that comparisons of instances
// find what differs. It takes the key's lock, unless the Tx holds it.
func (t *Tx) Diverge(key, val []byte) {
	t.with(partOf(t.e.hash(key)), func(*partition) {
		n := &t.ent
		n.find(t.e, t.db, key)
		o := n.load()
		t.op.Reset(crdt.KindPut, uint8(n.db), n.key)
		o.PreparePut(&t.op, val, false, 0)
		o.Apply(&t.op, crdt.Dot{Time: 1, Replica: t.e.self})
		n.settle(t.now, &t.op)
		n.obj = nil
	})
}
