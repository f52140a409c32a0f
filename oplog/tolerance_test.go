package oplog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

const testHour = int64(time.Hour / time.Millisecond)

// H1: what a person tolerates is received, own ops go on behind it, also after
// a restart; what is further ahead is not, and with time the tolerance ends.
func TestTolerate(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall = clock.now
	l := mustOpen(t, o)
	m := newRemote(2)
	m.t = crdt.TimestampAt(testWall + testHour)
	b := m.block(nil, "from the future")
	if err := l.Receive(b); !errors.Is(err, ErrClock) {
		t.Fatal(err)
	}
	if err := l.Tolerate(b.Last); err != nil {
		t.Fatal(err)
	}
	if err := l.Receive(b); err != nil {
		t.Fatal(err)
	}
	writes := func() {
		t.Helper()
		if err := l.Admit(l.opts.Wall()); err != nil {
			t.Fatal(err)
		}
		if d := writeOps(t, l, 1)[0]; d.Time <= b.Last || d.Time.Millis() > b.Last.Millis()+1 {
			t.Fatalf("%v, behind %v", d, b.Last)
		}
	}
	writes()
	l.Close()
	l = mustOpen(t, o)
	defer func() { l.Close() }()
	writes()
	if b2 := crdt.TimestampAt(testWall + 2*testHour); !l.ClockAhead(b2) {
		t.Fatal("two hours are tolerated, too")
	}
	clock.ms.Add(testHour)
	writes()
	clock.ms.Add(testHour / 16)
	if !l.ClockAhead(crdt.TimestampAt(clock.now() + testHour)) {
		clock.ms.Add(501)
	}
	if !l.ClockAhead(crdt.TimestampAt(clock.now()+502)) || l.ClockAhead(crdt.TimestampAt(clock.now()+500)) {
		t.Fatal("it does not end")
	}
	if err := l.Admit(clock.now()); err != nil {
		t.Fatal(err)
	}
}

// A clock that has been set back an hour for good is helped in the same way.
func TestTolerateTheOwnFuture(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall = clock.now
	l := open(t, o)
	d := writeOps(t, l, 1)[0]
	clock.ms.Add(-testHour)
	if err := l.Admit(clock.now()); !errors.Is(err, ErrClock) {
		t.Fatal(err)
	}
	if err := l.Tolerate(l.Clock()); err != nil {
		t.Fatal(err)
	}
	if err := l.Admit(clock.now()); err != nil {
		t.Fatal(err)
	}
	if e := writeOps(t, l, 1)[0]; e.Time != d.Time+1 {
		t.Fatal(e)
	}
}

// There is an end: after a stamp of the last century of the format no clock
// could go on for long. What needs no tolerance gets none.
func TestToleranceIsBounded(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	for _, ms := range []int64{testWall + 101*365*24*testHour, 1<<48 - 1} {
		if err := l.Tolerate(crdt.TimestampAt(ms)); err == nil || !strings.Contains(err.Error(), "remove the replica") {
			t.Error(err)
		}
	}
	if err := l.Tolerate(crdt.TimestampAt(testWall + 400)); err != nil || l.tolerated.Load() != nil {
		t.Error(err, l.tolerated.Load())
	}
}

// H1: a clock that stands still gives out dots all the same, each above the one
// before; the counter carries into the milliseconds after 65536 ops.
func TestFrozenClock(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall = clock.now
	l := open(t, o)
	last := l.Append(nil).Time
	if last.Millis() != testWall {
		t.Fatal(last)
	}
	for range 3 << 16 {
		d := l.Append(nil)
		if d.Time != last+1 {
			t.Fatalf("%v after %v", d, last)
		}
		last = d.Time
	}
	if last.Millis() != testWall+3 {
		t.Fatal(last)
	}
	if err := l.Admit(clock.now()); err != nil {
		t.Fatal(err)
	}
	clock.ms.Add(10)
	if d := l.Append(nil); d.Time != crdt.TimestampAt(clock.now()) {
		t.Fatal("the wall clock counts again:", d)
	}
}
