package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"crdb/crdt"
)

// TestLargeKeysAheadOfTheCheckpoint writes to large keys of every type while a
// checkpoint copies them in pieces: what is recovered of it and the log behind
// it is what was there. A key that is deleted, flushed, renamed or made anew
// between two pieces leaves nothing behind.
func TestLargeKeysAheadOfTheCheckpoint(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		for range 12 {
			n.do(func(tx *Tx) { changeLarge(tx, rnd, 3000, 40) })
		}
		done := make(chan error, 1)
		go func() { done <- n.eng.Checkpoint() }()
		for saving := true; saving; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				saving = false
			default:
				n.do(func(tx *Tx) { changeLarge(tx, rnd, 20, 8) })
			}
		}
		before := n.dump()
		n.close()
		n.open()
		same(t, fmt.Sprintf("after restart %d", round), before, n.dump())
	}
}

// changeLarge changes some n elements of one of a few keys, or, by the odds, is
// up to something worse.
func changeLarge(tx *Tx, rnd *rand.Rand, n, odds int) {
	kind := rnd.IntN(5)
	key := fmt.Appendf(nil, "%d:%d", kind, rnd.IntN(2))
	name := func() []byte { return fmt.Appendf(nil, "element %d", rnd.IntN(20_000)) }
	switch rnd.IntN(odds) {
	case 0:
		tx.Delete(key)
		return
	case 1:
		tx.Rename(key, fmt.Appendf(nil, "%d:%d", kind, rnd.IntN(2)))
		return
	case 2:
		if rnd.IntN(10) == 0 {
			tx.FlushAll()
		}
		return
	}
	if rnd.IntN(6) == 0 { // a row of elements goes
		if size, _ := tx.ListLen(key); kind == 2 && size > 0 {
			from := rnd.IntN(size)
			_ = tx.ListTrim(key, int64(rnd.IntN(from+1)), int64(from+rnd.IntN(size-from)))
		}
		if s, _ := tx.Stream(key); kind == 3 && s != nil {
			_, _ = tx.StreamTrim(key, crdt.StreamTrim{Max: rnd.IntN(s.Entries() + 1), Approx: rnd.IntN(2) == 0})
		}
	}
	for range n {
		switch kind {
		case 0:
			_, _ = tx.SetAdd(key, [][]byte{name()})
		case 1:
			_, _ = tx.HashSet(key, [][]byte{name(), name()})
		case 2:
			_, _ = tx.ListPush(key, rnd.IntN(2) == 0, [][]byte{name()})
		case 3:
			_, _, _ = tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{name(), name()}})
		case 4:
			_, _ = tx.SetRemove(fmt.Appendf(nil, "0:%d", rnd.IntN(2)), [][]byte{name()})
		}
	}
}

// TestCheckpointOfALargeKeyLocksForMoments: 200,000 new members are
// copied while others get at their partition.
func TestCheckpointOfALargeKeyLocksForMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 members")
	}
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	for i := range 200 {
		n.do(func(tx *Tx) {
			var members [][]byte
			for j := range 1000 {
				members = append(members, fmt.Appendf(nil, "member %d", i*1000+j))
			}
			_, _ = tx.SetAdd([]byte("large"), members)
		})
	}
	done := make(chan error, 1)
	go func() { done <- n.eng.Checkpoint() }()
	locks, tx := 0, n.eng.NewTx()
	for {
		select {
		case err := <-done:
			if err != nil || locks < 50 {
				t.Fatalf("%v; the partition was free %d times meanwhile", err, locks)
			}
			return
		default:
			tx.LockKey(0, []byte("large"))
			tx.Unlock()
			locks++
			time.Sleep(50 * time.Microsecond)
		}
	}
}

