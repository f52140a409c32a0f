package peer

import (
	"context"
	"errors"
	"testing"
)

// What a source says of itself is heard while its blocks are held and there is no
// room for more: what they wait for may depend on it.
func TestHeartbeatsOvertakeBlocksWithoutRoom(t *testing.T) {
	c := newCluster(t, false)
	one, two, pass := oneAhead(c, func(o *Options) { o.Limits.HoldBlocks = 1 })
	c.join()
	c.connected()
	for range 8 {
		one.toy.write("add", "early")
		syncLog(t, one.log)
	}
	full := func() bool {
		l := two.linkTo(1).In
		return l.HeldByClock && l.HeldBlocks == 1 && one.linkTo(2).Out.InFlight > 0
	}
	beats := func() uint64 { _, said := two.r.link(1).said(); return said.beats }
	eventually(t, "no room", full)
	before := beats()
	eventually(t, "ten heartbeats", func() bool { return beats() >= before+10 })
	if !full() {
		t.Error("there is room")
	}
	pass()
	c.converge()
	eventually(t, "all is taken", func() bool { return one.linkTo(2).Out.InFlight == 0 && two.r.link(1).conn() != nil })
}

// The intake keeps the order, takes no more than its limit but for one arrival,
// and is idle only when nothing is being taken.
func TestIntake(t *testing.T) {
	in := newIntake(0)
	in.limit = 10
	if !in.idle() {
		t.Error("not idle, and empty")
	}
	for _, size := range []int{12, 1} {
		if changed := in.tryPut(arrival{size: size}); (changed == nil) != (size == 12) {
			t.Errorf("%d bytes added: %v", size, changed == nil)
		}
	}
	a, err := in.next(t.Context())
	if err != nil || a.size != 12 || in.idle() {
		t.Fatalf("%+v, %v, idle %v", a, err, in.idle())
	}
	in.done(a)
	for size := 1; size <= 4; size++ {
		if in.tryPut(arrival{size: size}) != nil {
			t.Errorf("no room for %d bytes", size)
		}
	}
	waits, put := in.tryPut(arrival{size: 5}), make(chan error, 1)
	if waits == nil {
		t.Fatal("15 bytes were added to a limit of 10")
	}
	go func() { put <- in.put(t.Context(), arrival{size: 5}) }()
	for want := 1; want <= 5; want++ {
		if a, err = in.next(t.Context()); err != nil || a.size != want {
			t.Fatalf("%+v, %v, not %d bytes", a, err, want)
		}
		in.done(a)
	}
	<-waits
	if err := <-put; err != nil || !in.idle() {
		t.Errorf("%v, idle %v", err, in.idle())
	}
	lying := arrival{piece: piece{data: make([]byte, 11), rawSize: 1}, size: 1} // a peer may say so
	if in.tryPut(arrival{size: 1}) != nil || in.tryPut(lying) == nil {
		t.Error("a piece counts for what it says that it is")
	}
	in.limit = 2 * maxWaiting
	for in.tryPut(arrival{size: 1}) == nil {
	}
	if n := len(in.mu.waiting); n != maxWaiting {
		t.Errorf("%d arrivals wait", n)
	}
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errCut)
	empty := newIntake(0)
	if _, err := empty.next(gone); !errors.Is(err, errCut) {
		t.Error(err)
	}
}
