package engine

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/oplog"
)

// benchEngine is an engine over a log in memory, and keys to use.
func benchEngine(b *testing.B) (*Tx, [][]byte) {
	wall := func() int64 { return 1_700_000_000_000 }
	log, err := oplog.Open(oplog.Options{FS: vfs.NewMem(), Dir: "db", Wall: wall, DiskReserve: -1,
		Identity: oplog.Identity{Database: "guid", Region: "r", Replica: 1}, MaxClockDrift: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	e, err := Open(Options{Log: log, Replica: 1, Wall: wall, Rand: func() uint64 { return 1 }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close(); log.Close() })
	keys := make([][]byte, 100000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	b.ReportAllocs()
	return e.NewTx(), keys
}

func BenchmarkPut(b *testing.B) {
	tx, keys := benchEngine(b)
	val := make([]byte, 64)
	for i := 0; b.Loop(); i++ {
		k := keys[i%len(keys)]
		tx.LockKey(1_700_000_000_000, k)
		tx.Put(k, val, Expiry{})
		tx.Unlock()
	}
}

func BenchmarkGet(b *testing.B) {
	tx, keys := benchEngine(b)
	for _, k := range keys {
		tx.LockKey(1_700_000_000_000, k)
		tx.Put(k, make([]byte, 64), Expiry{})
		tx.Unlock()
	}
	for i := 0; b.Loop(); i++ {
		k := keys[i%len(keys)]
		tx.LockKey(1_700_000_000_000, k)
		tx.Get(k)
		tx.Unlock()
	}
}

func BenchmarkIncr(b *testing.B) {
	tx, keys := benchEngine(b)
	for i := 0; b.Loop(); i++ {
		k := keys[i%len(keys)]
		tx.LockKey(1_700_000_000_000, k)
		tx.Incr(k, 1)
		tx.Unlock()
	}
}

func BenchmarkSetAdd(b *testing.B) {
	tx, keys := benchEngine(b)
	member := make([][]byte, 1)
	for i := 0; b.Loop(); i++ {
		member[0] = keys[i%len(keys)]
		tx.LockKey(1_700_000_000_000, keys[0])
		tx.SetAdd(keys[0], member)
		tx.Unlock()
	}
}

func BenchmarkHashSet(b *testing.B) {
	tx, keys := benchEngine(b)
	pair := [][]byte{nil, make([]byte, 64)}
	for i := 0; b.Loop(); i++ {
		pair[0] = keys[i%len(keys)]
		tx.LockKey(1_700_000_000_000, keys[0])
		tx.HashSet(keys[0], pair)
		tx.Unlock()
	}
}

// BenchmarkRecover opens an engine on a checkpoint of a million small keys.
func BenchmarkRecover(b *testing.B) {
	wall := func() int64 { return 1_700_000_000_000 }
	dir := b.TempDir()
	open := func() (*oplog.Log, *Engine) {
		log, err := oplog.Open(oplog.Options{Dir: dir, Wall: wall, DiskReserve: -1,
			Identity: oplog.Identity{Database: "guid", Region: "r", Replica: 1}, MaxClockDrift: 1 << 50})
		if err != nil {
			b.Fatal(err)
		}
		e, err := Open(Options{Log: log, Replica: 1, Wall: wall, Rand: func() uint64 { return 1 }})
		if err != nil {
			b.Fatal(err)
		}
		return log, e
	}
	log, e := open()
	tx, val := e.NewTx(), make([]byte, 64)
	const keys = 1_000_000
	for i := range keys {
		k := fmt.Appendf(nil, "key:%012d", i)
		tx.LockKey(wall(), k)
		tx.Put(k, val, Expiry{})
		tx.Unlock()
		if i%10000 == 0 {
			log.Sync(b.Context())
		}
	}
	if err := e.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	e.Close()
	if err := log.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		log, e := open()
		if n := e.Stats().RecoveredKeys; n != keys {
			b.Fatal(n)
		}
		e.Close()
		log.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keys, "ns/key")
}
