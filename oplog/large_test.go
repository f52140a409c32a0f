package oplog

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// smallPending checks that what was taken counts as large.
func smallPending(t *testing.T, l *Log) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if small := l.mu.pending; small > DefaultLargeOp+1000 {
		t.Errorf("%d small bytes are pending", small)
	}
}

// TestLargeOps: a large op is a block of its own, laid out in place, or part of
// its group; in either case the block is like any other, here and after a
// restart.
func TestLargeOps(t *testing.T) {
	fs := vfs.NewMem()
	l := mustOpen(t, testOptions(fs, 1))
	large := bytes.Repeat([]byte("large "), DefaultLargeOp/6+1)
	var want [][]byte
	add := func(head, tail []byte) {
		l.AppendAt(testWall, head, tail)
		want = append(want, bytes.Join([][]byte{head, tail}, nil))
	}
	take := func(head, tail []byte) {
		l.AppendTaken(testWall, head, tail)
		want = append(want, append(bytes.Clone(head), tail...))
	}
	add([]byte("a"), nil)
	add([]byte("head"), large)
	add(large, nil)
	add([]byte("b"), []byte("tail"))
	l.BeginGroup()
	add([]byte("in a group"), nil)
	add([]byte("head"), large)
	add([]byte("c"), nil)
	l.EndGroup()
	add([]byte("b"), nil)
	take([]byte("head"), large)
	add([]byte("b"), nil)
	take([]byte("head"), []byte("small"))
	l.BeginGroup()
	add([]byte("in a group"), nil)
	take([]byte("head"), large)
	add([]byte("c"), nil)
	take(nil, large)
	smallPending(t, l)
	l.EndGroup()
	sync_(t, l)
	if st := l.Stats(); st.PendingBytes != 0 {
		t.Errorf("%d bytes pending", st.PendingBytes)
	}
	check := func(l *Log) {
		t.Helper()
		i, prev := 0, crdt.Timestamp(0)
		for _, b := range readAll(t, l, 1, 0) {
			again, err := DecodeBlock(bytes.Clone(b.Bytes()))
			if err != nil || again.Prev != prev {
				t.Fatalf("block of %d ops: %v, prev %v, want %v", b.Ops, err, again.Prev, prev)
			}
			prev = b.Last
			for _, e := range entries(t, b) {
				if !bytes.Equal(e.Op, want[i]) {
					t.Fatalf("op %d has changed", i)
				}
				if grouped := i == 4 || i == 5 || i >= 11 && i < 14; e.Group != grouped {
					t.Errorf("op %d: group %v", i, e.Group)
				}
				i++
			}
			if b.Ops > 1 && len(b.Bytes()) > DefaultLargeOp && i != 8 && i != 15 {
				t.Errorf("a large op shares the block that ends with op %d", i-1)
			}
		}
		if i != len(want) {
			t.Errorf("%d ops, want %d", i, len(want))
		}
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, testOptions(fs, 1)))
}

// TestLargeOpsDoNotStopOthers: one large op that waits for the disk leaves the
// room of small ones alone; too much of large ones stops everybody (B1).
func TestLargeOpsDoNotStopOthers(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.MaxPending, o.MaxLarge = 1000, 2*DefaultLargeOp
	l := open(t, o)
	writeOps(t, l, 1) // the writer now pauses until somebody waits
	op := make([]byte, DefaultLargeOp)
	first := l.Append(op)
	l.Append([]byte("small"))
	if err := l.Admit(testWall); err != nil {
		t.Errorf("after one large op: %v", err)
	}
	l.Append(op)
	if err := l.Admit(testWall); !errors.Is(err, ErrBacklog) && l.DurableOwn() < first.Time { // else a commit came in between
		t.Errorf("after two: %v", err)
	}
	sync_(t, l)
	if err := l.Admit(testWall); err != nil {
		t.Errorf("when they are on disk: %v", err)
	}
}
