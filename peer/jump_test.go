package peer

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// imagesOf are those of an engine that has merged them.
type imagesOf struct {
	Images
	log *oplog.Log
}

func (i imagesOf) Jump(ctx context.Context, ends []oplog.Tip, mark []byte) error {
	return i.log.Jump(ctx, ends, mark)
}

// A jump may end inside of a block that was released and could not be applied yet,
// since the wall clock was set back. Neither it nor what follows it continues the log:
// they come again, and nobody is stopped for them.
func TestJumpIntoAReleasedBlock(t *testing.T) {
	w := newWorld(t)
	defer w.close()
	for id := crdt.ReplicaID(1); id <= 2; id++ {
		w.add(&puppet{id: id, fs: vfs.NewCrashableMem(), wall: 50_000})
	}
	p := w.nodes[2]
	p.r.opts.Images = imagesOf{log: p.log}
	blocks := makeHistory(t, 1, "w1", "w1", "w1").blocks
	for _, b := range blocks {
		if err := p.pump.gate.Step(held{Block: b}); err != nil {
			t.Fatal(err)
		}
	}
	to := blocks[1].Last - 1
	if _, err := p.log.ReceiveImage(oplog.Image{Vector: crdt.VersionVector{{Replica: 1, Time: to}}}); err != nil {
		t.Fatal(err)
	}
	p.r.opts.Apply = &setBackFrom{Applier: p.toy, set: func() { atomic.StoreInt64(&p.wall, 0) }}
	if p.pump.flush(); p.pump.gate.queue(1).len() != len(blocks) {
		t.Fatalf("%d blocks wait for the clock", p.pump.gate.queue(1).len())
	}
	j := &jump{ends: []oplog.Tip{{Replica: 1, Time: to}}, done: make(chan error, 1)}
	p.pump.jump(j)
	if err := <-j.done; err != nil {
		t.Fatal(err)
	}
	atomic.StoreInt64(&p.wall, 50_000)
	p.pump.flush()
	q := p.pump.gate.queue(1)
	if q.poisoned || q.len() != 0 || q.tail != to || q.known != blocks[2].Last {
		t.Errorf("stopped: %v, %d blocks wait, here up to %v of %v, not %v", q.poisoned, q.len(), q.tail, q.known, to)
	}
	next := *blocks[1]
	next.Prev = to
	if err := p.pump.gate.Step(held{Block: &next}); err != nil {
		t.Errorf("what continues the log: %v", err)
	}
}
