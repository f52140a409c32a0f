package peer

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"crdb/crdt"
)

// checkGoroutines fails if the test leaves goroutines of this package behind.
func checkGoroutines(t *testing.T) {
	t.Cleanup(func() {
		eventually(t, "all goroutines end", func() bool {
			buf := make([]byte, 1<<20)
			for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
				if strings.Contains(g, "crdb/peer.") && !strings.Contains(g, "testing.") {
					return false
				}
			}
			return true
		})
	})
}

func TestThreeReplicasConverge(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(fmt.Sprintf("tcp=%v", tcp), func(t *testing.T) {
			checkGoroutines(t)
			c := newCluster(t, tcp)
			for id := crdt.ReplicaID(1); id <= 3; id++ {
				c.add(id)
			}
			c.join()
			var wg gosync.WaitGroup
			for _, n := range c.nodes {
				wg.Go(func() {
					for i := range 300 {
						elem := fmt.Sprint("e", i%17)
						n.toy.write("add", elem)
						n.toy.write("count", "1")
						if i%3 == 0 {
							n.toy.write("rem", elem)
						}
					}
				})
			}
			wg.Wait()
			c.converge()
			c.acknowledged()
			c.connected()
		})
	}
}

// acknowledged waits until everybody knows that all hold everything, which
// feeds WAIT, retention and stability.
func (c *cluster) acknowledged() {
	c.t.Helper()
	for _, n := range c.nodes {
		own := n.log.Issued()
		eventually(c.t, fmt.Sprintf("%v is acknowledged", own), func() bool { return n.r.Acked(own.Time) == len(c.nodes)-1 })
		eventually(c.t, "all is stable", func() bool {
			stable := n.r.Stable()
			for _, m := range c.nodes {
				if d := m.log.Issued(); !stable.Covers(d) {
					return false
				}
			}
			return true
		})
	}
}

// TestCutHealsThroughThird: the link between 1 and 3 stays cut, and yet what 1
// writes arrives at 3 and the other way, without 2 writing anything.
func TestCutHealsThroughThird(t *testing.T) {
	checkGoroutines(t)
	c := newCluster(t, false)
	one, two, three := c.add(1), c.add(2), c.add(3)
	c.join()
	c.connected()
	one.r.Cut(regionOf(3), true)
	eventually(t, "the link is down at both ends", func() bool {
		return three.linkTo(1).In.State != StateConnected && !three.linkTo(1).Out.Connected &&
			one.linkTo(3).In.State == StateCut && !one.linkTo(3).Out.Connected
	})
	one.toy.write("add", "a")
	three.toy.write("add", "b")
	c.converge()
	two.toy.write("rem", "a")
	c.converge()
	c.acknowledged() // told by 2
	if s := three.linkTo(1).In.State; s == StateConnected {
		t.Fatalf("1 and 3 are connected: %v", s)
	}
	one.r.Cut(regionOf(3), false)
	c.connected()
	one.toy.write("add", "c")
	c.converge()
}

// TestRestartResumes: a replica that comes back is sent what it misses and
// nothing else.
func TestRestartResumes(t *testing.T) {
	checkGoroutines(t)
	c := newCluster(t, false)
	one, two := c.add(1), c.add(2)
	c.join()
	for i := range 50 {
		one.toy.write("add", fmt.Sprint("before", i)+"#"+strings.Repeat("x", 4000))
		syncLog(t, one.log)
	}
	c.converge()
	c.acknowledged()
	for _, n := range []*clusterNode{two, one} {
		n.restart()
		c.join()
		c.connected()
		blocks := two.linkTo(1).In.Blocks
		raw := two.linkTo(1).In.RawBytes
		one.toy.write("add", "after")
		syncLog(t, one.log)
		c.converge()
		if got := two.linkTo(1).In; got.Blocks != blocks+1 || got.RawBytes-raw > 200 || n == two && blocks != 0 {
			t.Fatalf("after the restart of %d: %d blocks with %d bytes came, before the write %d", n.id, got.Blocks, got.RawBytes-raw, blocks)
		}
	}
}

