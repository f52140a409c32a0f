package engine

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/crdt"
	"crdb/oplog"
)

// heldNode is a node whose log waits for the disk from the moment hold is called
// until free is; it does nothing by itself.
func heldNode(t *testing.T) (n *node, hold, free func()) {
	var held atomic.Bool
	gate := make(chan struct{})
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if held.Load() && op.Kind == errorfs.OpFileWrite {
			<-gate
		}
		return nil
	}))
	log, err := oplog.Open(oplog.Options{FS: fs, Dir: "db", Wall: clockAt(1_700_000_000_000).Load, DiskReserve: -1, MaxPending: 1000,
		Identity: oplog.Identity{Database: "guid", Region: "r", Replica: 1}})
	if err != nil {
		t.Fatal(err)
	}
	n = &node{t: t, id: 1, wall: clockAt(1_700_000_000_000), log: log}
	opts := Options{Log: log, Seed: 42, Replica: 1, Wall: n.wall.Load, Rand: rand.New(rand.NewPCG(1, 1)).Uint64, Sizes: testSizes,
		After: func(time.Duration) <-chan time.Time { return nil }}
	if n.eng, err = Open(opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n, func() { held.Store(true) }, func() { held.Store(false); close(gate) }
}

// TestEvictionOfALogThatIsBehind: keys go while writes wait for the disk, else
// there would be no room for these; none goes once the log takes no writes.
func TestEvictionOfALogThatIsBehind(t *testing.T) {
	n, hold, free := heldNode(t)
	evict := func() (ok bool) {
		_, ok = n.eng.NewTx().Evict(n.wall.Load(), Eviction{By: ByRandom, Samples: 5})
		return ok
	}
	hold()
	for i := range 50 {
		n.do(func(tx *Tx) { tx.Put([]byte(fmt.Sprint("k", i)), make([]byte, 100), Expiry{}) })
	}
	if err := n.log.Admit(n.wall.Load()); err == nil || oplog.Refusal(err) != nil {
		t.Fatalf("the log is not only behind: %v", err)
	}
	if !evict() {
		t.Error("nothing is evicted while the log is behind")
	}
	free()
	n.log.Forbid(fmt.Errorf("gone"))
	if evict() {
		t.Error("evicted although writes are forbidden")
	}
}

// TestDataIsTheSumOfItsKeys: what maxmemory is compared with follows a key however
// seldom it is changed and however much that adds or removes.
func TestDataIsTheSumOfItsKeys(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	big, small := make([]byte, 20<<10), []byte("x")
	grow := []func(tx *Tx, key []byte, v []byte){
		func(tx *Tx, key []byte, v []byte) { tx.HashSet(key, [][]byte{[]byte("f"), v}) },
		func(tx *Tx, key []byte, v []byte) { tx.ListPush(key, false, [][]byte{v}) },
		func(tx *Tx, key []byte, v []byte) { tx.SetAdd(key, [][]byte{v}) },
		func(tx *Tx, key []byte, v []byte) { tx.ZSetAdd(key, [][]byte{v}, []float64{1}, ScoreRule{}) },
		func(tx *Tx, key []byte, v []byte) { tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{v, v}}) },
	}
	shrink := []func(tx *Tx, key []byte){
		func(tx *Tx, key []byte) { tx.HashSet(key, [][]byte{[]byte("f"), small}) },
		func(tx *Tx, key []byte) { tx.ListTrim(key, 0, 0) },
		func(tx *Tx, key []byte) { tx.SetRemove(key, [][]byte{big}) },
		func(tx *Tx, key []byte) { tx.ZSetRemove(key, [][]byte{big}) },
		func(tx *Tx, key []byte) { tx.StreamTrim(key, crdt.StreamTrim{Max: 0}) },
	}
	const each = 20
	check := func(when string) {
		t.Helper()
		sum := int64(0)
		n.do(func(tx *Tx) {
			for kind := range grow {
				for i := range each {
					size, _ := tx.MemoryUsage([]byte(fmt.Sprint(kind, i)))
					sum += size
				}
			}
		})
		if data := n.eng.DataBytes(); data < sum*9/10 || data > sum*11/10+tables {
			t.Errorf("%s: %d bytes of data, the keys have %d", when, data, sum)
		}
	}
	for i := range each {
		n.do(func(tx *Tx) {
			for kind, change := range grow {
				change(tx, []byte(fmt.Sprint(kind, i)), small)
				change(tx, []byte(fmt.Sprint(kind, i)), big)
			}
		})
	}
	check("grown")
	for i := range each {
		n.do(func(tx *Tx) {
			for kind, change := range shrink {
				change(tx, []byte(fmt.Sprint(kind, i)))
			}
		})
	}
	check("shrunk")
}

// tables is about what the partitions' tables take, whatever is in them, in bytes.
const tables = 64 << 10
