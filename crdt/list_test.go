package crdt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func (w *writer) push(o *Object, left bool, values ...string) ([]byte, Dot) {
	return w.change(o, KindListPush, TypeList, func(op *Op) { o.List().PreparePush(op, w.id, left, list(values)) })
}

func (w *writer) linsert(o *Object, i int, value string) ([]byte, Dot) {
	return w.change(o, KindListPush, TypeList, func(op *Op) { o.List().PrepareInsert(op, w.id, i, []byte(value)) })
}

func (w *writer) lset(o *Object, i int, value string) ([]byte, Dot) {
	return w.change(o, KindListSet, TypeList, func(op *Op) { o.List().PrepareSet(op, i, []byte(value)) })
}

func (w *writer) lcut(o *Object, i, j int) ([]byte, Dot) {
	return w.change(o, KindListRemove, TypeList, func(op *Op) { o.List().PrepareRemove(op, i, j) })
}

func values(o *Object) (out []string) {
	o.List().Each(0, func(v []byte) bool { out = append(out, string(v)); return true })
	return out
}

// checkTree checks the tree of a list and what its readers say.
func checkTree(t *testing.T, l *List) {
	t.Helper()
	if l.root == nil {
		return
	}
	var walk func(n *listNode) int
	walk = func(n *listNode) (count int) {
		if n.kids == nil {
			var e listEntry
			for e.next(n.data) {
				count++
			}
			if n.tail.known {
				if x := n.lastPlace(); x.compare(e.place) != 0 || x.time != e.time {
					t.Fatal("wrong tail")
				}
			}
		}
		for _, k := range n.kids {
			count += walk(k)
		}
		if count != n.count || count == 0 {
			t.Fatalf("%d elements, counted %d", count, n.count)
		}
		return count
	}
	walk(l.root)
	var names []string
	l.each(func(name, _ []byte) { names = append(names, string(name)) })
	if !slices.IsSorted(names) || len(slices.Compact(names)) != l.Len() {
		t.Fatal("positions out of order")
	}
}

// TestListAgainstSlice: one writer's list is a slice.
func TestListAgainstSlice(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := &writer{id: 1}
		var o Object
		var want []string
		for step := range 1500 {
			if rnd.IntN(3) == 0 {
				w.id = 1 + ReplicaID(rnd.IntN(2)) // takes turns, both see everything
			}
			v := strings.Repeat("x", rnd.IntN(40)) + fmt.Sprint(step)
			if rnd.IntN(100) == 0 {
				v = strings.Repeat("large", 1000)
			}
			n := len(want)
			switch p := rnd.IntN(20); {
			case p < 5 || n == 0:
				w.push(&o, false, v, "second")
				want = append(want, v, "second")
			case p < 9:
				w.push(&o, true, v, "second")
				want = slices.Insert(want, 0, "second", v)
			case p < 14:
				i := 1 + rnd.IntN(n)
				w.linsert(&o, i, v)
				want = slices.Insert(want, i, v)
			case p < 16:
				i := rnd.IntN(n)
				w.lset(&o, i, v)
				want[i] = v
			case p < 19:
				i := rnd.IntN(n)
				w.lcut(&o, i, i+1)
				want = slices.Delete(want, i, i+1)
			default:
				i := rnd.IntN(n)
				j := i + 1 + rnd.IntN(min(n-i, 100))
				w.lcut(&o, i, j)
				want = slices.Delete(want, i, j)
			}
			if o.List().Len() != len(want) {
				t.Fatalf("seed %d step %d: length %d, want %d", seed, step, o.List().Len(), len(want))
			}
			if step%50 == 0 {
				checkTree(t, o.List())
				if got := values(&o); !slices.Equal(got, want) {
					t.Fatalf("seed %d step %d: %q\nwant %q", seed, step, got, want)
				}
			}
		}
		var back []string
		o.List().EachBack(len(want)-1, func(v []byte) bool { back = append(back, string(v)); return true })
		slices.Reverse(back)
		if !slices.Equal(back, want) {
			t.Fatalf("seed %d: backwards %q", seed, back)
		}
		for i := range want {
			if string(o.List().Index(i)) != want[i] {
				t.Fatalf("seed %d: index %d", seed, i)
			}
		}
	}
}

