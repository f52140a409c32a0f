package engine

import "crdb/crdt"

// Change is what happened to a key that clients can see.
type Change struct {
	By      *Tx    // who made it; nil: an operation of another region
	DB      int    // logical database
	Key     []byte // nil: all keys of the database
	Created bool   // the key did not show before and nothing it held was replaced
	Gone    bool   // the key does not show any more
	Faded   bool   // it went because its last field was past its deadline
	// Op is what was applied, nil where there was no need to look at one: the
	// observer must not keep it.
	Op     *crdt.Op
	Push   Push // of Op, if it adds elements to a list
	Merged bool // a state of another instance was merged: of Op the kind counts
}

// Push is where an operation of another region has added elements to a list, as
// far as that can be told.
type Push uint8

// Places of a Push.
const (
	PushRight Push = iota
	PushLeft
	PushInside
)

// Observer hears of every change of a key that clients can see: local writes,
// operations of other regions, deadlines. It is called under the key's lock: it
// must be quick, and must neither keep the key nor use the engine.
type Observer func(c Change)

// Internals counts the changes in Internal since Open.
func (e *Engine) Internals() uint64 { return e.internals.Load() }

// Observe makes f the engine's one observer; nil ends it. It may be called at
// any time; a change that is going on may be missed.
func (e *Engine) Observe(f Observer) {
	if f == nil {
		e.observer.Store(nil)
		return
	}
	e.observer.Store(&f)
}

// changed tells those who look at the key that it has changed, by op if that is
// known. created says that it did not show before.
func (n *entry) changed(op *crdt.Op, created bool) {
	if n.db == Internal {
		n.p.eng.internals.Add(1)
		return
	}
	n.p.touchWatched(n.db, n.key, op != nil && op.Flags&crdt.Expired != 0)
	f := n.p.eng.observer.Load()
	if f == nil {
		return
	}
	c := Change{By: n.tx, DB: n.db, Key: n.key, Created: created, Op: op}
	c.Gone = n.rec == nil || n.flags()&recHidden != 0
	if c.Gone {
		c.Created = false
	} else if n.tx != nil {
		c.Created = created && !n.tx.replaces || n.tx.anew
		n.tx.anew = false
	}
	if n.tx != nil {
		c.Faded, n.tx.fades = c.Gone && n.tx.fades, false
	} else if n.merge {
		c.Merged = true
	} else if n.fades {
		c.Faded = c.Gone
	} else if op != nil && op.Kind == crdt.KindListPush && !c.Gone {
		c.Push = n.pushed(op)
	}
	(*f)(c)
}

// pushed tells where a list has got the elements of an operation that has just
// been applied.
func (n *entry) pushed(op *crdt.Op) Push {
	if n.typ() != crdt.TypeList {
		return PushRight
	}
	switch n.load().List().Side(op, n.dot) {
	case 1:
		return PushRight
	case -1:
		return PushLeft
	}
	return PushInside
}
