package crdt

import (
	"math/rand/v2"
	"testing"
)

// TestStreamBytes: the memory of a stream, kept up to date by every change, is that of
// its chunks.
func TestStreamBytes(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		var l streamList
		all := VersionVector{}
		for i := range 3000 {
			id := StreamID{1, uint64(rnd.IntN(2000))}
			if rnd.IntN(3) > 0 {
				id.Ms = 2 + uint64(i) // at the end
			}
			switch rnd.IntN(40) {
			default:
				d := Dot{Timestamp(i + 1), 1}
				l.add(id, d, AppendStreamFields(nil, [][]byte{[]byte("f"), make([]byte, rnd.IntN(300))}))
				all.Raise(d)
			case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
				l.remove(l.edge(rnd.IntN(2) == 0), all)
			case 10:
				l.filter(func(*StreamEntry) bool { return rnd.IntN(3) > 0 })
			}
			sum := 8 * cap(l.chunks)
			for _, c := range l.chunks {
				sum += 144 + cap(c.data) + cap(c.fields)
			}
			if l.bytes() != sum {
				t.Fatalf("seed %d, step %d: %d bytes, counted %d", seed, i, l.bytes(), sum)
			}
		}
	}
}

// TestLateEntriesFillChunks: entries of another region that come between those of
// this one, in order or not, leave chunks that are half full at least, mostly.
func TestLateEntriesFillChunks(t *testing.T) {
	const n = 3000
	rnd := rand.New(rand.NewPCG(3, 6))
	inOrder := make([]int, n)
	for i := range inOrder {
		inOrder[i] = i
	}
	for name, order := range map[string][]int{"in order": inOrder, "in any order": rnd.Perm(n)} {
		for _, size := range []int{1, 300} { // by their number, and by their bytes
			fields := AppendStreamFields(nil, [][]byte{[]byte("f"), make([]byte, size)})
			var l streamList
			for i := range uint64(n) {
				l.add(StreamID{1 + i, 1}, Dot{TimestampAt(int64(1 + i)), 1}, fields)
			}
			own := len(l.chunks)
			for _, i := range order {
				l.add(StreamID{1 + uint64(i), 2}, Dot{TimestampAt(int64(1 + i)), 2}, fields)
			}
			if got := len(l.chunks); l.n != 2*n || got > 4*own {
				t.Errorf("%s, %d bytes each: %d entries in %d chunks, %d before", name, size, l.n, got, own)
			}
			var last StreamID
			l.each(func(e *StreamEntry) bool {
				if !last.Less(e.ID) {
					t.Fatalf("%v behind %v", e.ID, last)
				}
				last = e.ID
				return true
			})
		}
	}
}
