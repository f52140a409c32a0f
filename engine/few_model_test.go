package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// A key in a flat record and one in an object must not be told apart. So the same
// happens to two worlds of three instances each: random commands, blocks and states
// that come from others, checkpoints that fail or are cut short, crashes, deadlines.
// In one world every collection is an object, in the other the small ones are
// records. Replies, what observers hear, and all that is kept must be equal
// throughout.

// fewWorld is one of the two.
type fewWorld struct {
	t      *testing.T
	nodes  []*node
	few    []int    // values of Sizes.FewBytes, of which a node gets another one when it begins anew
	events []string // what was replied and observed since they were compared
}

func newFewWorld(t *testing.T, few ...int) *fewWorld {
	w := &fewWorld{t: t, few: few}
	sizes := testSizes
	sizes.FewBytes = few[0]
	for id := range crdt.ReplicaID(3) {
		n := &node{t: t, fs: vfs.NewCrashableMem(), id: id + 1, wall: clockAt(1_700_000_000_000 + 40*int64(id)), idle: true, sizes: sizes}
		n.open()
		w.nodes = append(w.nodes, n)
		w.observe(n)
		t.Cleanup(n.close)
	}
	for _, n := range w.nodes {
		n.all = w.nodes
	}
	return w
}

func (w *fewWorld) note(format string, args ...any) {
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *fewWorld) observe(n *node) {
	n.eng.Observe(func(c Change) {
		kind := crdt.Kind(0)
		if c.Op != nil {
			kind = c.Op.Kind
		}
		w.note("%d: %d %s created %v gone %v faded %v push %d merged %v kind %d", n.id, c.DB, c.Key, c.Created, c.Gone, c.Faded, c.Push, c.Merged, kind)
	})
	n.eng.OnClash(func(c *Clash) { w.note("%d: clash %v of %s in %d by %v", n.id, c.Conflict, c.Key, c.DB, c.By) })
}

// reopen begins n anew with what is on its disk.
func (w *fewWorld) reopen(n *node, rnd *rand.Rand) {
	fs := n.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	n.close()
	n.fs = fs
	n.wall.Add(300) // past what the log's clock may be ahead now, which is not the same in both worlds
	n.sizes.FewBytes = w.few[rnd.IntN(1<<20)%len(w.few)]
	n.open()
	w.observe(n)
}

