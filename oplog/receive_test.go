package oplog

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

func TestReceiveChecks(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	m, far := newRemote(2), newRemote(3)
	b1, b2, b3 := m.block(nil, "a"), m.block(nil, "b", "c"), m.block(nil, "d")
	if err := l.Receive(b2); !errors.Is(err, ErrGap) {
		t.Fatal("gap:", err)
	}
	if err := l.Receive(b1); err != nil {
		t.Fatal(err)
	}
	if err := l.Receive(b1); !errors.Is(err, ErrDuplicate) {
		t.Fatal("duplicate:", err)
	}
	if err := l.Receive(b3); !errors.Is(err, ErrGap) {
		t.Fatal("gap:", err)
	}
	if err := l.Receive(b2); err != nil {
		t.Fatal(err)
	}
	dep := far.block(crdt.VersionVector{{Replica: 2, Time: b3.Last}}, "x")
	if err := l.Receive(dep); !errors.Is(err, ErrGap) {
		t.Fatal("missing dependency:", err)
	}
	if err := l.Receive(b3); err != nil {
		t.Fatal(err)
	}
	if err := l.Receive(dep); err != nil {
		t.Fatal(err)
	}
	if err := l.Receive(newRemote(1).block(nil, "x")); !errors.Is(err, ErrForeign) {
		t.Fatal("own:", err)
	}
	ahead := newRemote(4)
	ahead.t = crdt.TimestampAt(testWall + 501)
	b := ahead.block(nil, "x")
	if err := l.Receive(b); !errors.Is(err, ErrClock) || !l.ClockAhead(b.Last) {
		t.Fatal("ahead:", err)
	}
	if err := l.Admit(l.opts.Wall()); err != nil {
		t.Fatal("a refused block must not move the clock:", err)
	}
}

// Receive raises clock and deps before it returns, and one commit holds both
// the received block and the local one (D4).
func TestReceiveRaisesClockAndDeps(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	m := newRemote(2)
	m.t = crdt.TimestampAt(testWall + 400)
	b := m.block(nil, "a", "b")
	if err := l.Receive(b); err != nil {
		t.Fatal(err)
	}
	if l.Received().Get(2) != b.Last {
		t.Fatal(l.Received())
	}
	d := l.Append([]byte("x"))
	if d.Time <= b.Last {
		t.Fatalf("%v issued after %v was seen", d, b.Last)
	}
	sync_(t, l)
	own := readAll(t, l, 1, 0)
	if len(own) != 1 || own[0].Deps.Get(2) != b.Last || own[0].Deps.Get(1) != 0 {
		t.Fatalf("%+v", own[0])
	}
	if got := readAll(t, l, 2, 0); len(got) != 1 || string(got[0].Bytes()) != string(b.Bytes()) {
		t.Fatal("a received block is kept as it came")
	}
}

// The receive queue is bounded: Receive waits for the disk (B1). With room for
// one block no commit has two, however slow the disk.
func TestReceiveQueueIsBounded(t *testing.T) {
	gate := newGateFS(vfs.NewMem())
	o := testOptions(gate, 1)
	o.MaxReceive = 60
	most := 0
	o.OnCommit = func(c Commit) { most = max(most, c.Blocks) }
	l := open(t, o)
	gate.shut()
	done := make(chan error)
	go func() {
		m := newRemote(2)
		for range 20 {
			if err := l.Receive(m.block(nil, "a")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	<-gate.reached
	gate.open()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sync_(t, l)
	l.Close()
	if most != 1 {
		t.Fatalf("%d blocks in one commit", most)
	}
}

// TestQuitEndsWaitsForRoom: who has to stop before the log is closed does not wait
// for a disk that takes nothing.
func TestQuitEndsWaitsForRoom(t *testing.T) {
	gate := newGateFS(vfs.NewMem())
	o := testOptions(gate, 1)
	o.MaxReceive = 60
	l := open(t, o)
	gate.shut()
	defer gate.open()
	if err := l.Receive(newRemote(2).block(nil, "fills the queue")); err != nil {
		t.Fatal(err)
	}
	<-gate.reached
	ended := make(chan error)
	go func() { ended <- l.Receive(newRemote(3).block(nil, "does not fit")) }()
	go func() {
		_, err := l.ReceiveImage(Image{Data: make([]byte, 60)})
		ended <- err
	}()
	l.Quit()
	for range 2 {
		select {
		case err := <-ended:
			if !errors.Is(err, ErrClosed) {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("somebody still waits for room")
		}
	}
}
