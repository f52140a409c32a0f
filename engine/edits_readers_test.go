package engine

import (
	"bytes"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestEditsMeetReaders: strings are changed in place, here and where the changes are
// received, while others look at them or keep them: checkpoints that copy them later,
// images, digests, copies, replies. What somebody keeps does not change (the race detector
// sees it, too), and all is well after a restart.
func TestEditsMeetReaders(t *testing.T) {
	for _, largeOp := range []int{0, 600, 6_000} { // the log takes over none, all, some of the strings
		wall := clockAt(1_700_000_000_000)
		a, b := newNode(t, 1, wall), newNode(t, 2, wall)
		for _, n := range []*node{a, b} {
			n.close()
			n.all, n.largeOp = []*node{a, b}, largeOp
			n.open()
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		readStrings(a, &wg, stop)
		readStrings(b, &wg, stop)
		rnd := rand.New(rand.NewPCG(uint64(largeOp), 4))
		inPlace := 0
		for range seeds(40) {
			inPlace += editStrings(a, rnd)
			if rnd.IntN(4) == 0 {
				inPlace += editStrings(b, rnd)
			}
			b.pull(a)
			if rnd.IntN(2) == 0 {
				a.pull(b)
			}
		}
		close(stop)
		wg.Wait()
		if inPlace == 0 {
			t.Error("no string was changed in place")
		}
		syncAll([]*node{a, b})
		same(t, "the regions", digests(a), digests(b))
		for _, n := range []*node{a, b} {
			before := digests(n)
			n.close()
			n.open()
			same(t, "after a restart", before, digests(n))
		}
	}
}

var readKeys = [][]byte{[]byte("r1"), []byte("r2")}

// readStrings starts goroutines that look at the strings of a node until stop is closed.
func readStrings(n *node, wg *sync.WaitGroup, stop chan struct{}) {
	loop := func(fn func(key []byte)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					fn(readKeys[i%len(readKeys)])
				}
			}
		})
	}
	loop(func([]byte) {
		if err := n.eng.Checkpoint(); err != nil {
			n.t.Error(err)
		}
	})
	loop(func(key []byte) {
		h := n.eng.hash(key)
		if _, err := n.eng.Capture(Position(partOf(h))<<32|Position(fragOf(h)), nil); err != nil {
			n.t.Error(err)
		}
		n.eng.KeyDigest(0, key)
	})
	tx := n.eng.NewTx()
	loop(func(key []byte) {
		tx.LockKey(n.wall.Load(), key)
		kept, _, _ := tx.Get(key)
		if len(kept) <= maxFlat {
			kept = nil // it is a piece of the keyspace
		}
		sum := crc32.ChecksumIEEE(kept)
		tx.Unlock()
		for range 3 {
			if crc32.ChecksumIEEE(kept) != sum {
				n.t.Error("a string that was kept has changed")
			}
		}
	})
}

// editStrings changes the strings, a few times in each of some groups.
func editStrings(n *node, rnd *rand.Rand) (inPlace int) {
	tx := n.eng.NewTx()
	for range 20 {
		key, other := readKeys[rnd.IntN(2)], readKeys[rnd.IntN(2)]
		tx.LockKeys(n.wall.Add(1), readKeys)
		for range 1 + rnd.IntN(8) {
			patch := bytes.Repeat([]byte{byte(rnd.Uint32())}, 1+rnd.IntN(30))
			val, ok, _ := tx.Peek(key)
			at := rnd.IntN(len(val) + 1)
			switch x := rnd.IntN(40); {
			case !ok || x == 0:
				tx.Put(key, bytes.Repeat(patch, 1+rnd.IntN(12_000)/len(patch)), Expiry{})
			case x == 1:
				tx.Rename(key, other)
			case x == 2:
				tx.Copy(key, other, 0)
			case x == 3:
				tx.SetDeadline(key, tx.Now()+20)
			case x == 4:
				_ = tx.Flush()
			case tx.Editable():
				inPlace++
				tx.Edit(at, patch)
			default:
				grown := append(make([]byte, 0, at+len(patch)+len(val)), val...)
				grown = append(grown, make([]byte, max(0, at+len(patch)-len(val)))...)
				copy(grown[at:], patch)
				tx.PutEdited(key, grown, at, len(patch))
			}
		}
		tx.Unlock()
	}
	return inPlace
}
