package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/crdt/dict"
	"crdb/oplog"
)

// node is an engine over a log in memory, with a clock that tests turn.
type node struct {
	largeOp int   // see oplog.Options
	sizes   Sizes // testSizes, if none are given
	t       *testing.T
	fs      vfs.FS
	id      crdt.ReplicaID
	wall    *atomic.Int64
	log     *oplog.Log
	eng     *Engine
	all     []*node                   // the members, nil: alone
	idle    bool                      // no goroutine of the engine wakes up by itself
	held    atomic.Pointer[oplog.Log] // log, for the others' engines
}

// stable is what all members hold durably.
func (n *node) stable() crdt.VersionVector {
	v := n.held.Load().Durable()
	for _, o := range n.all {
		v = meet(v, o.held.Load().Durable())
	}
	return v
}

// seeds is how many random runs to make: fewer with -short.
func seeds(n uint64) uint64 {
	if testing.Short() {
		return max(n/10, 2) // with the race detector each takes a second
	}
	return n
}

// clockAt is a wall clock that tests turn.
func clockAt(ms int64) *atomic.Int64 {
	var c atomic.Int64
	c.Store(ms)
	return &c
}

// testSizes are so small that a few keys, elements and bytes are large. As in what
// a node uses, a piece holds the siblings of several regions that are not large
// enough to be saved apart: two of just under ApartBytes stand in one record.
var testSizes = Sizes{MergeKeys: 1, DraftFrom: 3, BuildFrom: 60, ApartBytes: 2 << 10, PieceBytes: 5 << 10, FewBytes: 90}

func newNode(t *testing.T, id crdt.ReplicaID, wall *atomic.Int64) *node {
	n := &node{t: t, fs: vfs.NewMem(), id: id, wall: wall}
	n.open()
	t.Cleanup(n.close)
	return n
}

func (n *node) open() {
	n.t.Helper()
	var err error
	n.log, err = oplog.Open(oplog.Options{FS: n.fs, Dir: "db", Wall: n.wall.Load, DiskReserve: -1, LargeOp: n.largeOp,
		Identity: oplog.Identity{Database: "guid", Region: fmt.Sprint("r", n.id), Replica: n.id}})
	if err != nil {
		n.t.Fatal(err)
	}
	n.held.Store(n.log)
	rnd := rand.New(rand.NewPCG(1, uint64(n.id)))
	if n.sizes == (Sizes{}) {
		n.sizes = testSizes
	}
	opts := Options{Log: n.log, Seed: 42, Replica: n.id, Wall: n.wall.Load, Rand: rnd.Uint64, Stable: n.stable, Sizes: n.sizes}
	if n.idle {
		opts.After = func(time.Duration) <-chan time.Time { return nil }
	}
	n.eng, err = Open(opts)
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) close() {
	n.eng.Close()
	if err := n.log.Close(); err != nil {
		n.t.Error(err)
	}
}

// do runs fn with all keys locked.
func (n *node) do(fn func(tx *Tx)) {
	tx := n.eng.NewTx()
	tx.LockAll(n.wall.Load())
	fn(tx)
	tx.Unlock()
}

// pull delivers to n what it lacks of o's own log.
func (n *node) pull(o *node) {
	n.t.Helper()
	if err := o.log.Sync(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	for {
		blocks, err := o.log.Read(o.id, n.log.Received().Get(o.id), 1)
		if err != nil {
			n.t.Fatal(err)
		}
		if len(blocks) == 0 || !n.log.Received().Descends(without(blocks[0].Deps, n.id)) {
			return
		}
		b := blocks[0]
		if err := n.eng.Check(b); err != nil {
			n.t.Fatal(err)
		}
		if err := n.log.Receive(b); err != nil {
			n.t.Fatal(err)
		}
		if err := n.eng.Apply(b); err != nil {
			n.t.Fatal(err)
		}
	}
}

// without is the part of v that is not about replica r.
func without(v crdt.VersionVector, r crdt.ReplicaID) (out crdt.VersionVector) {
	for _, x := range v {
		if x.Replica != r {
			out.Set(x.Replica, x.Time)
		}
	}
	return out
}

// dump lists everything the node shows.
func (n *node) dump() (out []string) {
	n.do(func(tx *Tx) {
		for db := range Databases {
			tx.Select(db)
			for c := uint64(0); ; {
				var keys []string
				c = tx.Scan(c, 100, func(k []byte, _ Type) { keys = append(keys, string(k)) })
				for _, k := range keys {
					out = append(out, fmt.Sprintf("%d %s %s", db, k, show(tx, []byte(k))))
				}
				if c == 0 {
					break
				}
			}
		}
	})
	sort.Strings(out)
	return out
}

func show(tx *Tx, k []byte) string {
	at, _ := tx.Deadline(k)
	var elems []string
	switch tx.Type(k) {
	case TypeString:
		v, _, _ := tx.Get(k)
		elems = append(elems, string(v))
	case TypeSet:
		tx.SetEach(k, func(m []byte) bool { elems = append(elems, string(m)); return true })
	case TypeHash:
		tx.HashEach(k, func(f, v []byte) bool { elems = append(elems, string(f)+"="+string(v)); return true })
		for i, e := range elems {
			f, _, _ := strings.Cut(e, "=")
			if at, _, _ := tx.HashDeadline(k, []byte(f)); at != 0 {
				elems[i] = fmt.Sprintf("%s until %d", e, at)
			}
		}
	case TypeStream:
		elems = streamParts(tx, k)
	case TypeList:
		tx.ListEach(k, 0, func(v []byte) bool { elems = append(elems, string(v)); return true })
	case TypeZSet:
		tx.ZSetRange(k, 0, 1<<30, false, func(m []byte, score float64) bool {
			elems = append(elems, fmt.Sprint(string(m), "=", score))
			return true
		})
	}
	if tx.Type(k) != TypeList {
		sort.Strings(elems)
	}
	return fmt.Sprint(tx.Type(k), " ", elems, " ", at)
}

func same(t *testing.T, what string, a, b []string) {
	t.Helper()
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Fatalf("%s:\n%v\n%v", what, a, b)
	}
}

