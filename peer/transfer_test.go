package peer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
)

// states is a set of replicas with real engines, for state transfers.
type states struct {
	*cluster
	all map[crdt.ReplicaID]*stateNode
}

// stateNode is a replica with a real engine. Its images pass through taps.
type stateNode struct {
	*clusterNode
	c    *states
	eng  *engine.Engine
	join bool
	seed func() (Seed, error)
	rate int
	size engine.Sizes
	tap  func(at uint64, image []byte) []byte // of what is captured here

	mu    gosync.Mutex
	conns []net.Conn // dialled from here
	froms []uint64   // where the transfers begin that it serves, by the first capture
	dials atomic.Int64
}

func newStates(t testing.TB) *states {
	return &states{cluster: newCluster(t, false), all: map[crdt.ReplicaID]*stateNode{}}
}

// add makes a replica and opens it.
func (c *states) add(id crdt.ReplicaID, tune ...func(n *stateNode)) *stateNode {
	n := &stateNode{c: c, clusterNode: &clusterNode{c: c.cluster, id: id, fs: vfs.NewCrashableMem(), dir: "log", bare: true}}
	n.tune = n.options
	for _, f := range tune {
		f(n)
	}
	c.nodes[id], c.all[id] = n.clusterNode, n
	n.open()
	c.t.Cleanup(func() { n.eng.Close() })
	return n
}

func (n *stateNode) options(o *Options) {
	if n.eng != nil {
		n.eng.Close()
	}
	rnd := rand.New(rand.NewPCG(1, uint64(n.id)))
	var err error
	n.eng, err = engine.Open(engine.Options{Log: n.log, Seed: 42, Replica: n.id, Wall: o.Wall, Rand: rnd.Uint64, Sizes: n.size,
		Stable: func() crdt.VersionVector { return n.stable() }})
	if err != nil {
		n.c.t.Fatal(err)
	}
	o.Apply, o.Images, o.Join, o.Limits.TransferRate = n.eng, &tapped{n.eng, n}, n.join, n.rate
	o.Seed = n.seed
	if os.Getenv("LOGS") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("self", n.id)
	}
	o.Timing.RetryStop = 200 * time.Millisecond
	o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := n.c.dial(ctx, addr)
		if err == nil {
			n.mu.Lock()
			n.conns = append(n.conns, conn)
			n.mu.Unlock()
		}
		return conn, err
	}
}

func (n *stateNode) stable() crdt.VersionVector {
	if n.r == nil {
		return nil
	}
	return n.r.Stable()
}

// hangUp cuts all connections dialled from here.
func (n *stateNode) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.Close()
	}
	n.conns = nil
}

// tapped is an engine whose captures are watched.
type tapped struct {
	*engine.Engine
	n *stateNode
}

func (x *tapped) CaptureAt(at uint64, more crdt.VersionVector) ([]byte, crdt.VersionVector, uint64, error) {
	image, vv, next, err := x.Engine.CaptureAt(at, more)
	if f := x.n.tap; f != nil && err == nil {
		image = f(at, image)
	}
	return image, vv, next, err
}

// write makes a key of each of several types.
func (n *stateNode) write(from, to int) {
	tx := n.eng.NewTx()
	for i := from; i < to; i++ {
		tx.LockAll(time.Now().UnixMilli())
		k := func(prefix string) []byte { return fmt.Appendf(nil, "%s%d", prefix, i%50) }
		tx.Put(k("s"), fmt.Appendf(nil, "%d by %d", i, n.id), engine.Expiry{})
		tx.Incr(k("c"), int64(i))
		tx.SetAdd(k("set"), [][]byte{fmt.Appendf(nil, "%d.%d", i, n.id)})
		tx.HashSet(k("h"), [][]byte{[]byte("f"), fmt.Appendf(nil, "%d", i)})
		tx.ZSetIncr(k("z"), []byte("m"), 1.5, engine.ScoreRule{})
		tx.ListPush(k("l"), false, [][]byte{fmt.Appendf(nil, "%d", i)})
		if i%7 == 0 {
			tx.Delete(k("c"))
			tx.SetRemove(k("set"), [][]byte{fmt.Appendf(nil, "%d.%d", i, n.id)})
		}
		tx.Unlock()
	}
}

