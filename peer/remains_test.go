package peer

import (
	"slices"
	"sync/atomic"
	"testing"

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
			defer func() {
				for id, n := range c.all {
					if t.Failed() {
						t.Logf("replica %d: received %v, raised %v, remains %v, transfer %+v, links %+v",
							id, n.log.Received(), n.log.Raised(), n.r.remains(), n.r.Transfer(), n.r.Links())
					}
				}
			}()
			c.agree()
			for _, n := range c.all {
				eventually(t, "nothing is left over", func() bool { return len(n.r.remains()) == 0 && n.eng.Ahead() == 0 })
			}
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
		})
	}
}
