package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// TestLag: an idle link shows none, one that is cut shows how much is missing
// on both ends, and an estimate of the clocks' difference.
func TestLag(t *testing.T) {
	c := newCluster(t, false)
	one := c.add(1, func(o *Options) { o.Compression = CompressAlways })
	two := c.add(2, func(o *Options) {
		wall := o.Wall
		o.Wall = func() int64 { return wall() + 300 }
	})
	c.join()
	one.toy.write("add", "a")
	c.converge()
	c.acknowledged()
	eventually(t, "nothing lags", func() bool {
		in, out := two.linkTo(1).In.Lag, one.linkTo(2).Out.Lag
		return in == Lag{} && out == Lag{}
	})
	eventually(t, "the clocks are compared", func() bool {
		a, b := one.linkTo(2), two.linkTo(1)
		off := func(d, want time.Duration) bool {
			return d > want-100*time.Millisecond && d < want+100*time.Millisecond
		}
		return off(a.ClockOffset, 300*time.Millisecond) && off(b.ClockOffset, -300*time.Millisecond)
	})
	one.r.Cut(regionOf(2), true)
	eventually(t, "the cut is seen", func() bool { return two.linkTo(1).In.State != StateConnected })
	for range 10 {
		one.toy.write("add", "b")
	}
	syncLog(t, one.log)
	eventually(t, "the lag grows", func() bool {
		out, in := one.linkTo(2).Out.Lag, two.linkTo(1).In.Lag
		return out.Ops == 10 && out.Bytes > 20 && out.Seconds > 0.05 && in.Seconds > 0.05
	})
	if l := one.linkTo(2); l.In.State != StateCut || l.Out.Connected {
		t.Errorf("%+v", l)
	}
	one.r.Cut(regionOf(2), false)
	c.converge()
	c.acknowledged()
	eventually(t, "nothing lags again", func() bool {
		in, out := two.linkTo(1).In.Lag, one.linkTo(2).Out.Lag
		return in == Lag{} && out == Lag{}
	})
}

// TestNearPeersGetPlainBlocks: a follower that is near asks for no compression.
func TestNearPeersGetPlainBlocks(t *testing.T) {
	c := newCluster(t, false)
	one := c.add(1)
	never, always := c.add(2), c.add(3, func(o *Options) { o.Compression = CompressAlways })
	never.tune = func(o *Options) { o.Compression = CompressNever }
	never.restart()
	c.join()
	c.connected()
	eventually(t, "2 has said so", func() bool { f := one.r.link(2).feed.Load(); return f != nil && f.plain.Load() })
	one.toy.write("add", "x#"+strings.Repeat("ballast", 10000))
	c.converge()
	if l := never.linkTo(1).In; l.WireBytes < l.RawBytes {
		t.Errorf("to be plain: %d of %d bytes", l.WireBytes, l.RawBytes)
	}
	if l := always.linkTo(1).In; l.WireBytes > l.RawBytes/2 {
		t.Errorf("to be compressed: %d of %d bytes", l.WireBytes, l.RawBytes)
	}
	near := &link{r: &Replicator{}}
	if near.wantsPlain() {
		t.Error("plain before the distance is known")
	}
	near.offset.add(1000, 1040, 1020, 0)
	if near.wantsPlain() {
		t.Error("plain over 40 ms")
	}
	near.offset.add(2000, 2001, 2000, 0)
	if !near.wantsPlain() {
		t.Error("compressed over 1 ms")
	}
}