// forget makes a checkpoint and drops all log that it covers, acknowledged or not.
func (n *stateNode) forget() {
	syncLog(n.c.t, n.log)
	n.write(1000, 1001) // the newest block always stays
	syncLog(n.c.t, n.log)
	v := n.eng.Vector()
	if err := n.eng.Checkpoint(); err != nil {
		n.c.t.Fatal(err)
	}
	n.log.Truncate(v)
}

// agree waits until all replicas show the same.
func (c *states) agree() {
	c.t.Helper()
	var want crdt.VersionVector
	for _, n := range c.all {
		want.Raise(n.log.Issued())
	}
	for _, n := range c.all {
		eventually(c.t, fmt.Sprintf("replica %d reaches %v", n.id, want), func() bool { return n.eng.Vector().Descends(want) })
	}
	for _, n := range c.all {
		if a, b := n.eng.Digest(), c.all[1].eng.Digest(); a != b {
			c.t.Fatalf("replicas %d and 1 differ", n.id)
		}
	}
}

// apart makes two replicas that have agreed, closed the second, and lost the
// log that it lacks.
func apart(t *testing.T) (c *states, one, two *stateNode) {
	c = newStates(t)
	one, two = c.add(1), c.add(2)
	c.join()
	one.write(0, 60)
	two.write(30, 90)
	c.agree()
	two.stop()
	one.write(100, 200)
	one.forget()
	one.write(200, 220)
	return c, one, two
}

func (n *stateNode) stop() { n.close() }

func (n *stateNode) start() {
	n.open()
	n.r.SetMembers(n.c.members())
}

func TestALaggardGetsTheState(t *testing.T) {
	c, one, two := apart(t)
	two.start()
	two.write(300, 330) // what the source lacks
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return !two.r.Transfer().Active })
	if st := two.r.Transfer(); st.Percent != 100 || st.Keys == 0 {
		t.Errorf("status %+v", st)
	}
	one.write(400, 420) // the log goes on
	two.write(400, 420)
	c.agree()
	c.connected()
	two.stop()
	two.start()
	if two.r.Transfer().Active {
		t.Error("the transfer is made again after a restart")
	}
	c.agree()
}

// Both logs are cut off: each side transfers from the other.
func TestBothLogsAreCutOff(t *testing.T) {
	c, one, two := apart(t)
	one.stop()
	two.start()
	two.write(300, 400)
	two.forget()
	two.write(400, 410)
	one.start()
	two.r.SetMembers(c.members())
	c.agree()
}

// together makes two replicas that have written and agree.
func together(t *testing.T) (c *states, one, two *stateNode) {
	c = newStates(t)
	one, two = c.add(1), c.add(2)
	c.join()
	one.write(0, 100)
	two.write(50, 120)
	c.agree()
	return c, one, two
}

func TestAJoinerGetsTheStateFirst(t *testing.T) {
	c, one, two := together(t)
	one.forget()
	two.forget()
	three := c.add(3, func(n *stateNode) { n.join = true })
	if !three.r.AwaitsBase() {
		t.Fatal("it does not wait for a state")
	}
	three.write(500, 510) // its clients may write
	c.join()
	c.agree()
	eventually(t, "it waits no more", func() bool { return !three.r.AwaitsBase() }) // the last image counts a moment before
	three.stop()
	three.start()
	if three.r.AwaitsBase() {
		t.Fatal("it waits again after a restart")
	}
	one.write(600, 610)
	c.agree()
}

// A member that may not go on itself, as with an old disk, gives no base.
func TestNoBaseFromOneThatMayNotGoOn(t *testing.T) {
	c, one, _ := together(t)
	one.log.Forbid(errLostLog)
	one.tap = func(at uint64, image []byte) []byte {
		t.Errorf("it gives an image at %#x", at)
		return image
	}
	c.add(3, func(n *stateNode) { n.join = true })
	c.join()
	c.agree()
}

