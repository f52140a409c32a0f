package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// roomFS is a disk with so many free bytes, or a full one.
type roomFS struct {
	vfs.FS
	free atomic.Uint64
	full atomic.Bool
}

func (f *roomFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: 1 << 40}, nil
}

func (f *roomFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return &roomFile{file, f}, err
}

func (f *roomFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(from, to, c)
	return &roomFile{file, f}, err
}

type roomFile struct {
	vfs.File
	fs *roomFS
}

func (f *roomFile) Write(p []byte) (int, error) {
	if f.fs.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// TestFullDiskFreedByAMember: the disk has no room because of the log that is kept for
// a member, which comes back and takes it. No write is taken meanwhile, so no log
// gathers for a checkpoint, but what nobody needs is dropped.
func TestFullDiskFreedByAMember(t *testing.T) {
	wall, fs := clockAt(1_700_000_000_000), &roomFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 30)
	ticks := make(chan time.Time)
	tick := func(time.Duration) <-chan time.Time { return ticks }
	log, err := oplog.Open(oplog.Options{FS: fs, Dir: "db", Wall: wall.Load, DiskReserve: 1 << 20, After: tick,
		Identity: oplog.Identity{Database: "guid", Region: "r1", Replica: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var stable atomic.Pointer[crdt.VersionVector]
	stable.Store(&crdt.VersionVector{})
	e, err := Open(Options{Log: log, Replica: 1, Wall: wall.Load, Rand: rand.Uint64, After: tick,
		Stable: func() crdt.VersionVector { return *stable.Load() }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	tx := e.NewTx()
	for range 3 { // blocks
		tx.LockAll(wall.Load())
		tx.Put([]byte("k"), []byte("v"), Expiry{})
		tx.Unlock()
		if err := log.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	fs.free.Store(0)
	tickUntil(t, ticks, "writes are taken", func() bool { return errors.Is(log.Admit(wall.Load()), oplog.ErrDiskFull) })
	kept := log.Bytes()
	all := log.Durable()
	stable.Store(&all)
	tickUntil(t, ticks, "the log is kept", func() bool { return log.Bytes() < kept })
}

// tickUntil lets time pass until something is so.
func tickUntil(t *testing.T, ticks chan<- time.Time, wrong string, done func() bool) {
	t.Helper()
	for late := time.After(time.Minute); !done(); {
		select {
		case ticks <- time.Time{}:
		case <-time.After(time.Millisecond):
		case <-late:
			t.Fatal(wrong)
		}
	}
}

// TestCheckpointThatAFullDiskStopped is made when there is space again.
func TestCheckpointThatAFullDiskStopped(t *testing.T) {
	fs := &roomFS{FS: vfs.NewMem()}
	e, log, ticks := paced(t, fs)
	tx := e.NewTx()
	for i := range 120 {
		tx.LockAll(1)
		tx.Put(fmt.Appendf(nil, "k%d", i), make([]byte, 100), Expiry{})
		tx.Unlock()
	}
	if err := log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	fs.full.Store(true)
	tickUntil(t, ticks, "no checkpoint", func() bool { return e.stats.checkpointErrs.Load() > 0 })
	fs.full.Store(false)
	tickUntil(t, ticks, "it is not made", func() bool { return e.stats.checkpoints.Load() == 1 })
}
