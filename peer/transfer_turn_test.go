package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crdb/engine"
	"crdb/oplog"
)

// withDead makes dials of a replica fail while they are to the address in dead.
func (n *stateNode) withDead(dead *atomic.Pointer[string]) {
	n.tune = func(o *Options) {
		n.options(o)
		dial := o.Dial
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			if at := dead.Load(); at != nil && *at == addr {
				return nil, errors.New("it is down")
			}
			return dial(ctx, addr)
		}
	}
}

// bothForget makes three replicas, of which the second is closed and lacks what the
// logs of the others no longer hold.
func bothForget(t *testing.T) (c *states, one, two, three *stateNode) {
	c = newStates(t)
	one, two, three = c.add(1), c.add(2), c.add(3)
	c.join()
	one.write(0, 60)
	two.write(30, 90)
	c.agree()
	two.stop()
	one.write(100, 200)
	three.write(150, 250)
	one.forget()
	three.forget()
	one.write(200, 210)
	three.write(200, 210)
	return c, one, two, three
}

// The member whose state is on its way dies for good. Another one's log is cut off
// as well, so it can serve; and it must.
func TestALaggardTurnsFromADeadSource(t *testing.T) {
	c, one, two, three := bothForget(t)
	var dead atomic.Pointer[string]
	two.withDead(&dead)
	for _, n := range []*stateNode{one, three} {
		n.tap = func(at uint64, image []byte) []byte {
			if at > 100<<28 && dead.CompareAndSwap(nil, &n.addr) {
				two.hangUp()
			}
			return image
		}
	}
	two.start()
	eventually(t, "the state of the other one", func() bool { return two.r.Transfer().Percent == 100 })
	if dead.Load() == nil {
		t.Error("none died")
	}
	dead.Store(nil)
	two.hangUp()
	c.agree()
}

// The source of a joiner is away for longer than it is waited for, and the other member
// can give nothing. When the source is back the transfer goes on where it was.
func TestAJoinerGoesOnWithASourceThatIsBack(t *testing.T) {
	c, one, two := together(t)
	for range maxServed {
		two.r.giving <- struct{}{} // it has no time
	}
	var dead atomic.Pointer[string]
	three := c.add(3, func(n *stateNode) {
		n.join = true
		n.withDead(&dead)
	})
	var again, lowest atomic.Uint64
	one.tap = func(at uint64, image []byte) []byte {
		if again.Load() == 0 && at > 100<<28 && dead.Load() == nil {
			eventually(t, "some of it is merged", func() bool { return three.r.Transfer().Percent > 5 })
			dead.Store(&one.addr)
			three.hangUp()
		}
		if again.Load() != 0 {
			lowest.CompareAndSwap(0, at+1)
		}
		return image
	}
	c.join()
	eventually(t, "the other one is asked", func() bool { return strings.Contains(three.r.Transfer().Error, "replica 2 serves enough") })
	again.Store(1)
	dead.Store(nil)
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return three.r.Transfer().Percent == 100 })
	if from := lowest.Load(); from < 5*oplog.MaxRanges/100<<28 {
		t.Errorf("it began again at %#x", from-1)
	}
}

// A source that sends what no source sends is not asked again while another can be.
func TestAJoinerTurnsFromASourceWithAnAlarm(t *testing.T) {
	c, one, two := together(t)
	one.forget()
	two.forget()
	var lies atomic.Int64
	one.tap = func(_ uint64, image []byte) []byte {
		lies.Add(1)
		image = append([]byte(nil), image...)
		image[len(image)-1] ^= 1
		return image
	}
	three := c.add(3, func(n *stateNode) {
		n.join = true
		n.tune = func(o *Options) {
			n.options(o)
			o.Timing.RetryStop = time.Hour
		}
	})
	c.join()
	eventually(t, "the state of the other one", func() bool { return three.r.Transfer().Percent == 100 })
	if lies.Load() == 0 {
		t.Error("the first one was not asked")
	}
	c.agree()
}

// A transfer that only a member could give which is removed before it began is not
// under way for ever: blocks that are held would raise no alarm meanwhile.
func TestATransferEndsWithItsSource(t *testing.T) {
	c := newStates(t)
	one, two, _ := c.add(1), c.add(2), c.add(3)
	c.join()
	one.write(0, 60)
	c.agree()
	two.stop()
	one.write(100, 200)
	one.forget()
	for range maxServed {
		one.r.giving <- struct{}{} // it has no time
	}
	two.open()
	two.r.Cut(regionOf(3), true) // its log has it all, and would be faster than 1 with its answer on a busy machine
	two.r.SetMembers(c.members())
	eventually(t, "it is needed", func() bool { return two.r.Transfer().Error != "" })
	two.r.SetMembers([]Member{{2, regionOf(2), two.addr}})
	eventually(t, "it has ended", func() bool { return !two.r.Transfer().Active })
	two.r.SetMembers(c.members())
	eventually(t, "it is needed again", func() bool { return two.r.Transfer().Active })
	<-one.r.giving
	two.r.Cut(regionOf(3), false)
	c.agree()
}

// So does one that a run before the removal has begun, and it is not there again
// after the next restart.
func TestATransferOfARemovedSourceIsNotResumed(t *testing.T) {
	c, _, two := together(t)
	two.stop()
	left := mark{source: 9, ends: []oplog.Tip{{Replica: 9, Time: 5}}}
	two.tune = func(o *Options) {
		two.options(o)
		if err := o.Log.PutMeta(oplog.MarkName, left.encode()); err != nil {
			t.Fatal(err)
		}
	}
	two.open()
	if !two.r.Transfer().Active {
		t.Error("it is not resumed before the members are known")
	}
	two.r.SetMembers(c.members())
	eventually(t, "it has ended", func() bool { return !two.r.Transfer().Active })
	two.stop()
	two.tune = two.options
	two.start()
	if two.r.Transfer().Active {
		t.Error("it is resumed")
	}
	c.agree()
}

// A key that no image may hold is said to who asks, by name, and the transfer goes
// on when it is gone.
func TestAKeyThatIsTooLargeToTransfer(t *testing.T) {
	c := newStates(t)
	one := c.add(1, func(n *stateNode) { n.size.ImageBytes = 32 << 10 })
	two := c.add(2)
	c.join()
	one.write(0, 60)
	c.agree()
	two.stop()
	change := func(f func(tx *engine.Tx)) {
		tx := one.eng.NewTx()
		tx.LockAll(time.Now().UnixMilli())
		f(tx)
		tx.Unlock()
	}
	change(func(tx *engine.Tx) {
		for i := range 1000 {
			tx.SetAdd([]byte("large"), [][]byte{fmt.Appendf(nil, "member-%030d", i)})
		}
	})
	one.forget()
	two.start()
	eventually(t, "it says which", func() bool {
		st := two.r.Transfer()
		return st.Alarm && strings.Contains(st.Error, `too large to be transferred: "large" in database 0`)
	})
	change(func(tx *engine.Tx) { tx.Delete([]byte("large")) })
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return two.r.Transfer().Percent == 100 })
}