// The stream is cut after every 40th image; the transfer goes on where it was.
func TestATransferThatIsCut(t *testing.T) {
	c, one, two := apart(t)
	captured, cuts := one.breakOff(two)
	two.start()
	c.agree()
	if n := captured.Load(); n > 3*int64(oplog.MaxRanges) {
		t.Errorf("%d captures: it began anew every time", n)
	}
	if cuts.Load() == 0 {
		t.Error("it was never cut")
	}
}

// The receiver is stopped and crashes in the middle, several times.
func TestATransferOverRestarts(t *testing.T) {
	c, one, two := apart(t)
	var last atomic.Uint64
	one.tap = func(at uint64, image []byte) []byte {
		last.Store(at)
		return image
	}
	one.stop()
	one.rate = 200 << 10
	one.start()
	for i := range 4 {
		at := last.Load()
		two.start()
		eventually(t, "the transfer gets on", func() bool { return last.Load() > at || two.r.Transfer().Percent == 100 })
		two.write(300+i, 301+i)
		two.stop()
		if i%2 == 0 {
			two.fs = two.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		}
	}
	one.stop()
	one.rate = 0
	one.start()
	two.start()
	c.agree()
}

func TestMarks(t *testing.T) {
	m := mark{source: 3, base: true, done: true, at: 5 << 32, bytes: 77, keys: 8,
		ends: []oplog.Tip{{Replica: 1, Time: 5, Hash: 6}, {Replica: 9, Time: 7, Hash: 8}}}
	b := m.encode()
	got, err := decodeMark(b)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(m) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := 1; i < len(b); i++ {
		if _, err := decodeMark(b[:i]); err == nil {
			t.Fatalf("cut at %d", i)
		}
	}
}

func TestGateJumps(t *testing.T) {
	g := newGate(1, nil, 4)
	g.own = func() crdt.Timestamp { return 0 }
	g.tooFar = func(crdt.Timestamp) bool { return false }
	g.Learn(crdt.VersionVector{{Replica: 2, Time: 50}})
	if dropped := g.Jump(crdt.VersionVector{{Replica: 1, Time: 9}, {Replica: 2, Time: 40}}); len(dropped) != 0 {
		t.Fatal(dropped)
	}
	if g.Tail(2) != 40 || g.applied.Get(2) != 40 || g.applied.Get(1) != 0 || !g.Busy() {
		t.Fatal(g.applied, g.Tail(2))
	}
	g.Jump(crdt.VersionVector{{Replica: 2, Time: 30}})
	if g.Tail(2) != 40 {
		t.Fatal("it went back")
	}
}

// A jump may end inside of a held block: what follows that one does not continue
// the log any more either, and is not held behind a gap.
func TestGateJumpsIntoABlock(t *testing.T) {
	var blocks []*oplog.Block // of 1, after one of 2
	for _, b := range makeHistory(t, 2, "w2", "21", "w1", "w1", "w1").blocks {
		if b.Replica == 1 {
			blocks = append(blocks, b)
		}
	}
	g := testGate(3, nil)
	for _, b := range blocks {
		if err := g.Step(held{Block: b}); err != nil {
			t.Fatal(err)
		}
	}
	if rd := g.Ready(); len(rd.blocks) != 0 {
		t.Fatal("they are not held")
	}
	to := blocks[1].Last - 1
	if dropped := g.Jump(crdt.VersionVector{{Replica: 1, Time: to}}); len(dropped) != len(blocks) {
		t.Errorf("%d of %d were dropped", len(dropped), len(blocks))
	}
	if q := g.queue(1); q.len() != 0 || q.bytes != 0 || q.tail != to || q.known != blocks[2].Last {
		t.Errorf("%d are held, up to %v of %v", q.len(), q.tail, q.known)
	}
}
