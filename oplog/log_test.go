package oplog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

func TestAppendSyncRead(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	if got := readAll(t, l, 1, 0); len(got) != 0 {
		t.Fatal("blocks in an empty log")
	}
	changed := l.Changed()
	dots := writeOps(t, l, 3)
	<-changed
	if last := dots[2].Time; l.DurableOwn() != last || l.Durable().Get(1) != last || l.Issued() != dots[2] {
		t.Fatal(l.DurableOwn(), l.Durable(), l.Issued(), last)
	}
	var got []string
	for _, b := range readAll(t, l, 1, 0) {
		for _, e := range entries(t, b) {
			if e.Dot != dots[len(got)] {
				t.Fatalf("dot %v, want %v", e.Dot, dots[len(got)])
			}
			got = append(got, string(e.Op))
		}
	}
	if fmt.Sprint(got) != "[op 0 op 1 op 2]" {
		t.Fatal(got)
	}
}

// The batch is whatever arrived while nobody waited (D1).
func TestBatching(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	writeOps(t, l, 1) // the writer now pauses until somebody waits
	writeOps(t, l, 100)
	if b := readAll(t, l, 1, 0); len(b) > 3 {
		t.Fatalf("101 ops in %d blocks", len(b))
	}
}

func TestPaceCommitsWithoutWaiters(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.After, o.Pace = time.After, time.Millisecond
	l := open(t, o)
	for range 3 {
		changed := l.Changed()
		l.Append([]byte("x"))
		<-changed
	}
}

// How long the writer pauses after a commit of own ops that nobody waits for:
// Pace, and all of ReceivePace when no other member is there to see them.
func TestPauseWhenAlone(t *testing.T) {
	for _, alone := range []bool{false, true} {
		o := testOptions(vfs.NewMem(), 1)
		o.Pace, o.ReceivePace = 2*time.Millisecond, 9*time.Millisecond
		pace, rest := make(chan time.Time), make(chan time.Time)
		o.After = func(d time.Duration) <-chan time.Time {
			switch d {
			case o.Pace:
				return pace
			case o.ReceivePace - o.Pace:
				return rest
			}
			return nil
		}
		l := open(t, o)
		l.SetAlone(alone)
		changed := l.Changed()
		l.Append([]byte("first"))
		<-changed
		changed = l.Changed()
		l.Append([]byte("second"))
		pace <- time.Time{}
		if alone {
			select {
			case <-changed:
				t.Fatal("committed after Pace, with nobody to see it")
			case rest <- time.Time{}:
			}
		}
		<-changed
		l.Hurry() // so that Close need not wait
	}
}

func TestReopen(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	l := mustOpen(t, o)
	dots := writeOps(t, l, 10)
	b := newRemote(2).block(nil, "r")
	if err := l.Receive(b); err != nil {
		t.Fatal(err)
	}
	l.Append([]byte("unsynced: close makes it durable"))
	last := l.Issued()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); !errors.Is(err, ErrClosed) {
		t.Fatal("second close:", err)
	}
	l = open(t, o)
	if l.Issued() != last || l.DurableOwn() != last.Time || l.Received().Get(2) != b.Last {
		t.Fatal(l.Issued(), l.Durable(), l.Received())
	}
	d := l.Append([]byte("next"))
	if d.Time <= last.Time || d.Time <= b.Last {
		t.Fatalf("dot %v issued after %v", d, dots)
	}
	sync_(t, l)
	blocks := readAll(t, l, 1, last.Time)
	if len(blocks) != 1 || blocks[0].Prev != last.Time || blocks[0].Deps.Get(2) != b.Last {
		t.Fatalf("%+v", blocks)
	}
}