// TestConcurrentPushesDoNotMix: what one command, or one replica in a row,
// pushes stays together.
func TestConcurrentPushesDoNotMix(t *testing.T) {
	for _, left := range []bool{false, true} {
		a, b := &writer{id: 1, time: 10}, &writer{id: 2, time: 10}
		var x, y Object
		base, d := a.push(&x, left, "a")
		applyBytes(&y, base, d)
		var from [2][][]byte
		var dots [2][]Dot
		for i := range 3 {
			b1, d1 := a.push(&x, left, fmt.Sprint("a", i), fmt.Sprint("a", i, "'"))
			b2, d2 := b.push(&y, left, fmt.Sprint("b", i), fmt.Sprint("b", i, "'"))
			from[0], dots[0] = append(from[0], b1), append(dots[0], d1)
			from[1], dots[1] = append(from[1], b2), append(dots[1], d2)
		}
		for i := range 3 {
			applyBytes(&y, from[0][i], dots[0][i])
			applyBytes(&x, from[1][i], dots[1][i])
		}
		if x.Digest() != y.Digest() || !slices.Equal(values(&x), values(&y)) {
			t.Fatalf("%q %q", values(&x), values(&y))
		}
		got := strings.Join(values(&x), "")
		if strings.Count(got, "a")+strings.Count(got, "b") != 13 {
			t.Fatal(got)
		}
		changes := 0
		for i := 1; i < x.List().Len(); i++ {
			if x.List().Index(i)[0] != x.List().Index(i - 1)[0] {
				changes++
			}
		}
		if changes != 1 {
			t.Fatalf("mixed: %s", got)
		}
	}
}

// TestOrderedIntegers: byte order is number order, and each has one encoding.
func TestOrderedIntegers(t *testing.T) {
	nums := []int64{-1 << 63, -1 << 62, -65537, -65536, -257, -256, -65, -64, -63, -2, -1, 0, 1, 62, 63, 64, 255, 256, 65535, 1 << 40, 1<<63 - 1}
	var last []byte
	for _, v := range nums {
		b := appendOrdered(nil, v)
		if got, n := orderedAt(b); got != v || n != len(b) {
			t.Fatalf("%d reads as %d, %d of %d bytes", v, got, n, len(b))
		}
		if bytes.Compare(last, b) >= 0 {
			t.Fatalf("%d: %x after %x", v, b, last)
		}
		last = b
	}
}

// TestManyInserts: between any two neighbours there is room, and positions
// stay short unless somebody aims at it.
func TestManyInserts(t *testing.T) {
	w := &writer{id: 1}
	var o Object
	w.push(&o, false, "first", "last")
	for i := range 2000 {
		w.linsert(&o, 1+i%2, fmt.Sprint(i)) // always next to the newest
	}
	checkTree(t, o.List())
	for range 1000 {
		w.linsert(&o, o.List().Len()/2, "m")
	}
	checkTree(t, o.List())
}

func TestMillionElements(t *testing.T) {
	if testing.Short() {
		t.Skip("large")
	}
	w := &writer{id: 1, time: 1 << 40}
	var o Object
	value := []byte("element:0000000001")
	op := &Op{}
	const n = 200_000
	for i := range n {
		op.Reset(KindListPush, 0, nil)
		o.List().PreparePush(op, 1, i%2 == 0, [][]byte{value})
		w.time += 3
		o.Apply(op, Dot{w.time, 1})
	}
	per := float64(o.Bytes())/n - float64(len(value))
	t.Logf("%.1f bytes per element beside the value", per)
	if per > 8 {
		t.Errorf("%.1f bytes per element beside the value", per)
	}
	checkTree(t, o.List())
}
