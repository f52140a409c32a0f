package oplog

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/crdt"
)

// A read that fails once is an error of that read. It must not look as if a block were
// not there, or damaged: peers would take the log for one that has forked (D2).
func TestAReadThatFailsOnce(t *testing.T) {
	mem := vfs.NewMem()
	var left atomic.Int64 // reads until the one that fails; below 0: none
	left.Store(-1)
	o := testOptions(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if (op.Kind == errorfs.OpOpen || op.Kind == errorfs.OpFileReadAt) && left.Load() >= 0 && left.Add(-1) < 0 {
			return &pathError{syscall.EMFILE}
		}
		return nil
	})), 1)
	o.CacheBytes, o.MemTableBytes = 1, 256<<10
	l := mustOpen(t, o)
	var dots []crdt.Dot
	for range 30 {
		dots = append(dots, l.Append(make([]byte, 50<<10)))
		sync_(t, l)
	}
	at := dots[len(dots)/2].Time
	want, ok, err := l.BlockHashAt(1, at)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	failed := 0
	for n := int64(0); ; n++ {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = mustOpen(t, o)
		left.Store(n)
		hash, ok, err := l.BlockHashAt(1, at)
		if left.Swap(-1) >= 0 {
			break // it needs no more reads
		}
		switch {
		case err == nil && (!ok || hash != want):
			t.Errorf("read %d failed: there is a block: %v, its hash is %x, not %x", n, ok, hash, want)
		case errors.Is(err, ErrCorrupt):
			t.Errorf("read %d failed: %v", n, err)
		}
		failed++
	}
	if err := l.Close(); err != nil || failed == 0 {
		t.Error(failed, err)
	}
}

// Reads go on when the log has failed, also long ones, for which Pebble opens files that
// it closes when they end: a start that meets damage says so and ends.
func TestLongReadsAfterAFailure(t *testing.T) {
	const records = 400
	mem := vfs.NewMem()
	l := mustOpen(t, testOptions(mem, 1))
	vv := crdt.VersionVector{{Replica: 1, Time: writeOps(t, l, 1)[0].Time}}
	c := l.NewCheckpoint()
	for i := range records {
		c.Put(binary.BigEndian.AppendUint16(nil, uint16(i)), make([]byte, 20<<10))
	}
	c.SetVector(0, vv)
	if err := errors.Join(c.Commit(), l.store.db.Flush(), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = open(t, testOptions(mem, 1))
	(&pebbleLogger{l: l}).fail(corrupt("a file"))
	read := make(chan int, 1)
	go func() {
		n := 0
		if err := l.EachState(nil, nil, func(_, _ []byte) error { n++; return nil }); err != nil {
			t.Error(err)
		}
		read <- n
	}()
	select {
	case n := <-read:
		if n != records {
			t.Errorf("%d records", n)
		}
	case <-time.After(10 * time.Second):
		t.Error("the read does not end")
	}
}

// P1: a file with blocks that is gone or damaged is an error of who reads it.
func TestAFileOfBlocksIsGone(t *testing.T) {
	for _, spoil := range []string{"missing", "cut short"} {
		mem := vfs.NewMem()
		o := testOptions(mem, 1)
		o.CacheBytes = 1
		l := mustOpen(t, o)
		var dots []crdt.Dot
		for range 3 {
			dots = append(dots, l.Append(make([]byte, 50<<10)))
			sync_(t, l)
			if err := l.store.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		names, _ := mem.List(o.Dir)
		slices.Sort(names)
		spoilt := 0
		for _, name := range names {
			if !strings.HasSuffix(name, ".blob") {
				continue
			}
			if spoilt++; spoilt != 2 {
				continue // the first and the last block are read at once
			}
			name = mem.PathJoin(o.Dir, name)
			err := mem.Remove(name)
			if spoil != "missing" && err == nil {
				_, err = mem.Create(name, vfs.WriteCategoryUnspecified)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if spoilt != 3 {
			t.Fatalf("%d files of blocks: %v", spoilt, names)
		}
		l = open(t, o)
		if _, err := l.Read(1, dots[0].Time, 100); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", spoil, err)
		}
		if err := l.Replay(nil, func(*Block) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: replay: %v", spoil, err)
		}
	}
}
