package peer

import (
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// setBackFrom sets the wall clock when a block has been released and is not yet logged.
type setBackFrom struct {
	Applier
	set func()
}

func (s *setBackFrom) Check(*oplog.Block) error {
	s.set()
	return nil
}

// releaseTo makes replica 2 hold the blocks of 1 and 3, which come out together.
func releaseTo(t *testing.T, script ...string) (p *puppet, blocks []*oplog.Block) {
	w := newWorld(t)
	t.Cleanup(w.close)
	for id := crdt.ReplicaID(1); id <= 3; id++ {
		w.add(&puppet{id: id, fs: vfs.NewCrashableMem(), wall: 50_000})
	}
	blocks = makeHistory(t, 3, script...).blocks
	p = w.nodes[2]
	for _, b := range blocks {
		if err := p.pump.gate.Step(held{Block: b}); err != nil {
			t.Fatal(err)
		}
	}
	return p, blocks
}

// The wall clock may be set back when blocks have been released. Those that are ahead
// now are held with an alarm, and nobody else's wait for them (H1, P1).
func TestAClockSetBackHoldsOneReplica(t *testing.T) {
	p, blocks := releaseTo(t, "w3", "w1")
	ahead, other := blocks[0], blocks[1]
	p.r.opts.Apply = &setBackFrom{Applier: p.toy, set: func() {
		for atomic.StoreInt64(&p.wall, 0); p.log.ClockAhead(other.Last); {
			atomic.AddInt64(&p.wall, 1)
		}
	}}
	p.pump.flush()
	if v := p.toy.vector(); v.Get(3) != other.Last || v.Get(1) != 0 {
		t.Errorf("applied is %v, not %v of 3 alone", v, other.Last)
	}
	if !p.r.link(1).status().In.HeldByClock {
		t.Error("no alarm")
	}
	if !p.pump.gate.Busy() {
		t.Error("nobody looks again")
	}
	p.r.opts.Apply = p.toy
	atomic.StoreInt64(&p.wall, 50_000)
	p.pump.flush()
	if v := p.toy.vector(); v.Get(1) != ahead.Last || p.r.link(1).status().In.HeldByClock {
		t.Errorf("applied is %v", v)
	}
}

// What comes behind a block that could not be applied, or depends on it, is not
// applied, although the gate has released it (C1).
func TestNothingBehindAPoisonedBlock(t *testing.T) {
	p, blocks := releaseTo(t, "w3", "w1", "13", "w3", "w1")
	p.toy.fail = func(b *oplog.Block) error {
		if b.Last == blocks[0].Last {
			return errToy
		}
		return nil
	}
	p.pump.flush()
	if faults := p.toy.problems(); len(faults) > 0 {
		t.Error(faults)
	}
	if v := p.toy.vector(); v.Get(1) != 0 || v.Get(3) != blocks[2].Last {
		t.Errorf("applied is %v, not %v of 3 alone", v, blocks[2].Last)
	}
}
