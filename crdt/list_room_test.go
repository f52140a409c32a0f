package crdt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// gap is a way to insert again and again into one gap of a list.
type gap struct {
	name string
	next func(k, last, n int) int // the index of insert k, given that of the one before it
}

var gaps = []gap{
	{"before a pivot", func(_, _, n int) int { return n - 1 }},
	{"after a pivot", func(_, _, _ int) int { return 1 }},
	{"around a pivot", func(k, last, _ int) int { return last + k%2 }},
	{"from both ends", func(k, _, n int) int { return 1 + (k+1)/2 }},
	{"beside the newest", func(k, last, _ int) int { return last + k%2 }},
	{"at random beside the newest", func(k, last, _ int) int {
		return last + int(rand.New(rand.NewPCG(uint64(k), 1)).Uint32()%2)
	}},
}

// TestOneGap: however inserts aim, one writer's list and that of two who take
// turns is a slice, and no position is long.
func TestOneGap(t *testing.T) {
	for _, g := range gaps {
		for _, writers := range []int{1, 2} {
			t.Run(fmt.Sprint(g.name, " by ", writers), func(t *testing.T) {
				var o Object
				w := &writer{id: 1, time: 1 << 40}
				w.push(&o, false, "first", "last")
				want := []string{"first", "last"}
				at, opBytes := 1, 0
				const n = 6000
				for k := range n {
					w.id = 1 + ReplicaID(k%writers)
					at = g.next(k, at, len(want))
					v := fmt.Sprint(k)
					b, _ := w.linsert(&o, at, v)
					opBytes += len(b)
					want = slices.Insert(want, at, v)
				}
				checkTree(t, o.List())
				if got := values(&o); !slices.Equal(got, want) {
					t.Fatalf("%q", got)
				}
				longest := 0
				o.List().each1(func(e *listEntry) { longest = max(longest, len(e.append(nil)), len(e.name().append(nil))) })
				t.Logf("%d moved, longest position %d, %d bytes per element, %d per insert's op", len(o.List().moved), longest, o.Bytes()/n, opBytes/n)
				if longest > maxPos {
					t.Errorf("a position of %d bytes", longest)
				}
			})
		}
	}
}

// cluster returns what two replicas that are in sync hold of a list whose
// middle has run out of room, and what is there.
func cluster(t *testing.T) (a, b *writer, x, y *Object) {
	a, b, x, y = &writer{id: 1, time: 100}, &writer{id: 2, time: 50}, &Object{}, &Object{}
	do := func(op []byte, d Dot) { applyBytes(y, op, d) }
	do(a.push(x, false, "first", "last"))
	at := 1
	for k := 0; ; k++ {
		at += k % 2
		op := &Op{}
		if !x.List().PrepareInsert(op, a.id, at, nil) {
			break
		}
		do(a.linsert(x, at, fmt.Sprint(k)))
	}
	if n := x.List().Len(); n < 100 || len(x.List().moved) > 0 || x.Digest() != y.Digest() {
		t.Fatalf("%d elements", n)
	}
	b.time = a.time
	return a, b, x, y
}

// exchange delivers ops of two replicas to the other, and compares them.
func exchange(t *testing.T, x, y *Object, ofX, ofY [][]byte, dx, dy []Dot) {
	t.Helper()
	for i := range ofX {
		applyBytes(y, ofX[i], dx[i])
	}
	for i := range ofY {
		applyBytes(x, ofY[i], dy[i])
	}
	if x.Digest() != y.Digest() || !slices.Equal(values(x), values(y)) {
		t.Fatalf("%q\n%q", values(x), values(y))
	}
	checkTree(t, x.List())
	checkTree(t, y.List())
	seen := slices.Sorted(slices.Values(values(x)))
	if len(slices.Compact(seen)) != x.List().Len() {
		t.Fatalf("doubled: %q", values(x))
	}
}

// TestRemovalMeetsMove: an element that is removed while elements are moved
// stays away, whichever comes first.
func TestRemovalMeetsMove(t *testing.T) {
	a, b, x, y := cluster(t)
	n := x.List().Len()
	b1, d1 := b.lcut(y, n/2, n/2+3)
	b2, d2 := b.lset(y, 5, "set")
	a1, e1 := a.lroom(x, n/2)
	a2, e2 := a.linsert(x, n/2, "new")
	if len(x.List().moved) < 100 {
		t.Fatalf("only %d elements moved", len(x.List().moved))
	}
	want := slices.Clone(values(x))
	want = slices.Delete(want, slices.Index(want, "new")+0, slices.Index(want, "new")+1)
	want = slices.Insert(slices.Delete(want, n/2, n/2+3), n/2, "new")
	want[5] = "set"
	exchange(t, x, y, [][]byte{a1, a2}, [][]byte{b1, b2}, []Dot{e1, e2}, []Dot{d1, d2})
	if got := values(x); !slices.Equal(got, want) {
		t.Fatalf("%q\nwant %q", got, want)
	}
}

// TestMovesMeet: two replicas make room at once; no element is doubled or lost,
// and those that both had seen keep their order.
func TestMovesMeet(t *testing.T) {
	a, b, x, y := cluster(t)
	n, before := x.List().Len(), values(x)
	b0, d0 := b.linsert(y, 10, "b0")
	b1, d1 := b.lroom(y, n/2)
	b2, d2 := b.linsert(y, n/2, "b")
	a1, e1 := a.lroom(x, n/2)
	a2, e2 := a.linsert(x, n/2, "a")
	exchange(t, x, y, [][]byte{a1, a2}, [][]byte{b0, b1, b2}, []Dot{e1, e2}, []Dot{d0, d1, d2})
	got := slices.DeleteFunc(values(x), func(v string) bool { return v == "a" || v == "b" || v == "b0" })
	if x.List().Len() != n+3 || !slices.Equal(got, before) {
		t.Fatalf("%q\nwant %q", got, before)
	}
}

// TestHostileMove: an op that names what is not there, the same twice, or a
// place that its author may not have, changes nothing that it must not.
func TestHostileMove(t *testing.T) {
	o := movedList()
	before := values(o)
	var names [][]byte
	o.List().each(func(name, _ []byte) { names = append(names, slices.Clone(name)) })
	op := &Op{Kind: KindListMove}
	for _, i := range []int{2, 2, 0, 3, 0} {
		op.Elems = append(op.Elems, Elem{Name: names[i], Seen: VersionVector{{1, 1 << 50}, {300, 1 << 50}}})
	}
	op.Elems = append(op.Elems, Elem{Name: appendStep(nil, 9, 9), Value: appendStep(nil, 0, 0)})
	for _, to := range [][]byte{nil, appendStep(nil, 1<<62, 0)} {
		op.Elems[0].Value = to
		b := AppendOp(nil, op)
		var again Op
		if err := DecodeOp(&again, b); err == nil {
			t.Fatal("a place for a name without a run was taken")
		}
		op.Elems = op.Elems[:5]
		applyBytes(o, AppendOp(nil, op), Dot{1 << 49, 7})
		checkTree(t, o.List())
		if len(values(o)) != len(before) {
			t.Fatalf("%q", values(o))
		}
		op.Elems = append(op.Elems, Elem{Name: appendStep(nil, 9, 9)})
	}
	w := &writer{id: 1, time: 1 << 51}
	w.push(o, false, "right")
	w.push(o, true, "left")
	if got := values(o); got[0] != "left" || got[len(got)-1] != "right" {
		t.Fatalf("%q", got)
	}
}
