package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"crdb/crdt"
)

var largeTypes = []string{"set", "hash", "zset", "list", "stream"}

// fillLarge adds elements to a key of each type, which bears its name.
func fillLarge(do func(func(tx *Tx)), types []string, size int) {
	for at := 0; at < size; at += 1000 {
		do(func(tx *Tx) {
			for _, typ := range types {
				for i := at; i < min(at+1000, size); i++ {
					addOne(tx, typ, fmt.Appendf(nil, "element %d", i), float64(i))
				}
			}
		})
	}
}

func addOne(tx *Tx, typ string, name []byte, score float64) {
	key := []byte(typ)
	switch typ {
	case "set":
		_, _ = tx.SetAdd(key, [][]byte{name})
	case "hash":
		_, _ = tx.HashSet(key, [][]byte{name, name})
	case "zset":
		_, _, _ = tx.ZSetAdd(key, [][]byte{name}, []float64{score}, ScoreRule{})
	case "list":
		_, _ = tx.ListPush(key, false, [][]byte{name})
	case "stream":
		_, _, _ = tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{name, name}})
	}
}

// TestDraftsTakeTheWorkOutOfTheLock: what Draft has prepared is what Rename and Copy
// use; the source can be used between two steps, and if it has changed, or was not
// prepared, the result is the same.
func TestDraftsTakeTheWorkOutOfTheLock(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	other := newNode(t, 2, clockAt(1_700_000_000_000))
	fillLarge(n.do, largeTypes, 2500)
	for i, key := range largeTypes {
		moves := i%2 == 0
		before := n.read(key)
		tx := n.eng.NewTx()
		tx.Draft(n.wall.Load(), []byte(key), moves)
		if len(tx.drafts) != 1 || tx.drafts[0].Type() == crdt.TypeNone {
			t.Fatalf("%s: no draft", key)
		}
		used := n.eng.stats.drafts.Load()
		tx.LockKeys(n.wall.Load(), [][]byte{[]byte(key), []byte("to " + key)})
		if moves {
			tx.Rename([]byte(key), []byte("to "+key))
		} else {
			tx.Copy([]byte(key), []byte("to "+key), 0)
		}
		tx.Unlock()
		if n.eng.stats.drafts.Load() != used+1 {
			t.Errorf("%s: the draft was not used", key)
		}
		if got := n.read("to " + key); got != before {
			t.Errorf("%s: the copy shows %.100s, not %.100s", key, got, before)
		}
	}
	other.pull(n)
	same(t, "in the other region", digests(n), digests(other))
	n.close()
	n.open()
	same(t, "after a restart", digests(n), digests(other))
}

// TestDraftsOfATransaction: what was prepared of several keys is used for each; of
// more than there may be, of small keys and of none nothing is.
func TestDraftsOfATransaction(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	fillLarge(n.do, largeTypes, 100)
	n.do(func(tx *Tx) { tx.Put([]byte("small"), []byte("v"), Expiry{}) })
	tx := n.eng.NewTx()
	keys := [][]byte{[]byte("small"), []byte("none")}
	for range maxDrafts/len(largeTypes) + 1 {
		for _, key := range largeTypes {
			keys = append(keys, []byte(key))
		}
	}
	for _, key := range keys {
		tx.Draft(n.wall.Load(), key, true)
	}
	if len(tx.drafts) != maxDrafts {
		t.Fatalf("%d drafts", len(tx.drafts))
	}
	tx.LockAll(n.wall.Load())
	for _, key := range largeTypes {
		tx.Rename([]byte(key), []byte("to "+key))
	}
	tx.Unlock()
	if used := n.eng.stats.drafts.Load(); used != int64(len(largeTypes)) {
		t.Errorf("%d of the drafts were used", used)
	}
	tx.DropDrafts()
	before := n.dump()
	n.close()
	n.open()
	same(t, "after a restart", before, n.dump())
}

// TestDraftOfAKeyThatChanges changes keys, some made by two regions, between the draft
// and the command and between the steps of a draft: a draft of what was there before is
// not used.
func TestDraftOfAKeyThatChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	n, other := newNode(t, 1, clockAt(1_700_000_000_000)), newNode(t, 2, clockAt(1_700_000_000_000))
	fillLarge(n.do, largeTypes, 1200)
	for round := range 60 {
		key := largeTypes[rnd.IntN(len(largeTypes))]
		n.do(func(tx *Tx) { tx.Copy([]byte(key), []byte("k"), 0) })
		other.pull(n)
		tx := n.eng.NewTx()
		moves := rnd.IntN(2) == 0
		tx.Draft(n.wall.Load(), []byte("k"), moves)
		if rnd.IntN(3) > 0 {
			n.do(func(tx *Tx) { changeOne(tx, key) })
		}
		if rnd.IntN(3) > 0 && key != "stream" { // of two entries with one ID a copy has one
			other.do(func(tx *Tx) { changeOne(tx, key) })
			n.pull(other)
		}
		want := n.read("k")
		tx.LockAll(n.wall.Load())
		if moves {
			tx.Rename([]byte("k"), []byte("to"))
		} else {
			tx.Copy([]byte("k"), []byte("to"), 0)
		}
		tx.Unlock()
		if got := n.read("to"); got != want {
			t.Fatalf("round %d, %s: the copy shows %.200s, not %.200s", round, key, got, want)
		}
		other.pull(n)
		n.pull(other)
		same(t, fmt.Sprintf("round %d, %s", round, key), digests(n), digests(other))
	}
}

// changeOne adds to the key k or takes from it.
func changeOne(tx *Tx, typ string) {
	k, name := []byte("k"), []byte("one more")
	switch typ {
	case "set":
		_, _ = tx.SetAdd(k, [][]byte{name})
	case "hash":
		_, _ = tx.HashIncr(k, []byte("counter"), 3)
	case "zset":
		_, _, _ = tx.ZSetAdd(k, [][]byte{name}, []float64{7}, ScoreRule{})
	case "list":
		_, _ = tx.ListPop(k, true, 1, func([]byte) {})
	case "stream":
		_, _, _ = tx.StreamAdd(k, &StreamAdd{Auto: true, Fields: [][]byte{name, name}})
	}
}

// BenchmarkRename tells how long the keys are locked for the RENAME of a million
// elements that was prepared, and how long the preparation takes.
func BenchmarkRename(b *testing.B) {
	for _, key := range largeTypes {
		b.Run(key, func(b *testing.B) {
			tx, _ := benchEngine(b)
			now := int64(1_700_000_000_000)
			fillLarge(func(fn func(tx *Tx)) {
				tx.LockAll(now)
				fn(tx)
				tx.Unlock()
			}, []string{key}, 1_000_000)
			var draft, locked []time.Duration
			from, to := []byte(key), []byte("to")
			for b.Loop() {
				start := b.Elapsed()
				tx.Draft(now, from, true)
				mid := b.Elapsed()
				tx.LockKeys(now, [][]byte{from, to})
				tx.Rename(from, to)
				tx.Unlock()
				draft, locked = append(draft, mid-start), append(locked, b.Elapsed()-mid)
				from, to = to, from
			}
			slices.Sort(draft)
			slices.Sort(locked)
			b.ReportMetric(draft[len(draft)/2].Seconds()*1000, "ms-draft")
			b.ReportMetric(locked[len(locked)/2].Seconds()*1000, "ms-locked")
		})
	}
}
