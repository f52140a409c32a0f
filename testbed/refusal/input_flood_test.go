package refusal

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// flood looks whether a client can make members and fields whose hashes are alike, and
// so tables that are slow: the server shows them in the order of their hashes, which
// must not be that of the seed that everybody knows.
func flood(t *testing.T, b *servers) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprint("name:", i))
	}
	for _, c := range []struct{ add, read string }{{"SADD", "SMEMBERS"}, {"HSET", "HKEYS"}} {
		for _, name := range names {
			args := []string{c.add, c.add, name}
			if c.add == "HSET" {
				args = append(args, "1")
			}
			b.both(t, args...)
		}
		_, r := b.both(t, c.read, c.add)
		var shown []string
		for _, x := range r.Items {
			shown = append(shown, x.Body)
		}
		foretold := slices.SortedFunc(slices.Values(names), func(x, y string) int {
			return cmp.Compare(hashOf(x), hashOf(y))
		})
		if len(shown) != len(names) || slices.Equal(shown, foretold) {
			t.Errorf("%d names are in the order that was to be expected: %v", len(shown), shown)
		}
	}
}

func hashOf(name string) uint64 { return dict.Hash(crdt.DefaultElementSeed, []byte(name)) }
