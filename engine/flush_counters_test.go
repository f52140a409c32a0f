package engine

import (
	"errors"
	"fmt"
	"testing"
)

// A flush of a database that has counters drops its other keys all at once, as
// without them, and leaves of the counters what must stay until all have heard
// of their removal: in this region, in one that hears of it, and after a restart.
func TestFlushWithCounters(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	a, b := newNode(t, 1, wall), newNode(t, 2, wall)
	const plain = 5000
	a.do(func(tx *Tx) {
		for i := range plain {
			tx.Put(fmt.Appendf(nil, "k%d", i), []byte("v"), Expiry{})
		}
		for i := range 100 {
			_, _ = tx.Incr(fmt.Appendf(nil, "c%d", i), 5)
			_, _ = tx.HashIncr(fmt.Appendf(nil, "h%d", i), []byte("f"), 5)
			tx.SetDeadline(fmt.Appendf(nil, "c%d", i), wall.Load()+1000)
		}
	})
	b.pull(a)
	changes := 0
	a.eng.Observe(func(Change) { changes++ })
	defer a.eng.Observe(nil)
	a.do(func(tx *Tx) { tx.FlushAll() })
	if changes > plain/2 {
		t.Errorf("%d changes, one by one", changes)
	}
	b.do(func(tx *Tx) { _, _ = tx.Incr([]byte("c1"), 3) }) // not seen by the flush
	b.pull(a)
	a.pull(b)
	check := func(what string) {
		t.Helper()
		for _, n := range []*node{a, b} {
			n.do(func(tx *Tx) {
				if v, _, _ := tx.Get([]byte("c1")); tx.Len() != 1 || string(v) != "3" {
					t.Fatalf("%s: %d keys, the counter is %q", what, tx.Len(), v)
				}
			})
		}
		if x, y := a.eng.Digest(), b.eng.Digest(); x != y {
			t.Fatalf("%s: digests %x and %x", what, x, y)
		}
	}
	check("after the flush")
	for _, n := range []*node{a, b} {
		if err := n.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		n.close()
		n.open()
	}
	check("after a restart")
}

// Counters that were deleted ahead are not touched by the flush, where all that is
// there is theirs and where it is not: the states are the same.
func TestFlushAfterDeletedCounters(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	a, b, c := newNode(t, 1, wall), newNode(t, 2, wall), newNode(t, 3, wall)
	const counters = 20_000
	a.do(func(tx *Tx) {
		for i := range counters {
			_, _ = tx.Incr(fmt.Appendf(nil, "c%d", i), 5)
		}
		for i := range counters / 10 {
			_, _ = tx.HashIncr(fmt.Appendf(nil, "h%d", i), []byte("f"), 5)
		}
		tx.Put([]byte("plain"), []byte("v"), Expiry{})
	})
	b.pull(a)
	c.pull(a)
	c.do(func(tx *Tx) { // not seen by the flush, in every partition
		for i := range 2000 {
			tx.Put(fmt.Appendf(nil, "new%d", i), []byte("v"), Expiry{})
		}
	})
	tx := a.eng.NewTx()
	if !tx.FlushIsLong(true) || !tx.FlushIsLong(false) {
		t.Fatal("so many counters take no time")
	}
	a.log.Forbid(errors.New("it leaves"))
	if tx.DeleteCounters(wall.Load(), false); !tx.FlushIsLong(false) || a.eng.Digest() != b.eng.Digest() {
		t.Error("counters are deleted where writes are forbidden")
	}
	a.log.Forbid(nil)
	tx.DeleteCounters(wall.Load(), false)
	a.do(func(tx *Tx) {
		if tx.Len() != 1 {
			t.Errorf("%d keys are left", tx.Len())
		}
		tx.FlushAll()
	})
	b.pull(a)
	c.pull(a)
	a.pull(c)
	b.pull(c)
	x, y, z := a.eng.Digest(), b.eng.Digest(), c.eng.Digest()
	if x != y || y != z {
		t.Errorf("digests %x, %x and %x", x, y, z)
	}
	for _, n := range []*node{a, b, c} {
		n.do(func(tx *Tx) {
			if tx.Len() != 2000 {
				t.Errorf("%d keys", tx.Len())
			}
		})
	}
}
