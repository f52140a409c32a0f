package crdt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWorkIsScratch: ops that are prepared and applied one after the other in the same
// op, as the engine does, with whatever the last one left in its scratch space, do
// what they do elsewhere as bytes.
func TestWorkIsScratch(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		var here, there [2]Object // a hash and a sorted set
		var op Op
		for step := range 2000 {
			which := rnd.IntN(2)
			o := &here[which]
			d := Dot{Timestamp(step + 1), 1 + ReplicaID(rnd.IntN(3))}
			name := []byte(fmt.Sprint(rnd.IntN(6)))
			if which == 0 {
				workHash(t, rnd, &op, o, d, name)
			} else {
				workZSet(t, rnd, &op, o, d, name)
			}
			if len(op.Elems) == 0 && op.Kind != KindDelete {
				continue
			}
			b := AppendOp(nil, &op)
			o.Apply(&op, d)
			if rnd.IntN(2) == 0 {
				op.Trim()
			}
			applyBytes(&there[which], b, d)
			if o.Digest() != there[which].Digest() {
				t.Fatalf("seed %d, step %d: kind %d differs", seed, step, op.Kind)
			}
		}
	}
}

func workHash(t *testing.T, rnd *rand.Rand, op *Op, o *Object, d Dot, field []byte) {
	t.Helper()
	kind := []Kind{KindHashSet, KindHashIncr, KindHashIncr, KindHashRemove}[rnd.IntN(4)]
	op.Reset(kind, 0, []byte("h"))
	if err := o.PrepareChange(op, TypeHash); err != nil {
		t.Fatal(err)
	}
	switch kind {
	case KindHashSet:
		o.Hash().PrepareSet(op, [][]byte{field, []byte("10")})
	case KindHashIncr:
		if _, _, err := o.Hash().PrepareIncr(op, d.Replica, field, 3); err != nil {
			t.Fatal(err)
		}
	default:
		o.Hash().PrepareRemove(op, [][]byte{field})
	}
}

func workZSet(t *testing.T, rnd *rand.Rand, op *Op, o *Object, d Dot, member []byte) {
	t.Helper()
	kind := []Kind{KindZSetAdd, KindZSetIncr, KindZSetIncr, KindZSetRemove}[rnd.IntN(4)]
	op.Reset(kind, 0, []byte("z"))
	if err := o.PrepareChange(op, TypeZSet); err != nil {
		t.Fatal(err)
	}
	z := o.ZSet()
	switch kind {
	case KindZSetAdd:
		z.PrepareAdd(op, member, rnd.NormFloat64())
	case KindZSetIncr:
		other := []byte(fmt.Sprint(rnd.IntN(6)))
		if _, ok := z.ScoreFor(op, other); ok != z.holds(other) {
			t.Fatal("a member that is there is not, or the other way round")
		}
		was, had := z.Score(member)
		if score, err := z.PrepareIncr(op, d.Replica, member, 0.1); err != nil || score != was+0.1 {
			t.Fatalf("%v and 0.1 are %v, %v, had %v", was, score, err, had)
		}
	default:
		z.PrepareRemove(op, [][]byte{member})
	}
}

func (z *ZSet) holds(member []byte) bool { _, ok := z.Score(member); return ok }

// TestSetPop: a set is popped empty, member by member, and then the key is gone.
func TestSetPop(t *testing.T) {
	w := &writer{id: 1}
	var o, far Object
	b, d := w.sadd(&o, "a", "b", "c", "d")
	applyBytes(&far, b, d)
	rnd := rand.New(rand.NewPCG(1, 10))
	for n := 3; n >= 0; n-- {
		var popped []byte
		b, d := w.change(&o, KindSetRemove, TypeSet, func(op *Op) { popped = o.Set().PreparePop(op, rnd.Uint64) })
		applyBytes(&far, b, d)
		if len(popped) != 1 || o.Set().Has(popped) || o.Set().Len() != n || far.Digest() != o.Digest() {
			t.Fatalf("popped %q, %d left, want %d", popped, o.Set().Len(), n)
		}
	}
	if !o.Empty() || !far.Empty() {
		t.Fatal("the key is still there")
	}
}
