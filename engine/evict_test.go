package engine

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

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
