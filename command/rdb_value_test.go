package command

import (
	"fmt"
	"testing"

	"crdb/rdb"
)

// TestCutFront: what is cut off a value until nothing is left is the value, pairs, scores
// and deadlines by their items.
func TestCutFront(t *testing.T) {
	items := func(n int) (list [][]byte) {
		for i := range n {
			list = append(list, fmt.Appendf(nil, "item %d", i))
		}
		return list
	}
	for _, v := range []rdb.Value{
		{Kind: rdb.String, Items: items(1)}, {Kind: rdb.List, Items: items(7)}, {Kind: rdb.Set, Items: items(1)},
		{Kind: rdb.ZSet, Items: items(4), Scores: []float64{4, 3, 2, 1}}, {Kind: rdb.Hash, Items: items(6)},
		{Kind: rdb.Hash, Items: items(6), Times: []int64{5, 0, 7}}, {Kind: rdb.StreamKind, Stream: &rdb.Stream{}},
	} {
		for _, most := range []int{1, 50, 1 << 20} {
			rest, sum, parts := v, rdb.Value{Kind: v.Kind, Stream: v.Stream}, 0
			for more := true; more; more = len(rest.Items) > 0 {
				p := cutFront(&rest, most)
				if n := len(p.Items); v.Kind == rdb.Hash && n%2 != 0 || v.Scores != nil && len(p.Scores) != n || v.Times != nil && len(p.Times) != n/2 {
					t.Errorf("a part of %+v", p)
				}
				sum.Items, sum.Scores, sum.Times = append(sum.Items, p.Items...), append(sum.Scores, p.Scores...), append(sum.Times, p.Times...)
				parts++
			}
			if got, want := fmt.Sprint(sum), fmt.Sprint(v); got != want || most == 1<<20 && parts != 1 || most == 1 && len(v.Items) > 2 && parts == 1 {
				t.Errorf("%d parts: %s, want %s", parts, got, want)
			}
		}
	}
}
