package peer

import (
	"sync/atomic"
	"testing"
	"time"

	"crdb/oplog"
)

// breakOff ends the connections of to after every 40th image that n captures, once
// those before it are merged, and some since the last time. A stream that was cut may
// still be capturing: nothing of that is merged, and no other is served meanwhile.
func (n *stateNode) breakOff(to *stateNode) (captured, cuts *atomic.Int64) {
	captured, cuts = new(atomic.Int64), new(atomic.Int64)
	var last atomic.Int64 // what was merged when it was cut last
	n.tap = func(at uint64, image []byte) []byte {
		if captured.Add(1)%40 != 0 {
			return image
		}
		for range 50 {
			merged := int64(to.r.Transfer().Percent * oplog.MaxRanges / 100)
			if merged > last.Load() && merged >= int64(at>>28)-5 { // the rest is lost on the way
				last.Store(merged)
				cuts.Add(1)
				to.hangUp()
				break
			}
			<-time.After(time.Millisecond)
		}
		return image
	}
	return captured, cuts
}

// A joining instance turns to another member when one gives it nothing, not when
// the streams break but get on: it would begin anew.
func TestAJoinerStaysWithASourceThatGetsOn(t *testing.T) {
	c, one, two := together(t)
	three := c.add(3, func(n *stateNode) {
		n.join = true
		n.tune = func(o *Options) {
			n.options(o)
			o.Timing.RetryMax = 5 * time.Second // a source that has not noticed the end of a stream has no time, and a busy machine notices late
		}
	})
	captured, cuts := one.breakOff(three)
	var turned atomic.Bool
	two.tap = func(_ uint64, image []byte) []byte {
		if !turned.Swap(true) {
			t.Errorf("it turns to another member after %d images", captured.Load())
		}
		return image
	}
	c.join()
	c.agree()
	if n := cuts.Load(); n < patienceWithSource {
		t.Errorf("%d times: the streams were not broken often enough", n)
	}
}

// A joining instance whose links were all cut goes on when they are mended.
func TestAJoinerWithoutLinks(t *testing.T) {
	c, one, two := together(t)
	three := c.add(3, func(n *stateNode) { n.join = true })
	for _, n := range []*stateNode{one, two} {
		three.r.Cut(regionOf(n.id), true)
	}
	c.join()
	eventually(t, "it has nobody to ask", func() bool {
		return three.linkTo(1).In.State == StateCut && three.linkTo(2).In.State == StateCut && len(three.r.transfers.wake) == 0
	})
	three.r.Cut(regionOf(2), false)
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return three.r.Transfer().Percent == 100 })
}

// One that was removed before it had its first state hears of it from the transfer
// too: its links pause for long after a refusal. Here they do nothing at all.
func TestAJoinerHearsThatItIsNoMember(t *testing.T) {
	c, one, _ := together(t)
	var heard notices
	var o Options
	three := c.add(3, func(n *stateNode) {
		n.join = true
		tune := n.tune
		n.tune = func(x *Options) { tune(x); x.Notice = heard.take; o = *x }
	})
	if err := three.r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := newReplicator(o)
	if err != nil {
		t.Fatal(err)
	}
	three.r = r
	r.SetMembers([]Member{{1, regionOf(1), one.addr}, {3, regionOf(3), three.addr}})
	r.wg.Go(r.transfers.run)
	eventually(t, "it hears that it is no member", func() bool { return heard.has(NoticeStranger) })
}
