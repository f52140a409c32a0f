package engine

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// members makes nodes of one database that do nothing by themselves.
func members(t *testing.T, ids ...crdt.ReplicaID) (all []*node) {
	for _, id := range ids {
		n := &node{t: t, fs: vfs.NewMem(), id: id, wall: clockAt(1_700_000_000_000), idle: true}
		n.open()
		t.Cleanup(func() { n.close() })
		all = append(all, n)
	}
	for _, n := range all {
		n.all = all
	}
	return all
}

// copyState merges the whole state of one node into another, as a transfer does.
func copyState(t *testing.T, from, to *node) {
	t.Helper()
	forgotten, release := from.eng.HoldForgotten()
	defer release()
	if len(to.log.Received()) > 0 { // else it has just joined
		if err := to.eng.SaveTo(t.Context(), forgotten); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.eng.NoteForgotten(t.Context(), forgotten); err != nil {
		t.Fatal(err)
	}
	for _, im := range images(from) {
		if _, err := to.eng.Merge(must(DecodeImage(im.Bytes())), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A member that restarts after a transfer merges its images into its last
// checkpoint: a counter that was deleted since must not come back, although the
// source of the images has forgotten that there was one - or has got its own state
// from one that has.
func TestForgottenSharesStayForgottenAfterARestart(t *testing.T) {
	for name, way := range map[string]func(t *testing.T, deleter, other, to *node){
		"from who forgot": func(t *testing.T, deleter, _, to *node) { copyState(t, deleter, to) },
		"from who got the state of who forgot": func(t *testing.T, deleter, other, to *node) {
			copyState(t, deleter, other)
			copyState(t, other, to)
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := members(t, 1, 2)
			to, deleter, other := all[0], all[1], members(t, 3)[0]
			to.do(func(tx *Tx) { tx.Incr([]byte("counter"), 1) })
			if err := to.eng.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			deleter.pull(to)
			deleter.do(func(tx *Tx) { tx.Delete([]byte("counter")) })
			to.pull(deleter)
			for _, n := range all {
				n.log.Sync(t.Context())
			}
			deleter.eng.forgetResidues(deleter.eng.NewTx())
			if vv, release := deleter.eng.HoldForgotten(); len(vv) == 0 {
				t.Fatal("nothing is forgotten")
			} else {
				release()
			}
			deleter.do(func(tx *Tx) { tx.SetAdd([]byte("set"), [][]byte{[]byte("later")}) })
			way(t, deleter, other, to)
			to.close()
			to.open()
			same(t, "after a restart", deleter.dump(), to.dump())
			if to.eng.Digest() != deleter.eng.Digest() {
				t.Error("the digests differ")
			}
		})
	}
}

// deletedCounters makes counters of one partition and deletes them.
func deletedCounters(n *node, part, count int) {
	n.do(func(tx *Tx) {
		for i := 0; count > 0; i++ {
			if key := fmt.Append(nil, "rate", i); partOf(n.eng.hash(key)) == part {
				tx.Incr(key, 1)
				tx.Delete(key)
				count--
			}
		}
	})
}

// TestResiduesOfACutAreLookedAtOnce: while a member is away, what is removed can
// not go, and costs neither looks nor checkpoints; it goes once the member knows.
func TestResiduesOfACutAreLookedAtOnce(t *testing.T) {
	all := members(t, 1, 2)
	a, b := all[0], all[1]
	const part, count = 5, 2*forgetBatch + 50
	deletedCounters(a, part, count)
	if err := a.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	tx, r := a.eng.NewTx(), &a.eng.parts[part].residue
	a.eng.forgetResidues(tx)
	if looks, kept := r.begin(a.stable()), a.eng.Stats().Residues; looks != 0 || kept != count {
		t.Errorf("%d of %d residues are looked at again", looks, kept)
	}
	before := a.eng.stats.checkpointBytes.Load()
	if err := a.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if saved := a.eng.stats.checkpointBytes.Load() - before; saved != 0 {
		t.Errorf("%d bytes saved although nothing has changed", saved)
	}
	a.do(func(tx *Tx) { tx.FlushAll() }) // meets them all as well
	b.pull(a)
	b.log.Sync(t.Context())
	a.eng.forgetResidues(tx)
	if left := a.eng.Stats().Residues; left != 0 {
		t.Errorf("%d residues are left although all know of the removals", left)
	}
}

// TestForgettingStopsBetweenBatches: many residues are looked at in several goes,
// between which a transfer can begin; then nothing more is forgotten (T4).
func TestForgettingStopsBetweenBatches(t *testing.T) {
	a := members(t, 1)[0]
	const part, count = 5, 2*forgetBatch + 50
	deletedCounters(a, part, count)
	a.log.Sync(t.Context())
	tx := a.eng.NewTx()
	left, ok := a.eng.forgetSome(tx, part, -1)
	if !ok || left != count-forgetBatch {
		t.Fatalf("%d left, %v", left, ok)
	}
	forgotten, release := a.eng.HoldForgotten()
	if !forgotten.Descends(a.stable()) {
		t.Errorf("what was forgotten is not told of: %v", forgotten)
	}
	a.eng.forgetResidues(tx)
	if got := a.eng.Stats().Residues; got != int64(left) {
		t.Errorf("%d residues, %d before the transfer", got, left)
	}
	release()
	a.eng.forgetResidues(tx)
	if got := a.eng.Stats().Residues; got != 0 {
		t.Errorf("%d residues are left", got)
	}
}

// TestOrphansAreLookedAtEachTime: a deadline that another replica has left on a
// field that is gone waits for time, not for what is stable.
func TestOrphansAreLookedAtEachTime(t *testing.T) {
	all := members(t, 1, 2)
	a, b, key := all[0], all[1], []byte("h")
	b.eng.opts.Member = func(crdt.ReplicaID) bool { return true }
	a.do(func(tx *Tx) { tx.HashSet(key, words("f", "1", "g", "2")) })
	b.pull(a)
	a.do(func(tx *Tx) { tx.HashPersist(key, words("f")) })
	b.do(func(tx *Tx) { tx.HashDelete(key, words("f")) })
	b.pull(a)
	for range 3 {
		b.eng.forgetResidues(b.eng.NewTx())
		if looks := b.eng.parts[partOf(b.eng.hash(key))].residue.begin(b.stable()); looks != 1 {
			t.Fatalf("%d keys are looked at", looks)
		}
	}
}

// TestWhatAFormerMemberPersistedGoes: a PERSIST concurrent with the key's removal
// leaves "no deadline" on nothing. Who set it removes it, or anybody once that is no
// member any more; what else is kept of a key that is gone is nobody's to remove.
func TestWhatAFormerMemberPersistedGoes(t *testing.T) {
	all := members(t, 1, 2)
	a, b := all[0], all[1]
	gone := false
	b.eng.opts.Member = func(id crdt.ReplicaID) bool { return !gone && id != 0 }
	key, count := []byte("k"), []byte("count")
	a.do(func(tx *Tx) { tx.SetAdd(key, words("m")) })
	syncAll(all)
	a.do(func(tx *Tx) { tx.Persist(key) })
	b.do(func(tx *Tx) { tx.Delete(key) })
	b.pull(a)
	look := func() int64 {
		b.eng.forgetResidues(b.eng.NewTx())
		return b.eng.Stats().Residues
	}
	if n := look(); n != 1 {
		t.Fatalf("%d residues while its owner is a member", n)
	}
	gone = true
	b.do(func(tx *Tx) { // a share that is gone, but not everywhere
		tx.Incr(count, 1)
		tx.Delete(count)
	})
	a.do(func(tx *Tx) { tx.SetAdd([]byte("other"), words("m")) }) // more gets stable
	b.pull(a)
	b.log.Sync(t.Context())
	if n := look(); n != 1 {
		t.Errorf("%d residues once it is none", n)
	}
	issued := b.log.Issued()
	if look(); b.log.Issued() != issued {
		t.Error("what others have to know of is removed again and again")
	}
	b.do(func(tx *Tx) {
		if o := tx.change(key).load(); !o.Empty() {
			t.Errorf("%d deadlines stay", len(o.Deadlines))
		}
	})
}

// TestForgottenSharesOfElementsLeaveTheDisk: a checkpoint takes what was forgotten
// of fields and members off the disk, lest it be there again after each restart.
func TestForgottenSharesOfElementsLeaveTheDisk(t *testing.T) {
	all := members(t, 1, 2)
	a, b := all[0], all[1]
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("keep", "x"))
		tx.ZSetIncr([]byte("z"), []byte("keep"), 1, ScoreRule{})
		for i := range 100 {
			elem := fmt.Append(nil, "minute", i)
			tx.HashIncr([]byte("h"), elem, 1)
			tx.HashDelete([]byte("h"), [][]byte{elem})
			tx.ZSetIncr([]byte("z"), elem, 1, ScoreRule{})
			tx.ZSetRemove([]byte("z"), [][]byte{elem})
		}
	})
	saved := func() (records int) {
		if err := a.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		a.log.EachState(nil, nil, func(_, _ []byte) error { records++; return nil })
		return records
	}
	if n := saved(); n < 200 {
		t.Fatalf("%d records while a member does not know of the removals", n)
	}
	b.pull(a)
	b.log.Sync(t.Context())
	a.eng.forgetResidues(a.eng.NewTx())
	if n := saved(); n != 4 { // the two keys, an element each
		t.Errorf("%d records once all know", n)
	}
	before := a.dump()
	a.close()
	a.open()
	same(t, "after a restart", before, a.dump())
	if n := a.eng.Stats().Residues; n != 0 {
		t.Errorf("%d residues after a restart", n)
	}
}
