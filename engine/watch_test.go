package engine

import (
	"testing"
	"time"
)

// Who watches a key past its deadline sees nothing there; that it is deleted then is
// no change, whoever deletes it.
func TestWatchOfKeyPastItsDeadline(t *testing.T) {
	const deadline, later = 1_000_100, 1_000_101
	key, field := []byte("k"), []byte("f")
	puts := func(tx *Tx) { tx.Put(key, []byte("v"), Expiry{At: deadline}) }
	hashes := func(tx *Tx) {
		tx.HashSet(key, [][]byte{field, []byte("v")})
		tx.HashExpire(key, [][]byte{field}, deadline, func(int64) bool { return true })
	}
	expires := func(n *node) {
		if n.expire() != 1 {
			n.t.Error("nothing has expired")
		}
	}
	deletes := func(n *node) { n.do(func(tx *Tx) { tx.Delete(key) }) }
	flushes := func(n *node) { n.do(func(tx *Tx) { tx.FlushAll() }) }
	writes := func(n *node) { n.do(func(tx *Tx) { tx.Put(key, []byte("new"), Expiry{}) }) }
	for _, c := range []struct {
		name  string
		make  func(tx *Tx)
		then  func(n *node)
		dirty bool
	}{
		{"expired", puts, expires, false},
		{"last field expired", hashes, expires, false},
		{"deleted", puts, deletes, false},
		{"flushed", puts, flushes, false},
		{"written", puts, writes, true},
		{"expired and written", puts, func(n *node) { expires(n); writes(n) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := idlePair(t, clockAt(1_000_000))
			a.do(c.make)
			b.pull(a)
			a.wall.Store(later)
			var here, there Watcher
			a.do(func(tx *Tx) { tx.Watch(&here, key) })
			b.do(func(tx *Tx) { tx.Watch(&there, key) })
			c.then(a)
			b.pull(a)
			if here.Dirty() != c.dirty {
				t.Errorf("the watcher here is dirty: %v", here.Dirty())
			}
			if there.Dirty() != c.dirty {
				t.Errorf("the watcher in the other region is dirty: %v", there.Dirty())
			}
		})
	}
}

// A deadline that passes after the WATCH is a change.
func TestWatchSeesDeadlinePass(t *testing.T) {
	a, _ := idlePair(t, clockAt(1_000_000))
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{At: 1_000_100}) })
	var w Watcher
	a.do(func(tx *Tx) { tx.Watch(&w, []byte("k")) })
	a.wall.Add(time.Second.Milliseconds())
	a.expire()
	if !w.Dirty() {
		t.Error("the watcher has not noticed that the key has expired")
	}
}