func TestGroups(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	l.Append([]byte("before"))
	l.BeginGroup()
	big := strings.Repeat("x", BlockBytes/2)
	for range 5 {
		l.Append([]byte(big)) // outgrows a block, is not cut (C2)
	}
	l.mu.Lock()
	cut := len(l.mu.full)
	l.mu.Unlock()
	if cut != 0 {
		t.Fatal("cut inside a group")
	}
	l.EndGroup()
	l.BeginGroup()
	l.Append([]byte("g1"))
	l.Append([]byte("g2"))
	l.EndGroup()
	l.Append([]byte("after"))
	sync_(t, l)
	var got strings.Builder
	for _, b := range readAll(t, l, 1, 0) {
		got.WriteByte('|')
		for _, e := range entries(t, b) {
			fmt.Fprintf(&got, "%.2s", e.Op)
			if e.Group {
				got.WriteByte('+')
			} else {
				got.WriteByte(' ')
			}
		}
	}
	if s := strings.ReplaceAll(got.String(), "|", ""); s != "be xx+xx+xx+xx+xx g1+g2 af " {
		t.Fatal(got.String())
	}
}

// A block is never cut inside an open group, whatever else is committed (C2).
func TestOpenGroupHoldsBack(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	l.BeginGroup()
	l.Append([]byte("a"))
	changed := l.Changed()
	if err := l.Receive(newRemote(2).block(nil, "r")); err != nil {
		t.Fatal(err)
	}
	l.Hurry()
	<-changed // the received block needs no own ops
	if l.DurableOwn() != 0 {
		t.Fatal("half a group is durable")
	}
	l.Append([]byte("b"))
	l.EndGroup()
	sync_(t, l)
	blocks := readAll(t, l, 1, 0)
	if len(blocks) != 1 || blocks[0].Ops != 2 || !entries(t, blocks[0])[0].Group {
		t.Fatalf("%+v", blocks)
	}
}

func TestCutAtBlockBytes(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	op := make([]byte, 100<<10)
	for range 100 {
		l.Append(op)
	}
	l.Append(make([]byte, 3*BlockBytes))
	sync_(t, l)
	n, prev := 0, crdt.Timestamp(0)
	for _, b := range readAll(t, l, 1, 0) {
		if b.Prev != prev {
			t.Fatal("chain broken")
		}
		if len(b.data) > 2*BlockBytes && b.Ops != 1 && len(entries(t, b)[b.Ops-1].Op) <= BlockBytes {
			t.Fatalf("block of %d bytes", len(b.data))
		}
		prev = b.Last
		n += b.Ops
	}
	if n != 101 {
		t.Fatal(n)
	}
}

func TestBacklog(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.MaxPending = 1000
	l := open(t, o)
	l.BeginGroup() // keeps the writer away
	for range 11 {
		l.Append(make([]byte, 100))
	}
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrBacklog) {
		t.Fatal(err)
	}
	l.EndGroup()
	sync_(t, l)
	for l.Admit(l.opts.Wall()) != nil {
		l.Sync(context.Background())
	}
}

func TestConcurrent(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	o.After, o.Pace = time.After, 100*time.Microsecond
	l := open(t, o)
	var wg sync.WaitGroup
	const writers, each = 8, 300
	l.OnDurable(func() { l.DurableOwn() })
	for w := range writers {
		wg.Go(func() {
			var last crdt.Dot
			for i := range each {
				if w == 0 {
					l.BeginGroup()
				}
				d := l.Append(fmt.Appendf(nil, "%d/%d", w, i))
				if w == 0 {
					l.Append([]byte("mate"))
					l.EndGroup()
				}
				if !d.Newer(last) {
					t.Error("dots do not rise")
				}
				last = d
				if i%50 == 0 {
					l.Sync(context.Background())
					if l.DurableOwn() < d.Time {
						t.Error("sync returned early")
					}
				}
			}
		})
	}
	wg.Go(func() {
		m := newRemote(2)
		for range each {
			if err := l.Receive(m.block(nil, "r")); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 50 {
			l.Stats()
			l.Bounds()
			l.Read(1, 0, 1<<20)
			l.Truncate(l.Durable())
			l.Replay(l.Durable(), func(*Block) error { return nil })
		}
	})
	wg.Wait()
	sync_(t, l)
	if got := l.Stats(); got.Ops != (writers+1)*each || got.PendingBytes != 0 || got.ReceiveBytes != 0 {
		t.Fatalf("%+v", got)
	}
}
