package engine

import (
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
