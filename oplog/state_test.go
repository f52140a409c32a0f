package oplog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// fill writes blocks of one op each.
func fill(t *testing.T, l *Log, n int) (dots []crdt.Dot) {
	for range n {
		dots = append(dots, writeOps(t, l, 1)...)
	}
	return dots
}

func TestReadFromDiskAndCache(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.CacheBytes = 200 // about four blocks
	l := open(t, o)
	dots := fill(t, l, 20)
	if l.pub.cache.bytes > 200 {
		t.Fatal("cache unbounded")
	}
	for i := range dots {
		after := crdt.Timestamp(0)
		if i > 0 {
			after = dots[i-1].Time
		}
		if got := readAll(t, l, 1, after); len(got) != 20-i || got[0].First != dots[i].Time {
			t.Fatalf("after %d: %d blocks", i, len(got))
		}
	}
	if got, _ := l.Read(1, 0, 0); len(got) != 1 {
		t.Fatal("at least one block", len(got))
	}
	if got, _ := l.Read(1, 0, 3*len(got(t, l).data)); len(got) != 3 {
		t.Fatal("as many as fit", len(got))
	}
	if got, err := l.Read(9, 0, 100); got != nil || err != nil {
		t.Fatal("unknown replica", got, err)
	}
}

func got(t *testing.T, l *Log) *Block {
	b, err := l.Read(1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return b[0]
}

func TestHashes(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.CacheBytes = 60
	l := open(t, o)
	if d, _, err := l.LastHash(1); !d.IsZero() || err != nil {
		t.Fatal(d, err)
	}
	dots := fill(t, l, 5)
	blocks := readAll(t, l, 1, 0)
	for i, d := range dots {
		h, ok, err := l.BlockHashAt(1, d.Time)
		if err != nil || !ok || h != blocks[i].Hash() {
			t.Fatal(i, ok, err)
		}
	}
	if _, ok, err := l.BlockHashAt(1, dots[4].Time+1); ok || err != nil {
		t.Fatal(ok, err)
	}
	if d, h, err := l.LastHash(1); d != dots[4] || h != blocks[4].Hash() || err != nil {
		t.Fatal(d, err)
	}
}

func TestTruncate(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	o.CacheBytes = 1
	l := mustOpen(t, o)
	dots := fill(t, l, 10)
	size := l.Bytes() / 10
	upTo := crdt.VersionVector{{Replica: 1, Time: dots[3].Time}}
	l.Truncate(upTo)
	check := func() {
		t.Helper()
		if _, err := l.Read(1, dots[2].Time, 0); !errors.Is(err, ErrTruncated) {
			t.Fatal(err)
		}
		if n := len(readAll(t, l, 1, dots[3].Time)); n != 6 || l.First(1) != dots[4].Time {
			t.Fatal(n, l.First(1))
		}
		if b := l.Bounds()[0]; b.Ops != 6 || b.Prev != dots[3].Time || int64(b.Bytes) != 6*size {
			t.Fatalf("%+v", b)
		}
		if err := l.Replay(nil, nil); !errors.Is(err, ErrTruncated) {
			t.Fatal(err)
		}
		n := 0
		if err := l.Replay(upTo, func(*Block) error { n++; return nil }); err != nil || n != 6 {
			t.Fatal(n, err)
		}
		for i := 4; i < 10; i++ {
			ops, bytes, err := l.Behind(1, dots[i].Time)
			if err != nil || ops != uint64(9-i) || bytes != uint64(int64(9-i)*size) {
				t.Fatal(i, ops, bytes, err)
			}
		}
	}
	check()
	l.Close()
	l = mustOpen(t, o)
	check()
	l.Truncate(l.Durable()) // the newest block stays: it carries the end of the log
	l.Close()
	l = open(t, o)
	if n := len(readAll(t, l, 1, dots[8].Time)); n != 1 || l.DurableOwn() != dots[9].Time {
		t.Fatal(n, l.DurableOwn())
	}
	if d, _, err := l.LastHash(1); d != dots[9] || err != nil {
		t.Fatal(d, err)
	}
}

// Replay respects prev and deps across replicas, whatever order IDs and times
// suggest, with `from` inside a block too.
func TestReplayOrder(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 5))
	a, b := newRemote(9), newRemote(2)
	a.t -= 1000
	a1 := a.block(nil, "a1", "a1b")
	b1 := b.block(crdt.VersionVector{{Replica: 9, Time: a1.Last}}, "b1") // waits for the higher ID
	a2 := a.block(crdt.VersionVector{{Replica: 2, Time: b1.Last}}, "a2")
	for _, x := range []*Block{a1, b1, a2} {
		if err := l.Receive(x); err != nil {
			t.Fatal(err)
		}
	}
	writeOps(t, l, 1)
	run := func(from crdt.VersionVector) string {
		var order []string
		err := l.Replay(from, func(b *Block) error {
			order = append(order, string(entries(t, b)[0].Op))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(order, " ")
	}
	if s := run(nil); s != "a1 b1 a2 op 0" {
		t.Fatal(s)
	}
	if s := run(crdt.VersionVector{{Replica: 9, Time: a1.First}}); s != "a1 b1 a2 op 0" {
		t.Fatal(s)
	}
	if s := run(crdt.VersionVector{{Replica: 2, Time: b1.Last}, {Replica: 9, Time: a1.Last}}); s != "a2 op 0" {
		t.Fatal(s)
	}
	if s := run(l.Durable()); s != "" {
		t.Fatal(s)
	}
	stop := errors.New("stop")
	if err := l.Replay(nil, func(*Block) error { return stop }); err != stop {
		t.Fatal(err)
	}
}

func TestCheckpoint(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	l := mustOpen(t, o)
	big := make([]byte, CheckpointBytes/2)
	cp := l.NewCheckpoint()
	for id := range 6 {
		l.Append([]byte("op")) // not durable yet: Commit waits for it (D3)
		cp.Put(fmt.Appendf(nil, "%d/a", id), big)
		cp.Put(fmt.Appendf(nil, "%d/b", id), []byte("x"))
		cp.SetVector(RangeID(id), crdt.VersionVector{{Replica: 1, Time: l.Issued().Time}})
		if err := cp.Flush(); err != nil {
			t.Fatal(err)
		}
		if cp.size >= CheckpointBytes {
			t.Fatal("flush keeps it all in memory")
		}
	}
	if err := cp.Commit(); err != nil {
		t.Fatal(err)
	}
	if l.DurableOwn() != l.Issued().Time {
		t.Fatal("state before log")
	}
	cp = l.NewCheckpoint()
	cp.Delete([]byte("0/a"))
	cp.DeleteRange([]byte("1/"), []byte("3/"))
	cp.SetVector(0, crdt.VersionVector{{Replica: 1, Time: l.Issued().Time}})
	if err := cp.Commit(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = open(t, o)
	var keys []string
	err := l.EachState([]byte("0"), []byte("5/b"), func(k, v []byte) error { keys = append(keys, string(k)); return nil })
	if err != nil || fmt.Sprint(keys) != "[0/b 3/a 3/b 4/a 4/b 5/a]" {
		t.Fatal(keys, err)
	}
	vectors, err := l.RangeVectors()
	if err != nil || len(vectors) != 6 || vectors[0].Get(1) != l.Issued().Time {
		t.Fatal(vectors, err)
	}
}

// A large range gathers in pieces, so that no piece is copied under its lock
// because it has grown, and is on disk wholly and in order all the same.
func TestCheckpointOfALargeRange(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	l := mustOpen(t, o)
	cp := l.NewCheckpoint()
	const records, size = 3000, CheckpointBytes / 1000
	key := func(i int) []byte { return fmt.Appendf(nil, "k%04d", i) }
	cp.DeleteRange([]byte("k"), []byte("l"))
	for i := range records {
		value := bytes.Repeat([]byte{byte(i)}, size)
		cp.Put(key(i), value)
		if i == 10 {
			cp.Put([]byte("large"), make([]byte, 2*CheckpointBytes))
		}
		if n := cp.batch.Len(); n > CheckpointBytes && i != 10 {
			t.Fatalf("record %d: a piece of %d bytes", i, n)
		}
	}
	cp.Delete(key(1))
	cp.Put(key(2), []byte("anew"))
	cp.SetVector(1, nil)
	if want := records*size + 2*CheckpointBytes; cp.size < want || cp.size > want+want/10 {
		t.Fatalf("%d bytes to write", cp.size)
	}
	if err := cp.Flush(); err != nil || cp.size != 0 || cp.gathered() != 0 {
		t.Fatal(err, cp.size, cp.gathered())
	}
	if err := cp.Commit(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = open(t, o)
	n := 0
	if err := l.EachState([]byte("k"), []byte("l"), func(k, v []byte) error {
		if n++; n == 2 {
			n++ // 1 is deleted
		}
		if i := n - 1; string(k) != string(key(i)) || i != 2 && (len(v) != size || v[0] != byte(i)) || i == 2 && string(v) != "anew" {
			return fmt.Errorf("%s: %d bytes", k, len(v))
		}
		return nil
	}); err != nil || n != records {
		t.Fatal(n, err)
	}
	if v, err := l.RangeVectors(); len(v) != 1 || err != nil {
		t.Fatal(v, err)
	}
}

// A value of hundreds of megabytes must not take twice that: see pebble.Batch.
func TestCheckpointOfALargeValue(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	cp := l.NewCheckpoint()
	defer cp.Abort()
	value := make([]byte, 4*CheckpointBytes)
	cp.Put([]byte("k"), value)
	if n := cap(cp.batch.Repr()); n > len(value)+64<<10 {
		t.Fatalf("%d bytes for a value of %d", n, len(value))
	}
}

func TestCheckpointRefuses(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	cp := l.NewCheckpoint()
	cp.SetVector(1, crdt.VersionVector{{Replica: 2, Time: 7}})
	if err := cp.Commit(); err == nil || !strings.Contains(err.Error(), "the state claims") {
		t.Fatal(err)
	}
	cp = l.NewCheckpoint()
	cp.Put([]byte("a"), nil)
	if err := cp.Commit(); err == nil || !strings.Contains(err.Error(), "without its vector") {
		t.Fatal(err)
	}
	cp = l.NewCheckpoint()
	cp.SetVector(MaxRanges, nil)
	if err := cp.Commit(); err == nil {
		t.Fatal("range out of bounds")
	}
	cp = l.NewCheckpoint()
	cp.limit = 1000
	for range 20 {
		cp.Put([]byte("a"), make([]byte, 100))
	}
	cp.SetVector(1, nil)
	if err := cp.Commit(); !errors.Is(err, ErrRangeTooLarge) {
		t.Fatal(err)
	}
	if v, err := l.RangeVectors(); len(v) != 0 || err != nil {
		t.Fatal(v, err)
	}
}

func TestMeta(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	l := mustOpen(t, o)
	if v, err := l.GetMeta("a"); v != nil || err != nil {
		t.Fatal(v, err)
	}
	if err := l.PutMeta("a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := l.PutMeta("a", nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := l.GetMeta("a"); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	l = open(t, o)
	if v, err := l.GetMeta("a"); string(v) != "1" || err != nil {
		t.Fatal(v, err)
	}
}
