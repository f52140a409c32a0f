package peer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// TestRandomSchedules lets three or four replicas live through random writes,
// losses, cuts, crashes and restarts in the world of the conversations. C1 and
// D4 are checked at every block; after the healing all must agree.
func TestRandomSchedules(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			rnd := rand.New(rand.NewPCG(seed, 7))
			for id := crdt.ReplicaID(1); id <= 3+crdt.ReplicaID(seed%2); id++ {
				w.add(&puppet{id: id, fs: vfs.NewCrashableMem(), wall: 1000 + rnd.Int64N(300)})
			}
			for range 250 {
				w.randomStep(rnd)
			}
			for _, p := range w.nodes {
				if p.crashed {
					w.restart(p)
				}
			}
			clear(w.cut)
			w.out.Reset()
			w.stabilize(nil)
			w.fingerprint(nil)
			w.problems()
			if !strings.Contains(w.out.String(), "all equal") || strings.Contains(w.out.String(), "BROKEN") {
				t.Fatalf("seed %d:\n%s", seed, w.out.String())
			}
			for _, p := range w.nodes {
				if got, want := p.r.Stable(), p.toy.vector(); !got.Equal(want) {
					t.Fatalf("seed %d: replica %d has %v stable, %v applied", seed, p.id, got, want)
				}
			}
		})
	}
}

func (w *world) randomStep(rnd *rand.Rand) {
	a, b := w.order[rnd.IntN(len(w.order))], w.order[rnd.IntN(len(w.order))]
	p, at := w.nodes[a], pair{a, b}
	switch n := rnd.IntN(100); {
	case n < 35 && !p.crashed:
		atomic.AddInt64(&p.wall, rnd.Int64N(20))
		p.toy.write([]string{"add", "rem", "count"}[rnd.IntN(3)], fmt.Sprint(rnd.IntN(5)))
		if rnd.IntN(3) > 0 { // else it joins the next block, or is lost in a crash
			syncLog(w.t, p.log)
		}
	case n < 75 && a != b:
		w.step(at, []string{"", "", "", "drop", "dup"}[rnd.IntN(5)])
	case n < 82 && a != b:
		w.ackOn(at, false)
	case n < 90:
		w.tickAll()
	case n < 95 && a != b:
		w.cut[at] = !w.cut[at] // one way only
		if w.cut[at] {
			w.hangUp(at)
		}
	case n < 97 && !p.crashed:
		w.crash(p)
	case n >= 97 && p.crashed:
		w.restart(p)
	}
}
