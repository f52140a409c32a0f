package crdt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestListEnds: what is pushed and popped at the ends, as the engine does it, with
// the op that was prepared, is what a slice would hold, and what another replica
// makes of the op's bytes.
func TestListEnds(t *testing.T) {
	for seed := range uint64(16) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		var o, far Object
		var op Op
		var want []string
		growing, clock := true, Timestamp(0)
		for step := range 1500 {
			if n := len(want); n == 0 || n > 200 && rnd.IntN(300) == 0 {
				growing = n == 0
			}
			clock++
			d := Dot{clock, 1 + ReplicaID(rnd.IntN(50)/49)} // another author now and then: another run
			left, v := rnd.IntN(4) == 0 == (seed%2 == 0), strings.Repeat("x", rnd.IntN(80))+fmt.Sprint(step)
			if rnd.IntN(3) == 0 {
				left = !left
			}
			kind := KindListRemove
			if growing == (rnd.IntN(5) > 0) || len(want) < 2 {
				kind = KindListPush
			}
			if rnd.IntN(40) == 0 && len(want) > 2 {
				kind = KindListSet
			}
			op.Reset(kind, 0, []byte("l"))
			if err := o.PrepareChange(&op, TypeList); err != nil {
				t.Fatal(err)
			}
			l, n := o.List(), len(want)
			switch i := rnd.IntN(max(n, 1)); {
			case kind == KindListSet:
				l.PrepareSet(&op, i, []byte(v))
				want[i] = v
			case kind == KindListPush && n > 2 && rnd.IntN(20) == 0:
				l.PrepareInsert(&op, d.Replica, i, []byte(v))
				want = slices.Insert(want, i, v)
			case kind == KindListPush && left && seed > 8 && rnd.IntN(20) == 0: // a leaf of its own
				v += strings.Repeat("x", maxLeaf)
				l.PreparePush(&op, d.Replica, true, list([]string{v}))
				want = slices.Insert(want, 0, v)
			case kind == KindListPush && left:
				l.PreparePush(&op, d.Replica, true, list([]string{v, "second"}))
				want = slices.Insert(want, 0, "second", v)
			case kind == KindListPush:
				l.PreparePush(&op, d.Replica, false, list([]string{v, "second"}))
				want = append(want, v, "second")
			case left:
				l.PreparePop(&op, 0)
				want = want[1:]
			default:
				l.PreparePop(&op, n-1)
				want = want[:n-1]
			}
			b := AppendOp(nil, &op)
			o.Apply(&op, d)
			applyBytes(&far, b, d)
			if step%5 == 0 || len(want) < 20 {
				checkTree(t, o.List())
			}
			if step%100 == 0 {
				checkTree(t, far.List())
				if got := values(&o); !slices.Equal(got, want) || !slices.Equal(values(&far), want) || o.Digest() != far.Digest() {
					t.Fatalf("seed %d, step %d:\n%q, far\n%q, want\n%q", seed, step, got, values(&far), want)
				}
			}
		}
	}
}

// TestListEndIsLookedAt: the place that an op was prepared for counts only as long as
// the list is what it was.
func TestListEndIsLookedAt(t *testing.T) {
	w := &writer{id: 1}
	var o Object
	w.push(&o, false, "a", "b", "c")
	var pop Op
	pop.Reset(KindListRemove, 0, []byte("l"))
	if err := o.PrepareChange(&pop, TypeList); err != nil {
		t.Fatal(err)
	}
	o.List().PreparePop(&pop, 2)
	w.push(&o, true, "new")
	o.Apply(&pop, Dot{1000, 1})
	if got := values(&o); !slices.Equal(got, []string{"new", "a", "b"}) {
		t.Fatalf("got %q", got)
	}
	o.Apply(&pop, Dot{1001, 1}) // once more
	if got := values(&o); !slices.Equal(got, []string{"new", "a", "b"}) {
		t.Fatalf("got %q", got)
	}
}
