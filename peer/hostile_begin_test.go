package peer

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crdb/crdt"
)

// forgetful is an engine that may say to have forgotten what it never had.
type forgetful struct {
	*tapped
	lying atomic.Bool
}

func (x *forgetful) HoldForgotten() (crdt.VersionVector, func()) {
	vv, release := x.tapped.HoldForgotten()
	if x.lying.Load() {
		vv.Set(1, crdt.TimestampAt(time.Now().Add(time.Hour).UnixMilli()))
	}
	return vv, release
}

// A source cannot have forgotten what its log does not hold. Who believed that could
// merge with nobody's state any more (K4), and whoever merges with that one, neither.
func TestASourceThatForgotTheFuture(t *testing.T) {
	c := newStates(t)
	var lie forgetful
	lie.lying.Store(true)
	one := c.add(1, func(n *stateNode) {
		n.tune = func(o *Options) {
			n.options(o)
			lie.tapped = o.Images.(*tapped)
			o.Images = &lie
		}
	})
	one.write(0, 60)
	syncLog(t, one.log)
	two := c.add(2, func(n *stateNode) { n.join = true })
	c.join()
	eventually(t, "the alarm", func() bool { x := two.r.Transfer(); return x.Alarm && strings.Contains(x.Error, "forgotten") })
	if vv, release := two.eng.HoldForgotten(); len(vv) > 0 {
		t.Errorf("it believes that %v is forgotten", vv)
		release()
	} else {
		release()
	}
	lie.lying.Store(false)
	c.agree()
}
