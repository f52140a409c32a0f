package engine

import "testing"

// TestInternal: what the server keeps for itself is saved and replicates as
// data does, and no client comes across it.
func TestInternal(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	a, b := newNode(t, 1, wall), newNode(t, 2, wall)
	put := func(n *node, key, val string) {
		n.do(func(tx *Tx) {
			tx.Select(Internal)
			tx.Put([]byte(key), []byte(val), Expiry{})
		})
	}
	get := func(n *node, key string) (val string) {
		n.do(func(tx *Tx) {
			tx.Select(Internal)
			v, _, _ := tx.Get([]byte(key))
			val = string(v)
		})
		return val
	}
	put(a, "lib", "1")
	if err := a.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	put(a, "other", "2")
	a.close()
	a.open()
	if get(a, "lib") != "1" || get(a, "other") != "2" {
		t.Error("lost by a restart")
	}
	before := b.eng.Internals()
	b.pull(a)
	if get(b, "lib") != "1" || b.eng.Internals() != before+2 {
		t.Error("not replicated")
	}
	if a.eng.Digest() != b.eng.Digest() || a.eng.Digest() == 0 {
		t.Error("not in the digest")
	}
	a.do(func(tx *Tx) {
		tx.FlushAll()
		keys := 0
		for db := range Databases {
			keys += tx.LenOf(db)
		}
		if keys != 0 {
			t.Errorf("clients see %d keys", keys)
		}
	})
	if _, ok := a.eng.NewTx().Evict(wall.Load(), Eviction{By: ByRandom, Samples: 5}); ok || get(a, "lib") != "1" {
		t.Error("flushed or evicted")
	}
	a.do(func(tx *Tx) {
		tx.Select(Internal)
		tx.Delete([]byte("lib"))
	})
	if err := a.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	a.close()
	a.open()
	if get(a, "lib") != "" || get(a, "other") != "2" {
		t.Error("a removal is lost by a restart")
	}
}