func TestPublish(t *testing.T) {
	c := newCluster(t, false)
	one, two := c.add(1), c.add(2)
	one.r.Publish([]byte("early"), []byte("lost")) // nobody follows: best effort
	c.join()
	c.connected()
	for i := range 100 {
		one.r.Publish([]byte("news"), fmt.Append(nil, i))
	}
	for i := range 100 {
		if got, want := <-two.heard, fmt.Sprint("news=", i); got != want {
			t.Fatalf("heard %s, want %s", got, want)
		}
	}
	one.r.Publish([]byte("huge"), make([]byte, maxPublish+1))
	if l := one.linkTo(2).Out; l.PublishDropped != 1 || l.Publishes != 100 {
		t.Fatalf("counted %+v", l)
	}
}

// noise returns so many bytes or a few more, which do not compress well.
func noise(size int) string {
	var b strings.Builder
	chunk := make([]byte, 0, 16)
	for i := uint64(0); b.Len() < size; i++ {
		b.Write(strconv.AppendUint(chunk, mix(i), 36))
	}
	return b.String()
}

func TestHugeBlockIsChunked(t *testing.T) {
	c := newCluster(t, false)
	one, two := c.add(1), c.add(2)
	c.join()
	one.toy.write("add", "huge#"+noise(9<<20))
	one.toy.write("add", "small")
	c.converge()
	if got := two.linkTo(1).In; got.RawBytes < 9<<20 {
		t.Fatalf("%+v", got)
	}
}

// TestRemovedMember: what a former member wrote stays; it is refused.
func TestRemovedMember(t *testing.T) {
	checkGoroutines(t)
	c := newCluster(t, false)
	one, two, three := c.add(1), c.add(2), c.add(3)
	c.join()
	three.toy.write("add", "bequest")
	c.converge()
	rest := []Member{{1, regionOf(1), one.addr}, {2, regionOf(2), two.addr}}
	one.r.SetMembers(rest)
	two.r.SetMembers(rest)
	eventually(t, "the former member is refused", func() bool {
		return strings.Contains(three.linkTo(1).In.LastError, "no other member") && !one.linkTo(3).Member
	})
	one.toy.write("add", "new")
	c.converge(1, 2)
	eventually(t, "stable without the former member", func() bool { return one.r.Stable().Covers(one.log.Issued()) })
}

// What all known members hold is not stable while somebody knows of more members: a
// new one's state may be from before.
func TestNothingIsStableWithAnOldConfiguration(t *testing.T) {
	c := newCluster(t, false)
	var newer atomic.Uint64
	newer.Store(1)
	one := c.add(1, func(o *Options) { o.ConfigVersion = func() uint64 { return 1 } })
	c.add(2, func(o *Options) { o.ConfigVersion = newer.Load })
	c.join()
	one.toy.write("add", "x")
	c.converge()
	issued := one.log.Issued()
	eventually(t, "stable", func() bool { return one.r.Stable().Covers(issued) })
	newer.Store(2)
	eventually(t, "nothing is stable", func() bool { return len(one.r.Stable()) == 0 })
}

// An acknowledgement says itself what its author knows: between it and the next
// heartbeat a region that has missed a change would take for stable what is not.
func TestAcknowledgementsTellTheConfiguration(t *testing.T) {
	c := newCluster(t, false)
	var newer atomic.Uint64
	newer.Store(1)
	silent := func(o *Options) { o.Timing.Heartbeat, o.Timing.LinkTimeout = time.Hour, 2*time.Hour }
	one := c.add(1, func(o *Options) { silent(o); o.ConfigVersion = func() uint64 { return 1 } })
	c.add(2, func(o *Options) { silent(o); o.ConfigVersion = newer.Load })
	c.join()
	one.toy.write("add", "x")
	eventually(t, "stable", func() bool { return one.r.Stable().Covers(one.log.Issued()) })
	newer.Store(2)
	one.toy.write("add", "y")
	eventually(t, "acknowledged", func() bool { return one.r.Acked(one.log.Issued().Time) == 1 })
	if got := one.r.Stable(); len(got) != 0 {
		t.Errorf("stable: %v", got)
	}
}
