package engine

import "crdb/crdt"

// Clash is a conflict that an operation of another region has met on its way
// into the keyspace (crdt.Object.Contest).
type Clash struct {
	crdt.Contest
	DB  int
	Key []byte
	By  crdt.Dot // the operation that came in
}

// OnClash makes f hear of every conflict that operations of other regions meet
// while they are applied; nil ends it. It is called under the key's lock: it
// must be quick, and must neither keep what the Clash points to nor use the
// engine. The caller holds no locks.
func (e *Engine) OnClash(f func(c *Clash)) {
	e.lock(^uint64(0))
	e.clash = f
	e.unlock(^uint64(0))
}

// contest reports the conflict that the decoded op is about to meet.
func (e *Engine) contest(n *entry, op *crdt.Op, d crdt.Dot) {
	if e.clash == nil || n.rec == nil || op.Flags&(crdt.Expired|crdt.Evicted) != 0 {
		return
	}
	x := n.obj.Contest(op)
	if x.Conflict == crdt.NoConflict {
		return
	}
	e.clash(&Clash{Contest: x, DB: n.db, Key: n.key, By: d})
}

// Explain calls fn with everything live of a key, or, with elem, of one of its
// elements. It reports false if that does not show. fn must not keep what it is
// given.
func (t *Tx) Explain(key, elem []byte, fn func(x *crdt.Explanation)) bool {
	n := t.peek(key)
	if n == nil {
		return false
	}
	x, ok := n.load().Explain(elem)
	if ok {
		fn(&x)
	}
	return ok
}