// TestLargeKeyBetweenTwoPieces stops after the first piece of a large key, does
// something to it, and finishes the checkpoint: what is recovered is what was
// there.
func TestLargeKeyBetweenTwoPieces(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	key := []byte("large")
	add := func(tx *Tx, from, to int) {
		for i := from; i < to; i++ {
			_, _ = tx.SetAdd(key, [][]byte{fmt.Appendf(nil, "member %d", i)})
		}
	}
	between := map[string]func(tx *Tx){
		"nothing": func(*Tx) {},
		"changed": func(tx *Tx) {
			add(tx, 9000, 9500)
			_, _ = tx.SetRemove(key, [][]byte{[]byte("member 1"), []byte("member 2"), []byte("member 3")})
		},
		"deleted":           func(tx *Tx) { tx.Delete(key) },
		"deleted, anew":     func(tx *Tx) { tx.Delete(key); add(tx, 9000, 9300) },
		"deleted, large":    func(tx *Tx) { tx.Delete(key); add(tx, 9000, 20_000) },
		"deleted, a string": func(tx *Tx) { tx.Delete(key); tx.Put(key, []byte("v"), Expiry{}) },
		"flushed":           func(tx *Tx) { tx.FlushAll() },
		"flushed, anew":     func(tx *Tx) { tx.FlushAll(); add(tx, 9000, 9300) },
		"renamed":           func(tx *Tx) { tx.Rename(key, []byte("else")) },
	}
	for name, change := range between {
		for _, before := range []string{"new", "saved before", "made anew"} {
			n := newNode(t, 1, clockAt(1_700_000_000_000))
			n.do(func(tx *Tx) { add(tx, 0, 5000) })
			if before != "new" {
				if err := n.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
				n.do(func(tx *Tx) {
					if before == "made anew" {
						tx.Delete(key)
					}
					add(tx, 4000, 14_000)
					_, _ = tx.SetRemove(key, [][]byte{[]byte("member 0")})
				})
			}
			h := n.eng.hash(key)
			w := &saver{e: n.eng, c: n.log.NewCheckpoint()}
			c := aheadCopy{w: w, p: &n.eng.parts[partOf(h)], r: partOf(h)*rangesPerPart + subOf(fragOf(h)), key: key}
			if !c.step() {
				t.Fatalf("%s: one piece was all", name)
			}
			n.do(change)
			for c.step() {
			}
			for r := range partitions * rangesPerPart {
				w.save(r)
			}
			if err := w.c.Commit(); err != nil {
				t.Fatal(err)
			}
			for round := range 2 { // what is left of another object shows with the next one
				live := n.dump()
				n.close()
				n.open()
				same(t, fmt.Sprintf("%s, %s, restart %d", before, name, round), live, n.dump())
				n.do(func(tx *Tx) { add(tx, 30_000, 30_400) })
				if err := n.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestLargeKeyAfterAFailedCheckpoint: the next one copies it ahead again.
func TestLargeKeyAfterAFailedCheckpoint(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	key := []byte("large")
	n.do(func(tx *Tx) {
		for i := range 5000 {
			_, _ = tx.SetAdd(key, [][]byte{fmt.Appendf(nil, "member %d", i)})
		}
	})
	h := n.eng.hash(key)
	w := &saver{e: n.eng, c: n.log.NewCheckpoint()}
	w.ahead(partOf(h)*rangesPerPart + subOf(fragOf(h)))
	w.c.Abort()
	n.eng.markAllDirty()
	listed := 0
	eachKey(n.eng.parts[partOf(h)].ranges[subOf(fragOf(h))].large, func(int, []byte) { listed++ })
	if listed != 1 {
		t.Fatalf("listed %d times", listed)
	}
}

// TestLargeKeyAfterARestart: what changes of it is copied ahead, as before.
func TestLargeKeyAfterARestart(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.sizes = DefaultSizes
	n.sizes.AheadElems, n.sizes.AheadBytes = 100, 1000
	key := []byte("large")
	add := func(from, to int) {
		n.do(func(tx *Tx) {
			for i := from; i < to; i++ {
				_, _ = tx.SetAdd(key, [][]byte{fmt.Appendf(nil, "member %d", i)})
			}
		})
	}
	n.close()
	n.open()
	add(0, 500)
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	n.close()
	n.open()
	add(500, 1000)
	h := n.eng.hash(key)
	listed := 0
	eachKey(n.eng.parts[partOf(h)].ranges[subOf(fragOf(h))].large, func(int, []byte) { listed++ })
	if listed != 1 {
		t.Fatalf("listed %d times", listed)
	}
}

// TestFewLargeElementsAheadOfTheCheckpoint: a new key of few elements, which are large,
// is copied ahead as well, some of them at a time.
func TestFewLargeElementsAheadOfTheCheckpoint(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.close()
	n.sizes = DefaultSizes
	n.open()
	key := []byte("large")
	set := func(tx *Tx) {
		for i := range 64 {
			_, _ = tx.HashSet(key, [][]byte{fmt.Appendf(nil, "field %d", i), make([]byte, 64<<10)})
		}
	}
	n.do(set)
	h := n.eng.hash(key)
	listed := 0
	eachKey(n.eng.parts[partOf(h)].ranges[subOf(fragOf(h))].large, func(int, []byte) { listed++ })
	if listed != 1 {
		t.Fatalf("listed %d times", listed)
	}
	w := &saver{e: n.eng, c: n.log.NewCheckpoint()}
	defer w.c.Abort()
	c := aheadCopy{w: w, p: &n.eng.parts[partOf(h)], r: partOf(h)*rangesPerPart + subOf(fragOf(h)), key: key}
	for more := true; more; {
		before := w.bytes
		if more = c.step(); w.bytes-before > 2<<20 {
			t.Fatalf("%d bytes at a time", w.bytes-before)
		}
	}
	if w.bytes < 64*64<<10 {
		t.Errorf("%d bytes were copied ahead", w.bytes)
	}
}
