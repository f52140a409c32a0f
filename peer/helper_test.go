package peer

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

func logOptions(fs vfs.FS, db string, r crdt.ReplicaID, wall func() int64) oplog.Options {
	return oplog.Options{
		FS: fs, Dir: "log", Wall: wall, DiskReserve: -1, MemTableBytes: 1 << 20, Pace: time.Microsecond,
		Identity: oplog.Identity{Database: db, Name: "test", Region: regionOf(r), Replica: r},
	}
}

func openLog(t testing.TB, fs vfs.FS, db string, r crdt.ReplicaID, wall func() int64) *oplog.Log {
	t.Helper()
	l, err := oplog.Open(logOptions(fs, db, r, wall))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func syncLog(t testing.TB, l *oplog.Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := l.Sync(ctx); err != nil {
		t.Fatal(err)
	}
}

// regionOf names the region of a replica in tests.
func regionOf(r crdt.ReplicaID) string { return "region-" + string(rune('0'+r)) }
