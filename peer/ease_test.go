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
}

func newEaseRig() *easeRig {
	x := &easeRig{}
	r := &Replicator{}
	r.opts.Mono = x.now.Load
	r.opts.Served = x.served.Load
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
	if x.work(ended, time.Second, false) {
		t.Error("it pauses although nobody is served")
	}
	if x.work(ended, easeEvery/2, true) {
		t.Error("it pauses after too little work")
	}
	if !x.work(ended, easeEvery/2, true) {
		t.Error("it does not pause after two halves of a step")
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

// A stream that is slower than the floor is not made slower still, and one that
// is faster is not made slower than that.
func TestEasingHasAFloor(t *testing.T) {
	ended, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		name  string
		ops   int // in a step of a millisecond
		pause bool
	}{{"slow", easeFloor / 2000, false}, {"fast", easeFloor / 500, true}} {
		x := newEaseRig()
		for range 100 { // more than easeShort
			x.served.Add(1)
			x.begin()
			x.now.Add(int64(time.Millisecond))
			_ = x.step(ended, c.ops)
		}
		x.begin()
		x.now.Add(int64(time.Millisecond))
		if paused := x.step(ended, c.ops) != nil; paused != c.pause {
			t.Errorf("%s: paused: %v", c.name, paused)
		}
	}
}

func TestOnlyOldBlocksAreEased(t *testing.T) {
	x := newEaseRig()
	if !x.old(crdt.TimestampAt(8000)) || x.old(crdt.TimestampAt(9500)) {
		t.Error("old is what was written more than a second ago")
	}
	x.r.opts.Mono = nil
	if x.old(crdt.TimestampAt(8000)) {
		t.Error("without a clock nothing is eased")
	}
}