// TestTruncatedLog: who falls off the end of a log is told so; who does not,
// does not notice.
func TestTruncatedLog(t *testing.T) {
	c := newCluster(t, false)
	one, two := c.add(1), c.add(2)
	c.join()
	for i := range 10 {
		one.toy.write("add", fmt.Sprint(i))
		syncLog(t, one.log)
	}
	c.converge()
	c.acknowledged()
	one.log.Truncate(one.r.MinAcked())
	two.restart()
	c.connected()
	one.toy.write("add", "more")
	c.converge()
	three := c.add(3)
	all := c.members()
	one.r.SetMembers(all)
	two.r.SetMembers(all)
	// Not of 2: its log has it all, and would be faster than 1 with its answer on a busy machine.
	three.r.SetMembers([]Member{{1, regionOf(1), one.addr}, {3, regionOf(3), three.addr}})
	eventually(t, "the new one is told", func() bool {
		l := three.linkTo(1).In
		return l.Alarm && strings.Contains(l.LastError, "state transfer")
	})
	if !one.linkTo(2).Out.Connected {
		t.Error("P1: 2 was dropped as well")
	}
}

// TestSilentSource: a source that is not heard is dropped and tried again.
func TestSilentSource(t *testing.T) {
	checkGoroutines(t)
	c := newCluster(t, false)
	one := c.add(1)
	two := c.add(2, func(o *Options) { o.Timing.LinkTimeout = 60 * time.Millisecond })
	c.replace(one, &liar{})
	two.r.SetMembers(c.members())
	eventually(t, "silence is noticed", func() bool { return strings.Contains(two.linkTo(1).In.LastError, "nothing was heard") })
	if two.linkTo(1).In.Alarm {
		t.Error("silence is no alarm")
	}
}

// TestCloseInAnyOrder: a Replicator ends while its streams are busy and
// blocked, the server after it.
func TestCloseInAnyOrder(t *testing.T) {
	checkGoroutines(t)
	c := newCluster(t, true)
	one := c.add(1, func(o *Options) { o.Limits.WindowBytes = 2 << 20 })
	two := c.add(2, func(o *Options) { o.Limits.HoldBytes = 1 << 20 })
	blocked := make(chan struct{})
	two.toy.mu.Lock()
	two.toy.blocked = blocked
	two.toy.mu.Unlock()
	c.join()
	c.connected()
	for range 16 {
		one.toy.write("add", "x#"+strings.Repeat("y", 1<<20))
		syncLog(t, one.log)
	}
	one.server.Unregister("db")
	if err := one.server.Register("db", one.r); err != nil {
		t.Fatal(err)
	}
	if err := one.server.Register("db", one.r); err == nil {
		t.Fatal("registered twice")
	}
	if err := one.r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.r.Close(); err == nil {
		t.Error("closed twice")
	}
	close(blocked) // before that, 2 reads nothing and is not told
	eventually(t, "2 is told", func() bool { return two.linkTo(1).In.State != StateConnected })
	one.server.Close()
	<-one.served
	one.log.Close()
	one.server = nil
}

// TestServerLimits: silent and unknown callers.
func TestServerLimits(t *testing.T) {
	c := newCluster(t, false)
	one := c.add(1)
	s := &Server{}
	s.mu.hosted = map[string]*Replicator{"db": one.r}
	if _, err := s.find(&peerpb.Identity{Database: "else"}); err == nil {
		t.Error("found another database")
	}
	one.r.SetMembers([]Member{{1, regionOf(1), ""}, {2, regionOf(2), "nowhere"}})
	id := &peerpb.Identity{Protocol: protocolVersion, BlockFormat: 1, Database: "db", Replica: 2, Region: regionOf(2), To: 1}
	if _, err := one.r.welcome(id); err != nil {
		t.Fatal(err)
	}
	for range cap(one.r.serving) {
		one.r.serving <- struct{}{}
	}
	if err := one.r.serveFetch(&peerpb.FetchRequest{Identity: id, Replica: 1}, nil); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("B1: %v", err)
	}
	eventually(t, "an unreachable member is retried", func() bool {
		l := one.linkTo(2).In
		return l.State == StateWaiting && strings.Contains(l.LastError, "no such node") && !l.Alarm
	})
	one.r.Nudge(regionOf(2))
	var none crdt.VersionVector
	if got := one.r.Stable(); !got.Equal(none) {
		t.Errorf("stable %v with a silent member", got)
	}
}
