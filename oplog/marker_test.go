package oplog

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/crdt"
)

// TestCrashBetweenMarkers: a power failure takes any part of what the directory was told
// since its last sync, in no order. Whenever that is, while a store is made or opened again,
// it opens afterwards with all that it had acknowledged.
func TestCrashBetweenMarkers(t *testing.T) {
	type crash struct {
		fs    vfs.FS
		acked crdt.Timestamp
	}
	var mu sync.Mutex // guards crashes and rng
	var crashes []crash
	var acked atomic.Uint64
	mem := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 2))
	o := testOptions(nil, 1)
	o.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpCreate, errorfs.OpRemove, errorfs.OpFileSync, errorfs.OpFileClose:
			mu.Lock()
			defer mu.Unlock()
			for range 4 {
				now := crdt.Timestamp(acked.Load())
				crashes = append(crashes, crash{mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}), now})
			}
		}
		return nil
	}))
	for range 3 {
		l := mustOpen(t, o)
		for _, d := range writeOps(t, l, 2) {
			acked.Store(uint64(d.Time))
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(crashes) < 200 {
		t.Fatalf("%d crashes", len(crashes))
	}
	for i, c := range crashes {
		o.FS = c.fs
		l, err := Open(o)
		if err != nil {
			t.Fatalf("crash %d: %v", i, err)
		}
		if got := l.Issued().Time; got < c.acked {
			t.Errorf("crash %d: the log ends at %v, %v was acknowledged", i, got, c.acked)
		}
		l.Close()
	}
}
