package crdt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func (w *writer) push(o *Object, left bool, values ...string) ([]byte, Dot) {
	return w.change(o, KindListPush, TypeList, func(op *Op) { o.List().PreparePush(op, w.id, left, list(values)) })
}

// linsert inserts a value, making room first if it must.
func (w *writer) linsert(o *Object, i int, value string) ([]byte, Dot) {
	ok := true
	prepare := func(op *Op) { ok = o.List().PrepareInsert(op, w.id, i, []byte(value)) }
	op := &Op{}
	if prepare(op); !ok {
		w.lroom(o, i)
	}
	return w.change(o, KindListPush, TypeList, prepare)
}

func (w *writer) lroom(o *Object, i int) ([]byte, Dot) {
	return w.change(o, KindListMove, TypeList, func(op *Op) {
		if !o.List().PrepareRoom(op, i) {
			panic("no room")
		}
	})
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

// checkOffsets checks what a leaf says of where its entries begin.
func checkOffsets(t *testing.T, n *listNode) {
	t.Helper()
	var at []uint32
	for e := (listEntry{}); e.next(n.data); {
		at = append(at, uint32(e.start))
	}
	if !slices.Equal(*n.offs, at) {
		t.Fatalf("entries at %v, want %v", *n.offs, at)
	}
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
			if n.offs != nil {
				checkOffsets(t, n)
			}
			if k := len(n.front); k > 0 && &n.front[:k+1][k] != &n.data[0] {
				t.Fatal("the room in front of a leaf is elsewhere")
			}
			if n.tail.known {
				if x, _ := n.lastPlace(); x.compare(e.place) != 0 || x.time != e.time {
					t.Fatal("wrong tail")
				}
				if x := n.lastEntry(); !reflect.DeepEqual(x, e) {
					t.Fatalf("last entry %+v, want %+v", x, e)
				}
			}
		}
		below := 0
		for _, k := range n.kids {
			count += walk(k)
			below += k.bytes()
		}
		if below != n.below {
			t.Fatalf("%d bytes below a node, counted %d", below, n.below)
		}
		if count != n.count || count == 0 {
			t.Fatalf("%d elements, counted %d", count, n.count)
		}
		return count
	}
	walk(l.root)
	var names []string
	moved := 0
	l.each1(func(e *listEntry) {
		names = append(names, string(e.append(nil)))
		if e.home.run != nil {
			moved++
		}
		if i, x, ok := l.named(e.name()); !ok || x.compare(e.place) != 0 || i != len(names)-1 {
			t.Fatalf("element %d is not found by its name", len(names)-1)
		}
	})
	if moved != len(l.moved) {
		t.Fatalf("%d elements moved, %d noted", moved, len(l.moved))
	}
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

// TestListRules: what regions show, in order.
func TestListRules(t *testing.T) {
	for _, r := range []struct{ name, script, want string }{
		{"a push that has seen the other", "1 lpush a; sync; 2 lpush b", "b a"},
		{"LPUSH adds one after the other", "1 lpush a b c; sync; 2 rpush d e", "c b a d e"},
		{"pushes at once do not mix", "1 rpush x; sync; 1 rpush a b; 1 rpush c; 2 rpush p q; 2 rpush r", "x a b c p q r"},
		{"DEL leaves unseen elements", "1 lpush x; sync; 1 lpush y; 2 del", "y"},
		{"LREM takes what it saw", "1 rpush a b; sync; 1 lrem a; 2 rpush a", "b a"},
		{"LSET and LSET: newest", "1 rpush a b; sync; 1 lset a; 1 lset a; later; 2 lset a", "a'3 b"},
		{"LSET and LSET at once: lower replica", "1 rpush a; sync; 1 lset a; 1 lset a; 2 lset a", "a'2"},
		{"LSET and removal: the removal", "1 rpush a b; sync; 1 lrem a; later; 2 lset a", "b"},
		{"LSET after LSET", "1 rpush a; sync; 1 lset a; sync; 2 lset a", "a'2"},
		{"inserts at one place both stay", "1 rpush a b; sync; 1 linsert x; 2 linsert y", "a x y b"},
		{"an insert beside what was removed", "1 rpush a b; sync; 1 lrem a; 2 linsert y", "y b"},
		{"a position is free again", "1 rpush a b; sync; 1 lrem b; 1 rpush c; 2 lset b", "a c"},
	} {
		t.Run(r.name, func(t *testing.T) {
			s := newSim(3, 1)
			wall := Timestamp(100)
			for _, step := range strings.Split(r.script, "; ") {
				if err := play(s, &wall, step); err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
			if err := s.heal(); err != nil {
				t.Fatal(err)
			}
			for _, n := range s.nodes {
				if got := strings.Join(short(values(n.object(0))), " "); got != r.want {
					t.Errorf("replica %d shows %s, want %s", n.id, got, r.want)
				}
			}
		})
	}
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
