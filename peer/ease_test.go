package peer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"crdb/crdt"
)

// easeRig is an easing with a clock and clients of its own.
type easeRig struct {
	easing
	now    atomic.Int64
	served atomic.Uint64
	told   int // calls of Eased
}

func newEaseRig() *easeRig {
	x := &easeRig{}
	r := &Replicator{}
	r.opts.Mono = x.now.Load
	r.opts.Served = x.served.Load
	r.opts.Eased = func() { x.told++ }
	r.opts.Wall = func() int64 { return 10_000 }
	x.easing = easing{r: r, rush: &r.rush}
	x.now.Store(int64(time.Hour))
	return x
}

// work works for d, with or without a command of a client meanwhile, and
// reports whether a pause followed.
func (x *easeRig) work(ctx context.Context, d time.Duration, command bool) (paused bool) {
	if command {
		x.served.Add(1)
	}
	x.begin()
	x.now.Add(int64(d))
	return x.step(ctx, 0) != nil
}

func TestEasing(t *testing.T) {
	ended, stop := context.WithCancel(t.Context())
	stop() // a pause ends at once, with an error: it shows without any waiting
	x := newEaseRig()
	if x.work(ended, time.Second, false) || x.told > 0 {
		t.Error("it pauses although nobody is served")
	}
	if x.work(ended, easeEvery/2, true) {
		t.Error("it pauses after too little work")
	}
	if !x.work(ended, easeEvery/2, true) {
		t.Error("it does not pause after two halves of a step")
	}
	if x.told != 2 {
		t.Errorf("told %d times of two steps", x.told)
	}
	if !x.work(ended, easeEvery, false) {
		t.Error("clients that were served a moment ago are forgotten")
	}
	if x.work(ended, 2*easeServed, false) {
		t.Error("clients are remembered for too long")
	}
	x.r.backlog(x.rush, 0, 1<<40)
	x.r.backlog(x.rush, 1<<30, 1<<30+easeSlack)
	if !x.work(ended, easeEvery, true) {
		t.Error("a backlog that does not grow ends easing")
	}
	x.r.backlog(x.rush, 1<<30, 1<<30+easeSlack+1)
	if x.work(ended, easeEvery, true) {
		t.Error("a backlog that grows does not end easing")
	}
	x.now.Add(int64(easeRush))
	if !x.work(ended, easeEvery, true) {
		t.Error("easing ends for good")
	}
	if x.work(ended, easeEvery, true); x.debt != 0 {
		t.Error("a pause leaves something to be paid for")
	}
}

// A stream that is slower than the floor pauses for a part of its work only, and
// one that is faster is not made slower than that.
func TestEasingHasAFloor(t *testing.T) {
	const step = time.Millisecond
	for _, c := range []struct {
		name  string
		ops   int // in a step
		pause time.Duration
	}{
		{"slow", easeFloor / 2000, step / easeLeast},
		{"a little faster than the floor", easeFloor * 3 / 2000, step / 2},
		{"fast", easeFloor / 250, step},
	} {
		x := newEaseRig()
		var pause time.Duration
		for range 400 { // until what easeShort remembers is made good
			x.now.Add(int64(step))
			x.debt = step
			pause = x.pauseAt(x.now.Load(), c.ops)
			x.now.Add(int64(pause))
		}
		if pause.Round(time.Microsecond) != c.pause {
			t.Errorf("%s: it pauses for %v, not %v", c.name, pause, c.pause)
		}
	}
}

func TestOnlyOldBlocksAreEased(t *testing.T) {
	x := newEaseRig()
	if !x.old(crdt.TimestampAt(8000)) || x.old(crdt.TimestampAt(9500)) {
		t.Error("old is what was written more than a second ago")
	}
	if none := (easing{}); none.old(crdt.TimestampAt(8000)) {
		t.Error("the zero easing eases")
	}
}
