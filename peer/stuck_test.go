package peer

import (
	"slices"
	"testing"
	"time"

	"crdb/crdt"
)

// A queue is stuck while its first block waits and nothing comes of what it
// waits for, also when that comes in parts.
func TestGateCountsTicksWithoutProgress(t *testing.T) {
	h := makeHistory(t, 2, "w1", "w1", "12", "w2")
	first, second, dependent := h.blocks[0], h.blocks[1], h.blocks[2]
	g := testGate(9, nil)
	tick := func(n int) *queue {
		for range n {
			g.Ready()
			g.Tick()
		}
		return g.queue(2)
	}
	if err := g.Step(held{Block: dependent}); err != nil {
		t.Fatal(err)
	}
	if q := tick(5); q.stuck != 5 {
		t.Errorf("stuck for %d ticks, not 5", q.stuck)
	}
	want := []Missing{{Replica: 1, Needs: second.Last}}
	if s := g.stuckBy(g.queue(2)); s == nil || s.Last != dependent.Last || !slices.Equal(s.Missing, want) {
		t.Errorf("stuck by %+v", s)
	}
	if err := g.Step(held{Block: first}); err != nil {
		t.Fatal(err)
	}
	if q := tick(1); q.stuck != 1 {
		t.Errorf("something came, and it counts as stuck for %d ticks", q.stuck)
	}
	if err := g.Step(held{Block: second}); err != nil {
		t.Fatal(err)
	}
	if q := tick(1); q.stuck != 0 || g.stuckBy(q) != nil {
		t.Errorf("applied, and stuck for %d ticks", q.stuck)
	}
}

// stuckNode is replica 3, whose peers cannot be reached: 1 and 2, or 1 alone.
func stuckNode(t *testing.T, members ...crdt.ReplicaID) *clusterNode {
	t.Helper()
	c := newCluster(t, false)
	three := c.add(3, func(o *Options) { o.Timing.HeldAlarm = 50 * time.Millisecond })
	all := c.members()
	for _, id := range members {
		all = append(all, Member{id, regionOf(id), "nowhere"})
	}
	three.r.SetMembers(all)
	return three
}

func (n *clusterNode) take(b held) { n.r.post(n.c.t.Context(), event{block: b}) }

// Blocks whose dependencies nobody has are held, with an alarm that says what is
// missing, and the alarm ends when it has come.
func TestAlarmWhenDependenciesDoNotCome(t *testing.T) {
	h := makeHistory(t, 2, "w1", "12", "w2")
	missing, dependent := h.blocks[0], h.blocks[1]
	three := stuckNode(t, 1, 2)
	three.take(held{Block: dependent})
	eventually(t, "an alarm", func() bool { return three.linkTo(2).In.Stuck != nil })
	s := three.linkTo(2).In.Stuck
	if s.Last != dependent.Last || s.Blocks != 1 || !slices.Equal(s.Missing, []Missing{{Replica: 1, Needs: missing.Last}}) {
		t.Errorf("the alarm says %+v", s)
	}
	if three.linkTo(1).In.Stuck != nil {
		t.Error("an alarm about the replica whose block is missing")
	}
	three.take(held{Block: missing})
	eventually(t, "no alarm", func() bool { return three.linkTo(2).In.Stuck == nil })
	// The alarm ends when the block is let through, a moment before it is applied.
	eventually(t, "it is applied", func() bool { return three.toy.vector().Covers(crdt.Dot{Time: dependent.Last, Replica: 2}) })
}

// What a former member wrote is given up when all who could have the rest are
// heard; while one is not, it is held.
func TestStuckBlocksOfAFormerMember(t *testing.T) {
	h := makeHistory(t, 2, "w1", "12", "w2")
	missing, dependent := h.blocks[0], h.blocks[1]
	three := stuckNode(t, 1, 2)
	var room budget
	room.maxBlocks, room.maxBytes = 10, 1<<20
	if err := room.take(t.Context(), len(dependent.Bytes())); err != nil {
		t.Fatal(err)
	}
	three.take(held{Block: dependent, room: &room})
	eventually(t, "an alarm", func() bool { return three.linkTo(2).In.Stuck != nil })
	three.r.SetMembers([]Member{{3, regionOf(3), three.addr}, {1, regionOf(1), "nowhere"}})
	if p := (&pump{r: three.r}); p.forsaken(three.r.link(1)) || p.forsaken(three.r.link(2)) {
		t.Fatal("given up though it is a member's, or a member is not heard")
	}
	three.r.SetMembers([]Member{{3, regionOf(3), three.addr}})
	eventually(t, "it is given up", func() bool { n, bytes := room.used(); return n == 0 && bytes == 0 })
	eventually(t, "no alarm", func() bool { return three.linkTo(2).In.Stuck == nil })
	three.take(held{Block: missing}) // somebody had it after all
	three.take(held{Block: dependent})
	eventually(t, "it is applied", func() bool { return three.toy.vector().Covers(crdt.Dot{Time: dependent.Last, Replica: 2}) })
}
