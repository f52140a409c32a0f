package peer

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/crdt"
)

// leftInPart makes three replicas of which the third is gone for good, after
// the others had merged a part of its state, each up to an own position, and
// written more.
func leftInPart(t *testing.T, upTo map[crdt.ReplicaID]uint64) *states {
	c := newStates(t)
	one, two, three := c.add(1), c.add(2), c.add(3)
	c.join()
	for _, n := range []*stateNode{one, two, three} {
		n.write(int(n.id)*10, int(n.id)*10+60)
	}
	c.agree()
	one.stop()
	two.stop()
	var end atomic.Uint64
	var to atomic.Pointer[stateNode]
	var reached atomic.Bool
	three.tap = func(at uint64, image []byte) []byte {
		if at < end.Load() {
			return image
		}
		reached.Store(true)
		three.hangUp()
		to.Load().hangUp()
		return image[:len(image)/2] // refused: it goes no further
	}
	for id, at := range upTo {
		n := c.all[id]
		three.write(100, 200)
		three.forget()
		three.write(200, 210)
		reached.Store(false)
		end.Store(at)
		to.Store(n)
		n.start()
		eventually(t, "a part is merged", reached.Load)
		n.write(300, 340)
		n.stop()
	}
	three.stop()
	delete(c.all, 3)
	delete(c.nodes, 3)
	return c
}

// TestPartsOfALostMember: what a broken off transfer brought of a member that
// is gone for good is everywhere in the end, or nowhere.
func TestPartsOfALostMember(t *testing.T) {
	for name, upTo := range map[string]map[crdt.ReplicaID]uint64{
		"at one":          {1: 20 << 32},
		"at the other":    {2: 20 << 32},
		"at both":         {1: 40 << 32, 2: 20 << 32},
		"at both, nearly": {1: 21 << 32, 2: 20 << 32},
	} {
		t.Run(name, func(t *testing.T) {
			c := leftInPart(t, upTo)
			for _, n := range c.all {
				n.start()
			}
			settled(t, c)
		})
	}
}

// TestPartsOnASlowDisk: while the end that settles them is on its way to the disk,
// no heartbeat says that nothing is left: the other would settle it, too.
func TestPartsOnASlowDisk(t *testing.T) {
	c := leftInPart(t, map[crdt.ReplicaID]uint64{1: 40 << 32, 2: 20 << 32})
	one := c.all[1]
	var slow atomic.Int32
	var r atomic.Pointer[Replicator] // the first one: the log asks while it is opened again, too
	one.fs = errorfs.Wrap(one.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if slow.Load() > 0 && len(r.Load().remains()) == 0 {
				slow.Add(-1)
				<-time.After(3 * calmBeats * quick.Heartbeat)
			}
		}
		return nil
	}))
	one.start()
	r.Store(one.r)
	slow.Store(2)
	c.all[2].start()
	settled(t, c)
}

// settled waits until nothing is left over and all agree, also after restarts.
func settled(t *testing.T, c *states) {
	defer func() {
		for id, n := range c.all {
			if t.Failed() {
				t.Logf("replica %d: received %v, raised %v, remains %v, transfer %+v, links %+v",
					id, n.log.Received(), n.log.Raised(), n.r.remains(), n.r.Transfer(), n.r.Links())
			}
		}
	}()
	for _, n := range c.all {
		eventually(t, "nothing is left over", func() bool { return len(n.r.remains()) == 0 && n.eng.Ahead() == 0 })
	}
	c.level()
	c.agree()
	for _, n := range c.all {
		n.stop()
		n.start()
		n.write(400, 420)
	}
	c.agree()
	ids := []crdt.ReplicaID{}
	for _, e := range c.all[1].eng.Vector() {
		ids = append(ids, e.Replica)
	}
	if !slices.Contains(ids, 3) {
		t.Errorf("replica 3 is forgotten: %v", c.all[1].eng.Vector())
	}
}

// What is left is settled also where nothing but SetMembers told of it, however
// slow the ways from there are.
func TestPartsAreFoundAtTheStart(t *testing.T) {
	c := leftInPart(t, map[crdt.ReplicaID]uint64{1: 20 << 32})
	for _, n := range c.all {
		n.open()
	}
	for _, n := range c.all {
		n.r.OnAck(func() {
			if !n.r.configured.Load() { // SetMembers is on its way: let others come first
				<-time.After(50 * time.Millisecond)
			}
		})
		n.r.SetMembers(c.members())
	}
	c.level()
	c.agree()
}

// level waits until all have applied the same, also of the member that is gone: where its
// log came in time and not a part, one has it first.
func (c *states) level() {
	c.t.Helper()
	eventually(c.t, "all have applied the same", func() bool {
		for _, n := range c.all {
			if !n.eng.Vector().Equal(c.all[1].eng.Vector()) {
				return false
			}
		}
		return true
	})
}

// An instance that was removed keeps what it has, for whoever wants to save it: that
// nobody contradicts it is no agreement.
func TestARemovedInstanceSettlesNothing(t *testing.T) {
	one := leftInPart(t, map[crdt.ReplicaID]uint64{1: 40 << 32}).all[1]
	one.open()
	for tries := 0; one.log.Raised().Get(3) <= one.log.Received().Get(3); tries++ { // the log came in time
		if tries == 20 {
			t.Fatalf("nothing is left: %v", one.log.Raised())
		}
		one.stop()
		one = leftInPart(t, map[crdt.ReplicaID]uint64{1: 40 << 32}).all[1]
		one.open()
	}
	one.r.SetMembers(nil)
	if left := one.r.remains(); left != nil || !one.r.hasRemains() {
		t.Errorf("it is to settle %v, and says %v", left, one.r.hasRemains())
	}
}

// One heartbeat of long ago is no agreement, however long it has been there: a
// member that is not heard may hold parts as well.
func TestSilenceIsNoAgreement(t *testing.T) {
	wall := func() int64 { return time.Now().UnixMilli() }
	log := openLog(t, vfs.NewMem(), "db", 2, wall)
	r, err := newReplicator(Options{Database: "db", Self: 2, Region: regionOf(2), Log: log, Apply: &toy{}, Wall: wall, Mono: mono,
		Dial: func(context.Context, string) (net.Conn, error) { return nil, errCut }})
	if err != nil {
		t.Fatal(err)
	}
	if !r.hasRemains() {
		t.Error("it says that nothing is left before it knows its members")
	}
	r.SetMembers([]Member{{1, regionOf(1), "one"}, {2, regionOf(2), "two"}})
	if r.hasRemains() {
		t.Error("something is left")
	}
	left, l := vv(0, 0, 7), r.link(1)
	ask := func(beats uint64) (due bool) {
		l.mu.Lock()
		l.mu.state, l.mu.remote.beats = StateConnected, beats
		l.mu.Unlock()
		_, due = r.transfers.settles(left)
		return due
	}
	for range 3 * calmBeats {
		if ask(1) {
			t.Fatal("settled on one heartbeat")
		}
	}
	for _, row := range []struct {
		beats uint64
		due   bool
	}{{calmBeats, false}, {calmBeats + 1, true}, {calmBeats + 5, true}} {
		if due := ask(row.beats); due != row.due {
			t.Errorf("after %d heartbeats: %v", row.beats, due)
		}
	}
	r.transfers.remains = remains{of: []crdt.ReplicaID{3}}
	for _, beats := range []uint64{5, calmBeats + 4, 2, calmBeats + 1} { // the stream began anew in between
		if ask(beats) {
			t.Errorf("settled after %d heartbeats", beats)
		}
	}
	if !ask(calmBeats + 2) {
		t.Error("not settled")
	}
}
