package crdt

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"testing"
)

// dumpZSet copies the members in the order of the index into v, and panics if
// the index and the cells disagree.
func dumpZSet(z *ZSet, v *view) {
	last, n := math.Inf(-1), 0
	z.Range(0, z.Len(), false, func(m []byte, s float64) bool {
		score, ok := z.Score(m)
		if rank, _ := z.Rank(m); !ok || score != s || s < last || rank != n {
			panic(fmt.Sprintf("index has %q at %v, rank %d; the cell says %v %v, rank %d", m, s, n, score, ok, rank))
		}
		last, n = s, n+1
		v.zset[string(m)] = strconv.FormatFloat(s, 'f', -1, 64)
		return true
	})
	live := z.cells.Len() - int(z.residue)
	if n != z.Len() || n != live {
		panic(fmt.Sprintf("index has %d of %d members", n, live))
	}
}

func prepareZSet(n *node, z *ZSet, op *Op, a action) (count int, err error) {
	switch f, _ := strconv.ParseFloat(a.text, 64); a.verb {
	case vZadd:
		op.Kind = KindZSetAdd
		var done Names
		for _, m := range a.names {
			if !done.again([]byte(m)) {
				z.PrepareAdd(op, []byte(m), f)
			}
		}
		return 1, nil
	case vZrem:
		op.Kind = KindZSetRemove
		return z.PrepareRemove(op, list(a.names)), nil
	default:
		op.Kind = KindZSetIncr
		_, err = z.PrepareIncr(op, n.id, []byte(a.names[0]), f)
		return 1, err
	}
}

// TestSingleWriterAddsLikeDoubles: whatever doubles one replica adds, each sum
// is that of the processor.
func TestSingleWriterAddsLikeDoubles(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	odd := []float64{0.1, 0.2, 1e-300, 5e-324, 1e300, -1e300, 1e16, 1, -1, 3.3, 1e-5, math.Pi, 1 << 53, 9e18, -9e18}
	for range 300 {
		w, o := &writer{id: 1}, &Object{}
		want, there := 0.0, false
		for range 30 {
			f := odd[rnd.IntN(len(odd))]
			if rnd.IntN(4) == 0 {
				f = math.Float64frombits(rnd.Uint64())
				if math.IsNaN(f) || math.IsInf(f, 0) {
					continue
				}
			}
			if rnd.IntN(8) == 0 {
				w.change(o, KindZSetAdd, TypeZSet, func(op *Op) { o.ZSet().PrepareAdd(op, []byte("m"), f) })
				want, there = f, true
				continue
			}
			if !there {
				want, there = f, true
			} else {
				want += f
			}
			var got float64
			w.change(o, KindZSetIncr, TypeZSet, func(op *Op) { got, _ = o.ZSet().PrepareIncr(op, 1, []byte("m"), f) })
			if shown, _ := o.ZSet().Score([]byte("m")); got != want || shown != want {
				t.Fatalf("adding %v: %v, shown %v, doubles give %v", f, got, shown, want)
			}
		}
	}
}

// TestIncrementsAddInAnyOrder: the sum of concurrent increments does not depend
// on who applies what first.
func TestIncrementsAddInAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		var ops [][]byte
		var dots []Dot
		for id := range ReplicaID(4) {
			w, o := &writer{id: id + 1}, &Object{}
			f := math.Float64frombits(rnd.Uint64())
			if math.IsNaN(f) || math.IsInf(f, 0) {
				continue
			}
			b, d := w.change(o, KindZSetIncr, TypeZSet, func(op *Op) { o.ZSet().PrepareIncr(op, w.id, []byte("m"), f) })
			ops, dots = append(ops, b), append(dots, d)
		}
		want, digest := 0.0, uint64(0)
		for round := range 6 {
			o := &Object{}
			for _, i := range rnd.Perm(len(ops)) {
				applyBytes(o, ops[i], dots[i])
			}
			got, _ := o.ZSet().Score([]byte("m"))
			if round == 0 {
				want, digest = got, o.Digest()
			}
			if got != want || o.Digest() != digest {
				t.Fatalf("%v and %v", got, want)
			}
		}
	}
}

// TestIndexAgainstSortedSlice compares the index with the obvious.
// checkBelow checks Z4 of what is below a node.
func checkBelow(t *testing.T, l *znode) {
	t.Helper()
	below := 0
	for _, k := range l.kids {
		checkBelow(t, k)
		below += k.bytes()
	}
	if below != l.below {
		t.Fatalf("%d bytes below a node, counted %d", below, l.below)
	}
}

