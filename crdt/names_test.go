package crdt

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestNames: a name is there again exactly when it has been there before, at the same
// place, whether they are few or many.
func TestNames(t *testing.T) {
	for n := 2; n < 200; n++ {
		rnd := rand.New(rand.NewPCG(uint64(n), 7))
		names, seen := NamesOf(n), map[string]int{}
		for range n {
			name := strconv.Itoa(rnd.IntN(n))
			want, there := seen[name]
			if !there {
				want = len(seen)
				seen[name] = want
			}
			if place, again := names.Place([]byte(name)); again != there || place != want {
				t.Fatalf("of %d: %s at %d, again %v; want %d, %v", n, name, place, again, want, there)
			}
		}
	}
}
