package engine

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/oplog"
)

// popWaiter waits for a set member and notes its name when it gets one.
func popWaiter(tx *Tx, name, key string, got *[]string) *Waiter {
	w := &Waiter{}
	w.Serve = func(t *Tx) bool {
		t.LockKey(tx.e.opts.Wall(), []byte(key))
		defer t.Unlock()
		m, ok, _ := t.SetRandom([]byte(key))
		if !ok {
			return false
		}
		m = append([]byte(nil), m...)
		_, _ = t.SetRemove([]byte(key), [][]byte{m})
		*got = append(*got, name+"="+string(m))
		return true
	}
	tx.LockKey(tx.e.opts.Wall(), []byte(key))
	tx.Wait(w, [][]byte{[]byte(key)})
	tx.Unlock()
	return w
}

func sadd(tx *Tx, key string, members ...string) {
	tx.LockKey(tx.e.opts.Wall(), []byte(key))
	for _, m := range members {
		_, _ = tx.SetAdd([]byte(key), [][]byte{[]byte(m)})
	}
	tx.Unlock()
}

func TestWaitersAreServedInOrder(t *testing.T) { // W1
	wall := clockAt(1_700_000_000_000)
	r := newNode(t, 1, wall)
	tx := r.eng.NewTx()
	var got []string
	for _, n := range []string{"a", "b", "c"} {
		popWaiter(tx, n, "k", &got)
	}
	sadd(tx, "other", "x")
	if len(got) != 0 {
		t.Fatalf("served by another key: %v", got)
	}
	sadd(tx, "k", "1")
	sadd(tx, "k", "2", "3", "4")
	if len(got) != 3 || got[0] != "a=1" || got[1][:2] != "b=" || got[2][:2] != "c=" {
		t.Fatalf("served %v", got)
	}
	if n := r.eng.Waiting(); n != 0 {
		t.Fatalf("%d keys waited for", n)
	}
}

func TestWaiterLeaves(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	r := newNode(t, 1, wall)
	tx := r.eng.NewTx()
	var got []string
	popWaiter(tx, "a", "k", &got)
	b := popWaiter(tx, "b", "k", &got)
	popWaiter(tx, "c", "k", &got)
	r.eng.Unwait(b)
	r.eng.Unwait(b)
	sadd(tx, "k", "1", "2")
	if len(got) != 2 || got[0][:1] != "a" || got[1][:1] != "c" {
		t.Fatalf("served %v", got)
	}
}

func TestWaiterIsServedByOtherRegion(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	a, b := newNode(t, 1, wall), newNode(t, 2, wall)
	var got []string
	popWaiter(a.eng.NewTx(), "a", "k", &got)
	sadd(b.eng.NewTx(), "k", "1")
	a.pull(b)
	if len(got) != 1 || got[0] != "a=1" {
		t.Fatalf("served %v", got)
	}
}

// Who pushes for one waiter of many does not look at all of them.
func TestServingOneOfManyWaiters(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	r := &node{t: t, fs: vfs.NewMem(), id: 1, wall: wall, idle: true}
	r.open()
	t.Cleanup(r.close)
	looks := 0
	r.eng.opts.Wall = func() int64 { looks++; return wall.Load() }
	tx := r.eng.NewTx()
	var got []string
	for range 1000 {
		popWaiter(tx, "w", "k", &got)
	}
	looks = 0
	sadd(tx, "k", "x")
	if len(got) != 1 {
		t.Fatalf("served %v", got)
	}
	if looks > 50 {
		t.Fatalf("%d looks at the key to serve one of 1000", looks)
	}
}

func TestWaitForAKeyNamedTwice(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	r := newNode(t, 1, wall)
	tx := r.eng.NewTx()
	keys := make([][]byte, 200_000)
	for i := range keys {
		keys[i] = []byte(fmt.Sprint("k", i%100_000))
	}
	served := 0
	w := &Waiter{Serve: func(*Tx) bool { served++; return true }}
	start := time.Now()
	tx.LockKeys(wall.Load(), keys)
	tx.Wait(w, keys)
	tx.Unlock()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%v to wait for %d keys", d, len(keys))
	}
	if n := r.eng.Waiting(); n != 100_000 || len(w.keys) != n {
		t.Fatalf("%d keys waited for in %d places", n, len(w.keys))
	}
	sadd(tx, "k7", "x")
	if n := r.eng.Waiting(); n != 0 || served != 1 {
		t.Fatalf("%d keys waited for, served %d times", n, served)
	}
}

// TestWaiterIsServedOnceWritesAreTaken: a key that another region fills while the
// log refuses writes is not filled again for those who wait for it.
func TestWaiterIsServedOnceWritesAreTaken(t *testing.T) { // W1
	all := members(t, 1, 2)
	a, b := all[0], all[1]
	var got []string
	tx := a.eng.NewTx()
	w := popWaiter(tx, "writer", "k", &got)
	pop, asked := w.Serve, 0
	w.Serve = func(tx *Tx) bool {
		if asked++; oplog.Refusal(a.log.Admit(a.wall.Load())) != nil {
			tx.Later()
			return false
		}
		return pop(tx)
	}
	leaver := popWaiter(tx, "leaver", "other", &got)
	leaver.Serve = func(tx *Tx) bool { tx.Later(); return false }
	a.log.Forbid(errors.New("a full disk"))
	sadd(b.eng.NewTx(), "k", "1")
	sadd(b.eng.NewTx(), "other", "2")
	a.pull(b)
	a.eng.serveLate()
	a.eng.Unwait(leaver)
	if len(got) != 0 || asked != 1 {
		t.Fatalf("served %v, asked %d times while writes are refused", got, asked)
	}
	a.log.Forbid(nil)
	a.eng.serveLate()
	if len(got) != 1 || got[0] != "writer=1" || a.eng.Waiting() != 0 {
		t.Fatalf("served %v, %d keys waited for", got, a.eng.Waiting())
	}
	if a.eng.serveLate(); asked != 2 {
		t.Fatalf("asked %d times", asked)
	}
}