func TestIndexAgainstSortedSlice(t *testing.T) { // Z1, Z2, Z3, Z4
	type entry struct {
		score float64
		name  []byte
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	for round := range 6 {
		var x zindex
		var all []entry
		find := func(e entry) int {
			return sort.Search(len(all), func(i int) bool { return !zless(all[i].score, all[i].name, e.score, e.name) })
		}
		for step := range 6000 {
			e := entry{float64(rnd.IntN(50)), fmt.Appendf(nil, "%0*d", 1+round*round*20, rnd.IntN(3000))}
			i := find(e)
			has := i < len(all) && all[i].score == e.score && bytes.Equal(all[i].name, e.name)
			switch {
			case !has && (step < 4000 || rnd.IntN(4) == 0):
				x.insert(e.score, e.name)
				all = append(all, entry{})
				copy(all[i+1:], all[i:])
				all[i] = e
			case has || len(all) > 0:
				i = min(i, len(all)-1)
				x.delete(all[i].score, all[i].name)
				all = append(all[:i], all[i+1:]...)
			}
			if x.len() != len(all) || x.rank(e.score, e.name) != find(e) {
				t.Fatalf("len %d of %d, rank %d of %d", x.len(), len(all), x.rank(e.score, e.name), find(e))
			}
			if step%50 > 0 {
				continue
			}
			if x.root != nil {
				checkBelow(t, x.root)
			}
			from, to := rnd.IntN(len(all)+1), rnd.IntN(len(all)+1)
			for _, backwards := range []bool{false, true} {
				j, n := from, 0
				if backwards {
					j = to - 1
				}
				x.walk(from, to, backwards, func(name []byte, score float64) bool {
					if score != all[j].score || !bytes.Equal(name, all[j].name) {
						t.Fatalf("at %d", j)
					}
					if n++; backwards {
						j--
					} else {
						j++
					}
					return true
				})
				if n != max(0, to-from) {
					t.Fatalf("walk of %d to %d: %d", from, to, n)
				}
			}
		}
	}
}

// TestCutNamesWhatRemoveNames: taking members out by rank is the removal of
// these members, whatever their cells hold, and of all of them the key's delete.
func TestCutNamesWhatRemoveNames(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	w, o := &writer{id: 1}, &Object{}
	for i := range 400 {
		name := []byte("member:" + strconv.Itoa(i%300))
		w.change(o, KindZSetAdd, TypeZSet, func(op *Op) { o.ZSet().PrepareAdd(op, name, float64(rnd.IntN(50))) })
		if i%3 == 0 {
			w.change(o, KindZSetIncr, TypeZSet, func(op *Op) { o.ZSet().PrepareIncr(op, 1, name, 1.5) })
		}
	}
	prepared := func(fn func(z *ZSet, op *Op)) []byte {
		var op Op
		op.Reset(KindZSetRemove, 0, []byte("k"))
		if err := o.PrepareChange(&op, TypeZSet); err != nil {
			t.Fatal(err)
		}
		fn(o.ZSet(), &op)
		return AppendOp(nil, &op)
	}
	for left := o.ZSet().Len(); left > 0; left = o.ZSet().Len() {
		from := rnd.IntN(left)
		to := min(left, from+1+rnd.IntN(40))
		if left < 20 {
			from, to = 0, left
		}
		var names [][]byte
		o.ZSet().Range(from, to, false, func(m []byte, _ float64) bool {
			names = append(names, append([]byte(nil), m...))
			return true
		})
		removed := prepared(func(z *ZSet, op *Op) { z.PrepareRemove(op, names) })
		if cut := prepared(func(z *ZSet, op *Op) { z.PrepareCut(op, from, to, false, nil) }); !bytes.Equal(cut, removed) {
			t.Fatalf("from %d to %d of %d: cut %x, removal %x", from, to, left, cut, removed)
		}
		backwards := rnd.IntN(2) == 0
		var told [][]byte
		w.change(o, KindZSetRemove, TypeZSet, func(op *Op) {
			o.ZSet().PrepareCut(op, from, to, backwards, func(m []byte, _ float64) { told = append(told, append([]byte(nil), m...)) })
		})
		if backwards {
			slices.Reverse(told)
		}
		if !slices.EqualFunc(told, names, bytes.Equal) {
			t.Fatalf("from %d to %d of %d: told of %q, want %q", from, to, left, told, names)
		}
		dumpZSet(o.ZSet(), &view{zset: map[string]string{}})
		if got := o.ZSet().Len(); got != left-(to-from) {
			t.Fatalf("from %d to %d of %d: %d left", from, to, left, got)
		}
	}
}
