package engine

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// BenchmarkTransfer captures a keyspace and merges it into an empty one, over
// logs in memory: what a state transfer costs without network and disk.
func BenchmarkTransfer(b *testing.B) {
	const strings, sets = 200_000, 2_000
	from := transferEngine(b, 1)
	tx := from.NewTx()
	value := make([]byte, 100)
	for i := range strings {
		tx.LockAll(1)
		tx.Put(fmt.Appendf(nil, "key:%d", i), value, Expiry{})
		tx.Unlock()
	}
	for i := range sets * 50 {
		tx.LockAll(1)
		tx.SetAdd(fmt.Appendf(nil, "set:%d", i%sets), [][]byte{fmt.Appendf(nil, "member:%d", i)})
		tx.Unlock()
	}
	for b.Loop() {
		b.StopTimer()
		to := transferEngine(b, 2)
		b.StartTimer()
		bytes := 0
		for at := uint64(0); at < from.EndOfState(); {
			image, _, next, err := from.CaptureAt(at, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := to.MergeAt(at, image, nil, func(uint64) []byte { return nil }, nil); err != nil {
				b.Fatal(err)
			}
			bytes, at = bytes+len(image), next
		}
		b.SetBytes(int64(bytes))
	}
	b.ReportMetric(float64(strings+sets)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}

func transferEngine(b *testing.B, id int) *Engine {
	wall := clockAt(1_700_000_000_000)
	log, err := oplog.Open(oplog.Options{FS: vfs.NewMem(), Dir: "db", Wall: wall.Load, DiskReserve: -1,
		Identity: oplog.Identity{Database: "guid", Region: fmt.Sprint("r", id), Replica: crdt.ReplicaID(id)}})
	if err != nil {
		b.Fatal(err)
	}
	e, err := Open(Options{Log: log, Seed: 42, Replica: crdt.ReplicaID(id), Wall: wall.Load, Rand: func() uint64 { return 1 }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close(); log.Close() })
	return e
}