// randomOp does one random write.
func randomOp(tx *Tx, rnd *rand.Rand, now int64) {
	pick := func(prefix string, n int) []byte { return fmt.Appendf(nil, "%s%d", prefix, rnd.IntN(n)) }
	pickKey := func(prefix string, n int) []byte {
		i := rnd.IntN(n)
		if name := fmt.Sprint(prefix, i); i%3 != 0 {
			return near(name)
		}
		return fmt.Append(nil, prefix, i)
	}
	key, val := pickKey("k", 12), pick("", 100)
	tx.Select(rnd.IntN(2))
	switch rnd.IntN(40) {
	case 0, 1, 2:
		tx.Put(key, val, Expiry{})
	case 3:
		tx.Put(key, val, Expiry{Keep: true})
	case 4:
		tx.Put(key, val, Expiry{At: now + int64(rnd.IntN(4000)) + 1})
	case 5, 6, 7:
		tx.Incr(key, int64(rnd.IntN(100)))
	case 8:
		tx.IncrFloat(key, []byte("1.5"))
	case 9, 10:
		tx.SetAdd(key, [][]byte{pick("m", 5), pick("m", 5)})
	case 11:
		tx.SetRemove(key, [][]byte{pick("m", 5), pick("m", 5)})
	case 12, 13:
		tx.HashSet(key, [][]byte{pick("f", 5), val, pick("f", 5), val})
	case 14:
		tx.HashDelete(key, [][]byte{pick("f", 5)})
	case 15:
		tx.HashIncr(key, pick("f", 5), 3)
	case 16:
		tx.Delete(key)
	case 17:
		tx.SetDeadline(key, now+int64(rnd.IntN(4000))-200)
	case 18:
		tx.Rename(key, pickKey("k", 12))
	case 20:
		tx.ZSetAdd(key, [][]byte{pick("m", 5), pick("m", 5)}, []float64{1.5, float64(rnd.IntN(9))}, ScoreRule{})
	case 21:
		tx.ZSetIncr(key, pick("m", 5), 0.1, ScoreRule{})
	case 31, 32, 33, 34, 35:
		randomStreamOp(tx, rnd, pickKey("x", 3), pick("g", 2), val)
	case 23, 24, 25, 26, 27, 28, 29, 30:
		randomListOp(tx, rnd, pickKey("l", 3), pickKey("l", 3), val)
	case 36, 37, 38:
		tx.HashExpire(key, [][]byte{pick("f", 5), pick("f", 5)}, now+int64(rnd.IntN(4000))-200, func(int64) bool { return true })
	case 39:
		tx.HashPersist(key, [][]byte{pick("f", 5)})
	case 22:
		tx.ZSetRemove(key, [][]byte{pick("m", 5)})
	case 19:
		switch rnd.IntN(10) {
		case 0:
			tx.Flush()
		case 1:
			tx.Persist(key)
		case 2:
			copyElsewhere(tx, key, pickKey("k", 12), rnd.IntN(2))
		}
	}
}

// copyElsewhere is Copy, which no command asks for of a key to itself.
func copyElsewhere(tx *Tx, src, dst []byte, db int) bool {
	return (string(src) != string(dst) || db != tx.DB()) && tx.Copy(src, dst, db)
}

