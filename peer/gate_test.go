package peer

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// history is a set of blocks that real logs made, with what each depends on.
type history struct{ blocks []*oplog.Block }

// makeHistory runs a script on real logs without any network: "w1" replica 1
// writes a block, "12" replica 2 receives all that replica 1 holds.
func makeHistory(t testing.TB, replicas int, script ...string) history {
	t.Helper()
	logs := map[crdt.ReplicaID]*oplog.Log{}
	var wall atomic.Int64 // the logs look at it whenever they like
	wall.Store(1000)
	for r := crdt.ReplicaID(1); r <= crdt.ReplicaID(replicas); r++ {
		logs[r] = openLog(t, vfs.NewMem(), "db", r, wall.Load)
	}
	var h history
	for _, s := range script {
		wall.Add(1)
		if s[0] == 'w' {
			l := logs[crdt.ReplicaID(s[1]-'0')]
			l.Append([]byte("+x"))
			syncLog(t, l)
			continue
		}
		from, to := logs[crdt.ReplicaID(s[0]-'0')], logs[crdt.ReplicaID(s[1]-'0')]
		err := from.Replay(nil, func(b *oplog.Block) error {
			err := to.Receive(b)
			if errors.Is(err, oplog.ErrDuplicate) || errors.Is(err, oplog.ErrForeign) {
				return nil
			}
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		syncLog(t, to)
	}
	for r := crdt.ReplicaID(1); r <= crdt.ReplicaID(replicas); r++ {
		blocks, err := logs[r].Read(r, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		h.blocks = append(h.blocks, blocks...)
	}
	return h
}

func testGate(self crdt.ReplicaID, applied crdt.VersionVector) *gate {
	g := newGate(self, applied, 2)
	g.own = func() crdt.Timestamp { return 1 << 62 }
	g.tooFar = func(crdt.Timestamp) bool { return false }
	return g
}

// TestGateAllSchedules delivers every history in every order that keeps each
// link in order, once and twice, and checks C1 at every release.
func TestGateAllSchedules(t *testing.T) {
	histories := [][]string{
		{"w1", "12", "w2", "23", "w3"},
		{"w1", "w1", "12", "w2", "w1", "23", "w3", "w2"},
		{"w1", "w2", "w3", "12", "23", "31", "w1", "w2", "w3"},
		{"w1", "12", "w2", "21", "w1", "12", "w2", "13", "w3"},
		{"w1", "12", "w2", "w2", "23", "w3", "32", "w2"},
	}
	for _, script := range histories {
		t.Run(fmt.Sprint(script), func(t *testing.T) {
			h := makeHistory(t, 3, script...)
			var byReplica [4][]*oplog.Block
			for _, b := range h.blocks {
				byReplica[b.Replica] = append(byReplica[b.Replica], b)
			}
			n := 0
			schedules([3]int{len(byReplica[1]), len(byReplica[2]), len(byReplica[3])}, nil, func(order []int) {
				n++
				checkSchedule(t, byReplica, order, len(h.blocks), false)
				checkSchedule(t, byReplica, order, len(h.blocks), true)
			})
			t.Logf("%d blocks, %d schedules", len(h.blocks), n)
		})
	}
}

// schedules calls f with every interleaving of three links.
func schedules(left [3]int, prefix []int, f func([]int)) {
	done := true
	for i := range left {
		if left[i] > 0 {
			done = false
			next := left
			next[i]--
			schedules(next, append(prefix[:len(prefix):len(prefix)], i+1), f)
		}
	}
	if done {
		f(prefix)
	}
}

func checkSchedule(t *testing.T, byReplica [4][]*oplog.Block, order []int, total int, twice bool) {
	t.Helper()
	g := testGate(9, nil)
	var applied crdt.VersionVector
	released := 0
	var at [4]int
	for _, r := range order {
		b := byReplica[r][at[r]]
		at[r]++
		if err := g.Step(held{Block: b}); err != nil {
			t.Fatalf("%v: step: %v", order, err)
		}
		if twice {
			if err := g.Step(held{Block: b}); !errors.Is(err, errDuplicate) {
				t.Fatalf("%v: second time: %v", order, err)
			}
		}
		for _, x := range g.Ready().blocks {
			if applied.Get(x.Replica) != x.Prev || !applied.Descends(x.Deps) {
				t.Fatalf("C1: %v: (%v, %v]@%d deps %v released at %v", order, x.Prev, x.Last, x.Replica, x.Deps, applied)
			}
			applied.Set(x.Replica, x.Last)
			released++
		}
	}
	if released != total {
		t.Fatalf("%v: %d of %d released", order, released, total)
	}
	if g.Busy() {
		t.Fatalf("%v: still busy", order)
	}
}

// TestGateFetches: in every order in which replica 1's own link is silent, the
// gate asks for its blocks, after the delay and not before.
func TestGateFetches(t *testing.T) {
	h := makeHistory(t, 2, "w1", "w1", "12", "w2")
	first, second, dependent := h.blocks[0], h.blocks[1], h.blocks[2]
	g := testGate(9, nil)
	if err := g.Step(held{Block: dependent}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if rd := g.Ready(); len(rd.wants)+len(rd.blocks) != 0 {
			t.Fatalf("after %d ticks: %v", i, rd)
		}
		g.Tick()
	}
	rd := g.Ready()
	if len(rd.wants) != 1 || rd.wants[0] != (want{1, 0, second.Last}) {
		t.Fatalf("wants %v", rd.wants)
	}
	if rd = g.Ready(); len(rd.wants) != 0 {
		t.Fatal("asked twice at once")
	}
	if err := g.Step(held{Block: first}); err != nil {
		t.Fatal(err)
	}
	g.FetchDone(1, 0)
	if rd = g.Ready(); len(rd.blocks) != 1 || len(rd.wants) != 1 {
		t.Fatalf("after progress: %v", rd)
	}
	for range 5 { // in vain: ever more patience
		g.FetchDone(1, first.Last)
	}
	ticks := 0
	for ; len(g.Ready().wants) == 0; ticks++ {
		g.Tick()
	}
	if ticks != 2<<5 {
		t.Fatalf("asked again after %d ticks", ticks)
	}
	if err := g.Step(held{Block: second}); err != nil {
		t.Fatal(err)
	}
	if rd = g.Ready(); len(rd.blocks) != 2 {
		t.Fatalf("released %d", len(rd.blocks))
	}
}

// TestGateLearns: an idle third says what it holds; the gate asks for it.
func TestGateLearns(t *testing.T) {
	g := testGate(9, nil)
	g.Learn(crdt.VersionVector{{Replica: 3, Time: 77}, {Replica: 9, Time: 88}})
	g.Tick()
	g.Tick()
	if rd := g.Ready(); len(rd.wants) != 1 || rd.wants[0] != (want{3, 0, 77}) {
		t.Fatalf("wants %v", rd.wants)
	}
	var many crdt.VersionVector
	for r := crdt.ReplicaID(1); r < 5000; r++ {
		many.Set(r, 5)
	}
	g.Learn(many)
	if len(g.queues) > crdt.MaxReplicas {
		t.Fatalf("B1: %d queues", len(g.queues))
	}
}

// TestGateHoldsTheFuture attacks H1: held while too far ahead, released after.
func TestGateHoldsTheFuture(t *testing.T) {
	h := makeHistory(t, 2, "w1", "12", "w2")
	g := testGate(9, nil)
	limit := h.blocks[0].Last - 1
	g.tooFar = func(at crdt.Timestamp) bool { return at > limit }
	for _, b := range h.blocks {
		if err := g.Step(held{Block: b}); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		g.Tick()
		if rd := g.Ready(); len(rd.blocks) != 0 {
			t.Fatal("H1: released early")
		}
	}
	if g.queue(1).hold != holdClock || g.queue(2).hold != holdDeps {
		t.Fatalf("reasons %d %d", g.queue(1).hold, g.queue(2).hold)
	}
	limit = h.blocks[1].Last
	if rd := g.Ready(); len(rd.blocks) != 2 {
		t.Fatalf("released %d", len(rd.blocks))
	}
}

func TestGateRefuses(t *testing.T) {
	h := makeHistory(t, 2, "w1", "w1", "w1", "12", "w2")
	b := h.blocks
	g := testGate(9, nil)
	if err := g.Step(held{Block: b[1]}); !errors.Is(err, errGap) {
		t.Errorf("gap: %v", err)
	}
	if err := testGate(1, nil).Step(held{Block: b[0]}); !errors.Is(err, errOwnBlock) {
		t.Errorf("own block: %v", err)
	}
	lost := testGate(1, nil)
	lost.own = func() crdt.Timestamp { return b[0].Last }
	if err := lost.Step(held{Block: b[3]}); !errors.Is(err, errLostLog) {
		t.Errorf("D2: lost log: %v", err)
	}
	fork := testGate(9, crdt.VersionVector{{Replica: 1, Time: b[1].First - 1}})
	if err := fork.Step(held{Block: b[1]}); !errors.Is(err, errFork) {
		t.Errorf("D2: overlap: %v", err)
	}
}

// TestGatePoison attacks P1: one replica's blocks stop, others go on.
func TestGatePoison(t *testing.T) {
	h := makeHistory(t, 2, "w1", "w2", "w1", "w2")
	g := testGate(9, nil)
	g.Poison(1)
	for _, b := range h.blocks {
		if err := g.Step(held{Block: b}); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range g.Ready().blocks {
		if b.Replica == 1 {
			t.Fatal("P1: poisoned replica released")
		}
	}
	if g.queue(2).len() != 0 || g.queue(1).len() != 2 {
		t.Fatal("wrong queues")
	}
}
