package crdt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStreamFront: entries removed in any order, mostly from the front as trims
// do, are gone, and the others stay, both ways.
func TestStreamFront(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		var l streamList
		var ids []StreamID
		all := VersionVector{}
		for i := range uint64(250) {
			d := Dot{Timestamp(i + 1), 1}
			l.add(StreamID{1, i}, d, AppendStreamFields(nil, [][]byte{[]byte("f"), []byte("v")}))
			all.Raise(d)
			ids = append(ids, StreamID{1, i})
		}
		for len(ids) > 0 {
			i := 0
			if rnd.IntN(4) == 0 {
				i = rnd.IntN(len(ids))
			}
			l.remove(ids[i], all)
			ids = slices.Delete(ids, i, i+1)
			var up, down []StreamID
			l.each(func(e *StreamEntry) bool { up = append(up, e.ID); return true })
			l.back(StreamID{}, MaxStreamID, func(e *StreamEntry) bool { down = append(down, e.ID); return true })
			slices.Reverse(down)
			if l.n != len(ids) || !slices.Equal(up, ids) || !slices.Equal(down, ids) {
				t.Fatalf("seed %d: %d entries, want %d: %v and %v", seed, l.n, len(ids), up, down)
			}
		}
	}
}
