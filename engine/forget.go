package engine

import (
	"context"
	"fmt"
	"iter"

	"crdb/crdt"
)

// This file is about what is kept of things that are gone until all members know
// it: shares of counters and sketches that were removed, deadlines on nothing.

// residues are the keys of a partition that keep something of what is gone, each in
// one set. The partition's lock guards them.
type residues struct {
	sets   [3]map[string]struct{} // by database and key
	stable crdt.VersionVector     // what was stable when those of keptSet were looked at
}

// The sets of residues. While a member is away nothing more gets stable, and all
// that is removed meanwhile gathers in keptSet: there is no use in looking at that
// again and again.
const (
	freshSet = iota // to be looked at
	timedSet        // to be looked at each time: time alone lets them go
	keptSet         // to be looked at once more is stable
)

// put puts a key into a set, and takes it out of the others.
func (r *residues) put(set int, name string) {
	if _, there := r.sets[set][name]; there {
		return
	}
	r.drop(name)
	if r.sets[set] == nil {
		r.sets[set] = map[string]struct{}{}
	}
	r.sets[set][name] = struct{}{}
}

func (r *residues) drop(name string) {
	for _, s := range r.sets {
		delete(s, name)
	}
}

func (r *residues) len() (n int) {
	for _, s := range r.sets {
		n += len(s)
	}
	return n
}

// all ranges over the keys of a partition, which may be dropped meanwhile.
func (r *residues) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range r.sets {
			for name := range s {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// begin makes a look at all begin that may go now, and returns how many these are.
func (r *residues) begin(stable crdt.VersionVector) int {
	r.refresh(timedSet)
	if !r.stable.Equal(stable) {
		r.refresh(keptSet)
		r.stable = stable.Clone()
	}
	return len(r.sets[freshSet])
}

// refresh moves a set to those to be looked at; the smaller one is copied.
func (r *residues) refresh(set int) {
	from, to := r.sets[set], r.sets[freshSet]
	if len(from) > len(to) {
		from, to = to, from
	}
	for name := range from {
		to[name] = struct{}{}
	}
	r.sets[set], r.sets[freshSet] = nil, to
}

// take takes up to n of the keys to be looked at off their set.
func (r *residues) take(n int) (names []string) {
	for name := range r.sets[freshSet] {
		if len(names) == n {
			break
		}
		names = append(names, name)
		delete(r.sets[freshSet], name)
	}
	return names
}

// noteResidue remembers a key to look at once its removals are stable.
func (p *partition) noteResidue(db int, key []byte) { p.residue.put(freshSet, dbKey(db, key)) }

// forgetBatch bounds the keys that are looked at in one go, and with it the time that
// a partition's lock, and that of what has been forgotten, are held.
const forgetBatch = 200

// forgetResidues drops removed counter shares that are causally stable, and
// removes the deadlines that this replica, or a former member, has left on keys
// and fields that are gone.
func (e *Engine) forgetResidues(t *Tx) {
	for i := range e.parts {
		for left := -1; left != 0; {
			var ok bool
			if left, ok = e.forgetSome(t, i, left); !ok {
				return // another time
			}
		}
	}
}

// forgetSome looks at some residues of a partition, of left that are to be looked
// at; negative: it is the first look. It returns how many are left then. False:
// nothing may be forgotten now.
func (e *Engine) forgetSome(t *Tx, i, left int) (rest int, ok bool) {
	if !e.forget.TryLock() {
		return 0, false
	}
	defer e.forget.Unlock()
	if e.forget.held > 0 {
		return 0, false
	}
	stable := e.vector()
	if e.opts.Stable != nil {
		stable = e.opts.Stable()
	}
	p := &e.parts[i]
	p.mu.Lock()
	t.now, t.held = e.opts.Wall(), 1<<i
	defer t.Unlock()
	if e.log.Admit(t.now) != nil { // asked under the lock, as for expiry
		return 0, false
	}
	if left < 0 {
		left = p.residue.begin(stable)
	}
	names := p.residue.take(min(left, forgetBatch))
	if len(names) > 0 && !e.forget.vv.Descends(stable) {
		e.forget.vv.Merge(stable)
		e.forget.saved = false
	}
	for _, name := range names {
		t.forget(p, name, stable)
	}
	if len(names) < forgetBatch {
		return 0, true
	}
	return left - len(names), true
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

// forget looks at one key, which is in no set of residues, and puts it into one if
// something is left. What has not changed is not saved again.
func (t *Tx) forget(p *partition, name string, stable crdt.VersionVector) {
	n := &t.ent
	n.find(t.e, int(name[0]), []byte(name[1:]))
	if n.rec == nil {
		return
	}
	o := n.load()
	n.quiet, n.unused = true, true
	changed := o.Forget(stable, n.noteElem)
	at, owner := o.DeadlineAt()
	mine := owner.Replica == t.e.self || at == 0 && len(o.Deadlines) > 0 && !t.e.opts.Member(owner.Replica) // "none" never passes
	if mine && o.Type() == crdt.TypeNone {
		t.delete(n, 0)
	} else {
		if changed {
			t.op.Reset(crdt.KindDelete, uint8(n.db), n.key)
			n.settle(t.now, &t.op)
		}
		n.obj = nil
		t.forgetFields(n)
	}
	n.find(t.e, n.db, n.key)
	switch {
	case n.rec == nil || n.flags()&recHidden == 0 && !n.load().Residue():
		p.residue.drop(name)
	case n.load().Orphaned() || at != 0: // a deadline of another replica, for which the expirer waits
		p.residue.put(timedSet, name)
	default:
		p.residue.put(keptSet, name)
	}
}

// forgetFields removes deadlines without a field: own ones, those past the grace
// period, and of who is no member any more also "none", which never passes.
func (t *Tx) forgetFields(n *entry) {
	if n.rec == nil || n.isFlat() {
		return
	}
	t.op.Reset(crdt.KindHashRemove, uint8(n.db), n.key)
	late := t.now - t.e.opts.ExpiryGrace.Milliseconds()
	mine := func(owner crdt.ReplicaID, at int64) bool {
		return owner == t.e.self || at != 0 && at < late || at == 0 && !t.e.opts.Member(owner)
	}
	if n.load().Hash().PrepareOrphans(&t.op, mine) > 0 {
		t.issue(n)
	}
}
