package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What happened while nobody looked says nothing of the next change.
func TestObserverComesLater(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	n := &node{t: t, fs: vfs.NewMem(), id: 1, wall: wall, idle: true}
	n.open()
	t.Cleanup(n.close)
	tx := n.eng.NewTx()
	do := func(f func()) {
		tx.LockAll(wall.Load())
		f()
		tx.Unlock()
	}
	h := []byte("h")
	do(func() {
		tx.Put([]byte("a"), []byte("1"), Expiry{})
		tx.Put([]byte("c"), []byte("1"), Expiry{})
		tx.Copy([]byte("a"), []byte("b"), 0)
		if err := tx.HashSetDated(h, [][]byte{[]byte("f"), []byte("v")}, []int64{wall.Load() + 10}); err != nil {
			t.Error(err)
		}
	})
	wall.Add(20)
	do(func() { _, _ = tx.HashSet(h, [][]byte{[]byte("g"), []byte("v")}) }) // the key has faded
	var seen []Change
	n.eng.Observe(func(c Change) { seen = append(seen, c) })
	do(func() {
		tx.Delete([]byte("c"))
		tx.Put([]byte("a"), []byte("2"), Expiry{})
	})
	if len(seen) != 2 || !seen[0].Gone || seen[0].Faded || seen[1].Created {
		t.Errorf("%+v", seen)
	}
}