// step does one thing that rnd chooses.
func (w *fewWorld) step(rnd *rand.Rand) {
	i := rnd.IntN(3)
	n, o := w.nodes[i], w.nodes[(i+1+rnd.IntN(2))%3]
	n.wall.Store(max(n.wall.Load(), o.wall.Load())) // what comes from o is not of the future
	switch rnd.IntN(40) {
	case 0, 1, 2, 3:
		n.pull(o)
	case 4:
		if err := n.eng.Checkpoint(); err != nil {
			w.t.Fatal(err)
		}
	case 5:
		w.reopen(n, rnd)
	case 6:
		saveSome(n, rnd, true)
	case 7:
		saveSome(n, rnd, false)
		w.reopen(n, rnd)
	case 8:
		copyState(w.t, o, n)
	case 9:
		for i := range n.eng.parts {
			n.eng.NewTx().expirePartition(i)
		}
	case 10:
		n.eng.forgetResidues(n.eng.NewTx())
	default:
		var watcher Watcher
		n.do(func(tx *Tx) { tx.Watch(&watcher, near(fmt.Sprint("k", rnd.IntN(9)))) })
		for range 1 + rnd.IntN(6) {
			now := n.wall.Add(int64(rnd.IntN(60)))
			n.do(func(tx *Tx) { w.command(tx, rnd, now) })
		}
		w.note("watched: %v", watcher.Dirty())
		n.eng.Unwatch(&watcher)
	}
	for _, n := range w.nodes { // blocks end at the same place in both worlds
		if err := n.log.Sync(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// saveSome makes a checkpoint of some ranges only: it fails there, or a crash comes.
func saveSome(n *node, rnd *rand.Rand, fails bool) {
	_, release := n.eng.HoldForgotten()
	defer release()
	if err := n.eng.saveForgotten(); err != nil {
		n.t.Fatal(err)
	}
	s := &saver{e: n.eng, c: n.log.NewCheckpoint()}
	for r := range 1 + rnd.IntN(partitions*rangesPerPart) {
		s.ahead(r)
		s.save(r)
	}
	if !fails {
		if err := s.c.Commit(); err != nil {
			n.t.Fatal(err)
		}
		return
	}
	s.c.Abort()
	if err := n.eng.checkpointFailed(s, errors.New("the disk is full")); err == nil {
		n.t.Fatal("no error")
	}
}

// command does one random command, which may make a small collection of a large one
// and the other way round, and notes what it replies.
func (w *fewWorld) command(tx *Tx, rnd *rand.Rand, now int64) {
	key := func() []byte { return near(fmt.Sprint("k", rnd.IntN(9))) }
	list := func(prefix string, most int) (all [][]byte) {
		for range 1 + rnd.IntN(most) {
			all = append(all, fmt.Appendf(nil, "%s%d%.*s", prefix, rnd.IntN(40), rnd.IntN(2)*rnd.IntN(40), aLongName))
		}
		return all
	}
	many := []int{3, 3, 3, 12, 30}[rnd.IntN(5)]
	tx.Select(rnd.IntN(2))
	k := key()
	var got []any
	reply := func(args ...any) { got = args }
	switch c := rnd.IntN(30); c {
	case 0, 1, 2:
		n, err := tx.SetAdd(k, list("m", many))
		reply(n, err)
	case 3, 4:
		n, err := tx.SetRemove(k, list("m", 2*many))
		reply(n, err)
	case 5, 6:
		pairs := list("f", many)
		for i := len(pairs); i > 0; i-- {
			pairs = slices.Insert(pairs, i, list("v", 1)[0])
		}
		n, err := tx.HashSet(k, pairs)
		reply(n, err)
	case 7, 8:
		n, err := tx.HashDelete(k, list("f", 2*many))
		reply(n, err)
	case 9, 10:
		members := list("m", many)
		scores := make([]float64, len(members))
		for i := range scores {
			scores[i] = float64(rnd.IntN(9)) / 2
		}
		a, b, err := tx.ZSetAdd(k, members, scores, ScoreRule{GT: rnd.IntN(3) == 0})
		reply(a, b, err)
	case 11:
		n, err := tx.ZSetRemove(k, list("m", 2*many))
		reply(n, err)
	case 12:
		n, _ := tx.ZSetLen(k)
		from := rnd.IntN(n + 1)
		var cut []string
		removed, err := tx.ZSetCut(k, from, from+rnd.IntN(5), rnd.IntN(2) == 0, func(m []byte, f float64) { cut = append(cut, fmt.Sprint(string(m), f)) })
		reply(removed, err, cut)
	case 13, 14, 15:
		n, err := tx.ListPush(k, rnd.IntN(2) == 0, list("v", many))
		reply(n, err)
	case 16, 17, 18:
		randomListOp(tx, rnd, k, key(), []byte("v1"))
	case 19, 20, 21, 22, 23:
		reply(anyCommand(tx, rnd, now, k, key(), list("f", 9))...)
	case 24:
		a, err := tx.HashIncr(k, list("f", 1)[0], 7)
		b, ok, err2 := tx.ZSetIncr(key(), list("m", 1)[0], 0.5, ScoreRule{})
		reply(a, err, b, ok, err2)
	default:
		randomOp(tx, rnd, now)
	}
	w.note("%s: %v", k, got)
}

// anyCommand does a random command that is for keys of all types, or for the fields of a
// hash, and returns what it replies.
func anyCommand(tx *Tx, rnd *rand.Rand, now int64, k, other []byte, fields [][]byte) []any {
	at := now + int64(rnd.IntN(3000)) - 100
	switch rnd.IntN(6) {
	case 0:
		return []any{tx.Delete(k)}
	case 1:
		return []any{tx.SetDeadline(k, at)}
	case 2:
		return []any{tx.Persist(k)}
	case 3:
		return []any{tx.Rename(k, other), copyElsewhere(tx, other, k, rnd.IntN(2))}
	case 4:
		x, err := tx.HashExpire(k, fields, at, func(int64) bool { return true })
		return []any{x, err}
	}
	x, err := tx.HashPersist(k, fields)
	return []any{x, err}
}

const aLongName = "........................................"

// reads is what a node replies about its keys.
func (n *node) reads() (out []string) {
	n.do(func(tx *Tx) {
		for i := range 18 {
			tx.Select(i / 9)
			k := near(fmt.Sprint("k", i%9))
			at, there := tx.Deadline(k)
			enc, _ := tx.Encoding(k, &EncodingLimits{20, 20, 20, 9, 9})
			a, errA := tx.SetLen(k)
			b, errB := tx.HashLen(k)
			c, errC := tx.ZSetLen(k)
			d, errD := tx.ListLen(k)
			out = append(out, fmt.Sprint(string(k), tx.Type(k), at, there, enc, a, errA, b, errB, c, errC, d, errD))
			tx.Explain(k, nil, func(x *crdt.Explanation) { out = append(out, fmt.Sprint(x.Types, x.Deadlines, x.Context)) })
			for j := range 40 {
				m, f := fmt.Appendf(nil, "m%d", j), fmt.Appendf(nil, "f%d", j)
				has, _ := tx.SetHas(k, m)
				v, ok, _ := tx.HashGet(k, f)
				score, scored, _ := tx.ZSetScore(k, m)
				rank, _, ranked, _ := tx.ZSetRank(k, m)
				tx.Explain(k, m, func(x *crdt.Explanation) { out = append(out, fmt.Sprint(string(m), x.Type, x.Dots, x.Deadlines)) })
				x, in, _ := tx.ListIndex(k, int64(j))
				out = append(out, fmt.Sprintf("%s %d %v %q %v %v %v %d %v %q %v", k, j, has, v, ok, score, scored, rank, ranked, x, in))
			}
			out = append(append(out, scans(tx, k)...), draws(tx, k)...)
		}
	})
	return out
}

// scans walks a key a few elements at a time.
func scans(tx *Tx, k []byte) (out []string) {
	note := func(parts ...any) { out = append(out, fmt.Sprintf("%s scans %s", k, parts)) }
	for c, more := uint64(0), true; more; more = c != 0 {
		c, _ = tx.SetScan(k, c, 3, func(m []byte) { note(m) })
	}
	for c, more := uint64(0), true; more; more = c != 0 {
		c, _ = tx.HashScan(k, c, 3, func(f, v []byte) { note(f, v) })
	}
	for c, more := uint64(0), true; more; more = c != 0 {
		c, _ = tx.ZSetScan(k, c, 3, func(m []byte, f float64) { note(m, fmt.Sprint(f)) })
	}
	slices.Sort(out) // in no order that means anything
	return out
}

// draws asks for random elements so often that all come, unless chance is not fair.
func draws(tx *Tx, k []byte) (out []string) {
	drawn := map[string]int{}
	size := 1
	for i := 0; i < 30*size; i++ {
		if m, ok, _ := tx.SetRandom(k); ok {
			size, _ = tx.SetLen(k)
			drawn[string(m)]++
		}
		if f, v, ok, _ := tx.HashRandom(k); ok {
			size, _ = tx.HashLen(k)
			drawn[fmt.Sprintf("%q %q", f, v)]++
		}
		if m, score, ok, _ := tx.ZSetRandom(k); ok {
			size, _ = tx.ZSetLen(k)
			drawn[fmt.Sprintf("%q %v", m, score)]++
		}
	}
	for name, times := range drawn {
		if times > 90 {
			name += " too often"
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// kept is all that a node keeps, and checks what it counts of that.
func (n *node) kept() (out []string, flat int) {
	n.t.Helper()
	for i := range n.eng.parts {
		p := &n.eng.parts[i]
		size := int64(0)
		for db, ks := range p.dbs {
			if ks == nil {
				continue
			}
			var sum keyspace
			objects := 0
			ks.keys.Each(func(key, rec []byte) bool {
				sum.tally(rec[4], 1)
				x := entry{p: p, db: db, key: key, rec: rec}
				if o := x.load(); x.heap != nil {
					objects++
					size += int64(o.Bytes())
				} else if o.Kept() > 0 {
					flat++
				}
				at, owner := x.obj.DeadlineAt()
				out = append(out, fmt.Sprint(i, db, string(key), x.obj.Sum(), x.obj.Context(), at, owner, rec[4]&^(recHeap|recDirty)))
				return true
			})
			if sum.hidden != ks.hidden || sum.dated != ks.dated || sum.counted != ks.counted || sum.spent != ks.spent || objects != len(ks.objects)-len(ks.free) {
				n.t.Fatalf("partition %d, database %d: %d hidden, %d dated, %d counted, %d spent, %d objects; it counts %d, %d, %d, %d, %d", i, db,
					sum.hidden, sum.dated, sum.counted, sum.spent, objects, ks.hidden, ks.dated, ks.counted, ks.spent, len(ks.objects)-len(ks.free))
			}
		}
		if size != p.heapBytes {
			n.t.Fatalf("partition %d: objects of %d bytes count as %d", i, size, p.heapBytes)
		}
	}
	return out, flat
}

func TestFewAreAsObjects(t *testing.T) {
	mixed := 0
	for seed := range seeds(24) {
		worlds := []*fewWorld{newFewWorld(t, 1), newFewWorld(t, []int{1024, 300, 90}[seed%3], 1024, 90, 1)}
		rnd := rand.New(rand.NewPCG(seed, 61))
		for step := range 150 {
			for s, w := rnd.Uint64(), 0; w < 2; w++ {
				worlds[w].step(rand.New(rand.NewPCG(s, 0)))
			}
			what := fmt.Sprintf("seed %d step %d", seed, step)
			same(t, what, worlds[0].events, worlds[1].events)
			worlds[0].events, worlds[1].events = nil, nil
			for i, a := range worlds[0].nodes {
				b := worlds[1].nodes[i]
				keptA, flatA := a.kept()
				keptB, flatB := b.kept()
				same(t, fmt.Sprint(what, " keeps"), keptA, keptB)
				if mixed += flatB; flatA > 0 {
					t.Fatalf("%s: %d records of a few", what, flatA)
				}
				if step%25 == 24 {
					same(t, fmt.Sprint(what, " reads"), a.reads(), b.reads())
					same(t, fmt.Sprint(what, " shows"), a.dump(), b.dump())
				}
			}
		}
		for _, w := range worlds {
			for _, n := range w.nodes {
				n.wall.Store(1_700_001_000_000)
			}
			syncAll(w.nodes)
		}
		same(t, fmt.Sprintf("seed %d, a copy", seed), worlds[0].nodes[0].frozen(), worlds[1].nodes[0].frozen())
		for i := range 3 {
			same(t, fmt.Sprintf("seed %d, at the end", seed), liveDigests(worlds[0].nodes[0]), liveDigests(worlds[1].nodes[i]))
		}
	}
	if mixed == 0 {
		t.Error("no records of a few")
	}
}

// frozen is what a copy of the disk shows, if the disk has no image that waits for others.
func (n *node) frozen() (out []string) {
	n.t.Helper()
	src, err := copySnapshot(n.log)
	if err != nil {
		return []string{err.Error()}
	}
	f := Frozen{Source: src, Seed: 42, Now: n.wall.Load()}
	err = f.Each(func(tx *Tx, key []byte, _ float64) error {
		out = append(out, fmt.Sprint(tx.DB(), string(key), show(tx, key)))
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// liveDigests are the live states of a node.
func liveDigests(n *node) (out []string) {
	n.do(func(tx *Tx) {
		for db := range Databases {
			tx.Select(db)
			tx.EachDigest(func(key []byte, d uint64) { out = append(out, fmt.Sprint(db, string(key), d)) })
		}
	})
	return out
}

// TestCopiesHoldRecords: what is read of a copy of the disk takes no more memory than
// where it comes from.
func TestCopiesHoldRecords(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	key := near("k")
	n.do(func(tx *Tx) { tx.SetAdd(key, [][]byte{[]byte("a"), []byte("b")}) })
	if err := n.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	src := must(copySnapshot(n.log))
	objects := func(e *Engine) int { return len(e.parts[partOf(e.hash(key))].dbs[0].objects) }
	f := Frozen{Source: src, Seed: 42}
	err := f.Each(func(tx *Tx, _ []byte, _ float64) error {
		if objects(tx.e) > 0 {
			t.Error("an object in what is frozen")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSeed(src, src.vector, 42)
	if _, offer, err := s.OfferAt(0); err != nil || len(offer) != sumBytes {
		t.Fatal(len(offer), err)
	}
	if objects(s.e) > 0 {
		t.Error("an object in a seed")
	}
}
