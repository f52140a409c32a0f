package sim

import (
	"slices"
	"testing"
	"time"
)

// TestWriteLostWithItsDisk: a write waits for space on a full disk, gets there while
// its node stops, and an empty disk takes the place of that one. That the node had
// shown the write is no mistake; what it showed before is judged as ever.
func TestWriteLostWithItsDisk(t *testing.T) {
	c := plain()
	c.Seed, c.Ops, c.Ledger = 1, 0, []string{"list"}
	var before, after *capture
	res := simulate(t, c, func(r *run) {
		r.extra = func() {
			n := r.nodes[0]
			w := &worker{r: r, n: n, name: "w", rng: r.rand("w")}
			w.connect()
			r.ledger.step(w)
			pause(time.Second) // the others have it
			before = r.proofs.capture(w.sure.i)
			p := n.program()
			p.disk.SetRoom(noRoom)
			writes := make(chan struct{})
			go func() { r.ledger.step(w); close(writes) }()
			pause(time.Second)
			after = r.proofs.capture(w.sure.i)
			own, _ := n.lastLog()
			p.disk.SetRoom(roomForAll)
			if err := p.stop(); err != nil {
				r.fail("%s does not stop in order: %v", n.name, err)
			}
			<-writes
			r.mayForget(n, own)
			n.mu.disk, n.emptied = NewDisk(), true
			r.restart(n)
		}
	})
	if len(res.Failures) > 0 {
		report(t, res)
	}
	if !slices.Equal(before.list, []string{"e1"}) || !slices.Equal(after.list, []string{"e1", "e2"}) {
		t.Fatalf("the node shows %v, and then %v", before.list, after.list)
	}
	known := before.vector.Get(before.i.id)
	if before.lost(known) || !after.lost(known) {
		t.Errorf("lost: %v, and then %v", before.lost(known), after.lost(known))
	}
}
