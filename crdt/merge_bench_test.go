package crdt

import (
	"fmt"
	"testing"
)

// largeOf makes a collection of n elements, each under a dot of its own from first on.
func largeOf(typ Type, first Timestamp, n int) *Object {
	o := &Object{}
	var op Op
	for i := range n {
		name := fmt.Appendf(nil, "element %d", i)
		op.Reset(addKinds[typ], 0, []byte("k"))
		switch typ {
		case TypeSet:
			o.Set().PrepareAdd(&op, [][]byte{name})
		case TypeHash:
			o.Hash().PrepareSet(&op, [][]byte{name, name})
		case TypeList:
			o.List().PreparePush(&op, 1, false, [][]byte{name})
		}
		o.Apply(&op, Dot{first + Timestamp(i), 1})
	}
	return o
}

// BenchmarkMerge merges a collection of 200,000 elements into one that is the same,
// and into an absent one at an instance that has seen older operations.
func BenchmarkMerge(b *testing.B) {
	const n = 200_000
	for typ, name := range map[Type]string{TypeSet: "set", TypeHash: "hash", TypeList: "list"} {
		vv := VersionVector{{1, 99}}
		for _, what := range []string{"same", "absent"} {
			b.Run(name+"/"+what, func(b *testing.B) {
				for range b.N {
					b.StopTimer()
					mine, theirs := &Object{}, largeOf(typ, 100, n)
					if what == "same" {
						mine = largeOf(typ, 100, n)
					}
					full := VersionVector{{1, 100 + n}}
					b.StartTimer()
					if what == "same" {
						mine.Merge(full, theirs, full)
					} else {
						mine.Merge(vv, theirs, full)
					}
				}
			})
		}
	}
}
