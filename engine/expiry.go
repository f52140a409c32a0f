package engine

import (
	"fmt"
	"strings"

	"github.com/tidwall/btree"

	"crdb/crdt"
)

// expiryIndex orders the keys of a partition that have a deadline, or whose
// fields have, by the first of them. The zero
// value is empty.
type expiryIndex struct {
	tree *btree.BTreeG[dated]
}

// dated is a key and its first deadline; name starts with the byte of its database.
type dated struct {
	at   int64
	name string
}

func datedLess(a, b dated) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return strings.Compare(a.name, b.name) < 0
}

// move re-files a key from one deadline to another; 0 is none.
func (x *expiryIndex) move(db int, key []byte, from, to int64) {
	name := dbKey(db, key)
	if x.tree == nil {
		x.tree = btree.NewBTreeGOptions(datedLess, btree.Options{NoLocks: true})
	}
	if from != 0 {
		x.tree.Delete(dated{from, name})
	}
	if to != 0 {
		x.tree.Set(dated{to, name})
	}
}

// due appends to names the keys whose deadline is before now, at most limit.
func (x *expiryIndex) due(names []string, now int64, limit int) []string {
	if x.tree == nil {
		return names
	}
	x.tree.Scan(func(d dated) bool {
		if d.at >= now || limit == 0 {
			return false
		}
		names = append(names, d.name)
		limit--
		return true
	})
	return names
}

func (x *expiryIndex) dropDB(db int) {
	if x.tree == nil {
		return
	}
	old := x.tree
	x.tree = nil
	old.Scan(func(d dated) bool {
		if int(d.name[0]) != db {
			x.move(int(d.name[0]), []byte(d.name[1:]), 0, d.at)
		}
		return true
	})
}

// expireBatch bounds the keys and fields that one partition expires in one go,
// and with it the time that its lock is held; what is past it is less than a
// second batch.
const expireBatch = 200

// expireLoop is the expirer: it deletes keys whose deadline has passed and
// forgets what is kept only until it is causally stable.
func (e *Engine) expireLoop() {
	defer e.done.Done()
	t := e.NewTx()
	for round := 0; ; round++ {
		select {
		case <-e.stop:
			return
		case <-e.opts.After(expireEvery):
		}
		if e.log.Admit(e.opts.Wall()) != nil {
			continue
		}
		for i := range e.parts {
			for t.expirePartition(i) >= expireBatch {
				select {
				case <-e.stop:
					return
				default:
				}
			}
		}
		if round%10 == 9 {
			e.forgetResidues(t)
		}
	}
}

// expirePartition deletes due keys and fields of partition i whose deadline this
// replica enforces (X1) and returns how many.
func (t *Tx) expirePartition(i int) (deleted int) {
	p := &t.e.parts[i]
	p.mu.Lock()
	t.now, t.held = t.e.opts.Wall(), 1<<i
	defer t.Unlock()
	if p.expiry.tree == nil || p.expiry.tree.Len() == 0 {
		return 0
	}
	if t.e.log.Admit(t.now) != nil { // asked under the lock: who forbids writes waits for it
		return 0
	}
	grace := t.e.opts.ExpiryGrace.Milliseconds()
	for _, name := range p.expiry.due(nil, t.now, 2*expireBatch) {
		n := &t.ent
		n.find(t.e, int(name[0]), []byte(name[1:]))
		if n.rec == nil {
			continue
		}
		switch at, owner := n.load().DeadlineAt(); {
		case at == 0 || t.now <= at:
			deleted += t.sweepFields(n, grace)
		case owner.Replica == t.e.self || t.now > at+grace:
			t.delete(n, crdt.Expired)
			t.e.stats.expired.Add(1)
			deleted++
		}
		if deleted >= expireBatch {
			break
		}
	}
	return deleted
}

// sweepFields deletes fields of a hash as expirePartition does keys.
func (t *Tx) sweepFields(n *entry, grace int64) (deleted int) {
	o := n.load()
	h := o.Hash()
	t.op.Reset(crdt.KindHashRemove, uint8(n.db), n.key)
	t.op.Flags |= crdt.Expired
	deleted = h.PrepareSweep(&t.op, t.e.self, t.now, t.now-grace, expireBatch)
	switch {
	case deleted == 0:
		return 0
	case deleted == h.Len() && o.Type() == crdt.TypeHash: // the key goes with them
		t.delete(n, crdt.Expired)
		t.e.stats.expired.Add(1)
	default:
		t.issue(n)
	}
	t.e.stats.expiredFields.Add(int64(deleted))
	return deleted
}

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
	if e.forget.merging > 0 {
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

// Forgotten covers the removals whose counter shares this instance may have
// forgotten, in this run or an earlier one: it merges only with states that
// cover it, and so must who merges its images (K4).
func (e *Engine) Forgotten() crdt.VersionVector {
	e.forget.RLock()
	defer e.forget.RUnlock()
	return e.forget.vv.Clone()
}

const metaForgotten = "forgotten"

// saveForgotten writes down what has been forgotten, before the state is that
// no longer has it.
func (e *Engine) saveForgotten() error {
	e.forget.Lock()
	defer e.forget.Unlock()
	if e.forget.saved || len(e.forget.vv) == 0 {
		return nil
	}
	if err := e.log.PutMeta(metaForgotten, crdt.AppendVector(nil, e.forget.vv)); err != nil {
		return err
	}
	e.forget.saved = true
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