var nearKeys sync.Map // by name

// near makes a key of a name that lies, with the nodes' seed, in one of two
// ranges: images of few keys have several of them.
func near(name string) []byte {
	if key, ok := nearKeys.Load(name); ok {
		return key.([]byte)
	}
	for i := 0; ; i++ {
		key := fmt.Appendf(nil, "%s.%d", name, i)
		if r := dict.Hash(42, key) >> (64 - rangeBits); r == 3 || r == 700 {
			nearKeys.Store(name, key)
			return key
		}
	}
}

func randomListOp(tx *Tx, rnd *rand.Rand, key, other, val []byte) {
	size, _ := tx.ListLen(key)
	at := int64(rnd.IntN(size + 1))
	left := rnd.IntN(2) == 0
	switch rnd.IntN(12) {
	case 0, 1, 2:
		tx.ListPush(key, left, [][]byte{val, []byte("x"), val})
	case 10:
		tx.ListPush(key, left, slices.Repeat([][]byte{val, []byte("y")}, 8))
	case 11:
		tx.ListTrim(key, at/8, at/8+6) // rows at both ends
	case 3:
		tx.ListPop(key, left, 2, func([]byte) {})
	case 4:
		tx.ListSet(key, at, val)
	case 5:
		tx.ListInsert(key, left, []byte("x"), val)
	case 6:
		tx.ListRemove(key, 2, val)
	case 7:
		tx.ListTrim(key, at/4, -1)
	default:
		tx.ListMove(key, other, left, at%2 == 0)
	}
}

func TestRecoveryRestoresEverything(t *testing.T) {
	for seed := range seeds(20) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		wall := clockAt(1_700_000_000_000)
		n := newNode(t, 1, wall)
		for round := range 8 {
			for range 100 {
				n.do(func(tx *Tx) { randomOp(tx, rnd, wall.Load()) })
				wall.Add(int64(rnd.IntN(30)))
			}
			if rnd.IntN(2) == 0 {
				if err := n.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
			before := n.dump()
			n.close()
			n.open()
			if after := n.dump(); fmt.Sprint(before) != fmt.Sprint(after) {
				n.log.Replay(nil, func(b *oplog.Block) error {
					return b.Each(func(e oplog.Entry) error {
						var op crdt.Op
						crdt.DecodeOp(&op, e.Op)
						t.Logf("%v group %v: kind %d flags %x db %d key %s clear %v shares %v elems %v deadline %d total %v delta %v value %q", e.Dot, e.Group, op.Kind, op.Flags, op.DB, op.Key, op.Clear, op.Shares, op.Elems, op.Deadline, op.Total, op.Delta, op.Value)
						return nil
					})
				})
				same(t, fmt.Sprintf("seed %d round %d", seed, round), before, after)
			}
		}
	}
}

func TestReplicasConverge(t *testing.T) {
	for seed := range seeds(30) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var walls [3]atomic.Int64
		for i, skew := range []int64{0, 120, 50} {
			walls[i].Store(1_700_000_000_000 + skew)
		}
		var nodes [3]*node
		for i := range nodes {
			nodes[i] = newNode(t, crdt.ReplicaID(i+1), &walls[i])
		}
		for _, n := range nodes {
			n.close()
			n.all = nodes[:]
			n.open()
		}
		for range 40 {
			for i, n := range nodes {
				for range rnd.IntN(10) {
					n.do(func(tx *Tx) { randomOp(tx, rnd, walls[i].Load()) })
				}
				walls[i].Add(int64(rnd.IntN(50)))
			}
			if rnd.IntN(3) == 0 {
				syncAll(nodes[:])
			}
			if rnd.IntN(10) == 0 {
				i := rnd.IntN(3)
				nodes[i].close()
				nodes[i].open()
			}
			if rnd.IntN(10) == 0 {
				if err := nodes[rnd.IntN(3)].eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i := range walls { // let every deadline pass, so that hiding does not matter
			walls[i].Store(1_700_000_100_000)
		}
		syncAll(nodes[:])
		same(t, fmt.Sprintf("seed %d 1-2", seed), nodes[0].dump(), nodes[1].dump())
		same(t, fmt.Sprintf("seed %d 1-3", seed), nodes[0].dump(), nodes[2].dump())
	}
}

// syncAll delivers everything everywhere; round by round, so that what a block
// depends on comes first.
func syncAll(nodes []*node) {
	for range 4 * len(nodes) {
		for _, n := range nodes {
			for _, o := range nodes {
				if n != o {
					n.pull(o)
				}
			}
		}
	}
}
