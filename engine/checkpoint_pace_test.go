package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/oplog"
)

// paced opens an engine on a disk, whose timers are the ticks that the test sends.
func paced(t *testing.T, fs vfs.FS) (e *Engine, log *oplog.Log, ticks chan time.Time) {
	t.Helper()
	wall := clockAt(1_700_000_000_000)
	log, err := oplog.Open(oplog.Options{FS: fs, Dir: "db", Wall: wall.Load, DiskReserve: -1,
		Identity: oplog.Identity{Database: "guid", Region: "r1", Replica: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	ticks = make(chan time.Time)
	e, err = Open(Options{Log: log, Replica: 1, Wall: wall.Load, Rand: rand.Uint64, CheckpointBytes: 10_000,
		After: func(time.Duration) <-chan time.Time { return ticks }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e, log, ticks
}

// The next checkpoint is due a full amount of log after the last one, also when
// a client asked for that.
func TestCheckpointsCountFromTheLast(t *testing.T) {
	e, log, ticks := paced(t, vfs.NewMem())
	tx := e.NewTx()
	write := func() {
		t.Helper()
		for i := range 60 { // some 7,000 bytes
			tx.LockAll(1)
			tx.Put(fmt.Appendf(nil, "k%d", i), make([]byte, 100), Expiry{})
			tx.Unlock()
		}
		if err := log.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 6 { // both loops hear of it
			ticks <- time.Time{}
		}
	}
	made := func() int64 { return e.stats.checkpoints.Load() }
	write()
	if err := e.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	write()
	if n := log.Stats().BytesWritten; n < 10_000 || n > 20_000 {
		t.Fatalf("%d bytes of log", n)
	}
	<-time.After(20 * time.Millisecond) // for one that is wrong to end
	if made() != 1 {
		t.Fatalf("%d checkpoints after one that was asked for and a part of the amount", made())
	}
	write()
	for late := time.After(time.Minute); made() != 2; { // the expirer may take any number of ticks meanwhile
		select {
		case ticks <- time.Time{}:
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatalf("%d checkpoints", made())
		}
	}
}
