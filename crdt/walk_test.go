package crdt

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestWalkElems: a walk in pieces over an object that changes meets every
// element that is there all the time, and nothing that never was.
func TestWalkElems(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		o, next := &Object{}, uint64(0)
		add := func(typ Type, n int) {
			op := &Op{}
			switch typ {
			case TypeSet:
				op.Reset(KindSetAdd, 0, []byte("k"))
				op.addElem(fmt.Appendf(nil, "m%d", n))
			case TypeStream:
				op.Reset(KindStreamAdd, 0, []byte("k"))
				_ = o.PrepareChange(op, TypeStream)
				s := o.Stream()
				s.Begin()
				s.PrepareAdd(op, 1, StreamID{Ms: uint64(n + 1)}, AppendStreamFields(nil, [][]byte{[]byte("f"), []byte("v")}))
			case TypeList:
				op.Reset(KindListPush, 0, []byte("k"))
				_ = o.PrepareChange(op, TypeList)
				o.List().PreparePush(op, 1, n%2 == 0, [][]byte{[]byte("v")})
			}
			next++
			o.Apply(op, Dot{Timestamp(next), 1})
		}
		typ := []Type{TypeSet, TypeStream, TypeList}[seed%3]
		count := 1 + rnd.IntN(300)
		for i := range count {
			add(typ, i)
		}
		want := map[string]bool{}
		o.EachElem(func(_ Type, name, _ []byte) { want[string(name)] = true })
		piece := 1 + rnd.IntN(50)
		var c ElemCursor
		for more := 0; ; more++ {
			done := o.WalkElems(&c, piece, func(_ Type, name, rec []byte) {
				now, ok := o.ElemRecord(typ, name)
				if !ok || string(now) != string(rec) {
					t.Fatalf("%q is %q, the walk says %q", name, now, rec)
				}
				delete(want, string(name))
			})
			if done {
				break
			}
			if more > 2*count+10 {
				t.Fatal("the walk does not end")
			}
			if more < 20 {
				add(typ, count+more)
			}
		}
		if len(want) != 0 {
			t.Fatalf("seed %d: %d of %d elements were not met", seed, len(want), count)
		}
	}
}
