package engine

import (
	"context"
	"fmt"

	"crdb/crdt"
)

// This file is about what is kept of things that are gone until all members know
// it: shares of counters and sketches that were removed, deadlines on nothing.

// noteResidue remembers a key to look at once its removals are stable.
func (p *partition) noteResidue(db int, key []byte) {
	if p.residue == nil {
		p.residue = map[string]struct{}{}
	}
	p.residue[dbKey(db, key)] = struct{}{}
}

// forgetResidues drops removed counter shares that are causally stable, and
// removes the deadlines that this replica has left on keys and fields that are
// gone.
func (e *Engine) forgetResidues(t *Tx) {
	if !e.forget.TryLock() {
		return // another time
	}
	defer e.forget.Unlock()
	if e.forget.held > 0 {
		return
	}
	stable := e.vector()
	if e.opts.Stable != nil {
		stable = e.opts.Stable()
	}
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		t.now, t.held = e.opts.Wall(), 1<<i
		if e.log.Admit(t.now) != nil { // as above
			t.Unlock()
			return
		}
		if len(p.residue) > 0 && !e.forget.vv.Descends(stable) {
			e.forget.vv.Merge(stable)
			e.forget.saved = false
		}
		for name := range p.residue {
			t.forget(p, name, stable)
		}
		t.Unlock()
	}
}

// HoldForgotten returns what this instance may have forgotten, in this run or an
// earlier one: it merges only with states that cover it, and so must who merges
// its images (K4). Nothing more is forgotten until release is called, once.
func (e *Engine) HoldForgotten() (vv crdt.VersionVector, release func()) {
	e.forget.Lock()
	defer e.forget.Unlock()
	e.forget.held++
	return e.forget.vv.Clone(), e.releaseForgotten
}

func (e *Engine) releaseForgotten() {
	e.forget.Lock()
	defer e.forget.Unlock()
	e.forget.held--
}

// NoteForgotten writes down that images will be merged whose source has forgotten
// what vv covers: with them, so has this instance.
func (e *Engine) NoteForgotten(ctx context.Context, vv crdt.VersionVector) error {
	if err := e.awaitCheckpoint(ctx); err != nil {
		return err
	}
	defer func() { <-e.ckpt }()
	e.forget.Lock()
	if !e.forget.vv.Descends(vv) {
		e.forget.vv.Merge(vv)
		e.forget.saved = false
	}
	e.forget.Unlock()
	return e.saveForgotten()
}

const metaForgotten = "forgotten"

// saveForgotten writes down what has been forgotten, before the state is that
// no longer has it. The caller holds ckpt.
func (e *Engine) saveForgotten() error {
	e.forget.Lock()
	saved, vv := e.forget.saved, e.forget.vv.Clone()
	e.forget.Unlock()
	if saved || len(vv) == 0 {
		return nil
	}
	if err := e.log.PutMeta(metaForgotten, crdt.AppendVector(nil, vv)); err != nil {
		return err
	}
	e.forget.Lock()
	e.forget.saved = e.forget.vv.Equal(vv) // it may have grown
	e.forget.Unlock()
	return nil
}

func (e *Engine) loadForgotten() error {
	b, err := e.log.GetMeta(metaForgotten)
	if err != nil || b == nil {
		return err
	}
	if e.forget.vv, _, err = crdt.DecodeVector(nil, b); err != nil {
		return fmt.Errorf("%w: %s", errState, metaForgotten)
	}
	e.forget.saved = true
	return nil
}

func (t *Tx) forget(p *partition, name string, stable crdt.VersionVector) {
	n := &t.ent
	n.find(t.e, int(name[0]), []byte(name[1:]))
	if n.rec == nil {
		delete(p.residue, name)
		return
	}
	o := n.load()
	n.quiet = true
	o.Forget(stable)
	if _, owner := o.DeadlineAt(); o.Type() == crdt.TypeNone && owner.Replica == t.e.self {
		t.delete(n, 0)
	} else {
		t.op.Reset(crdt.KindDelete, uint8(n.db), n.key)
		n.settle(t.now, &t.op)
		n.obj = nil
		t.forgetFields(n)
	}
	n.find(t.e, n.db, n.key)
	if n.rec == nil || n.flags()&recHidden == 0 && !n.load().Residue() {
		delete(p.residue, name)
	}
}

// forgetFields removes deadlines without a field.
func (t *Tx) forgetFields(n *entry) {
	if n.rec == nil || n.isFlat() {
		return
	}
	t.op.Reset(crdt.KindHashRemove, uint8(n.db), n.key)
	if n.load().Hash().PrepareOrphans(&t.op, t.e.self, t.now-t.e.opts.ExpiryGrace.Milliseconds()) > 0 {
		t.issue(n)
	}
}
