package command

import (
	"math/rand/v2"
	"testing"
)

// TestBitRanges compares counting and finding with looking at every bit.
func TestBitRanges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		val := make([]byte, 1+r.IntN(40))
		fill := []byte{0, 0xff, byte(r.Uint32())}[r.IntN(3)]
		for i := range val {
			val[i] = fill
		}
		val[r.IntN(len(val))] ^= 1 << r.IntN(8)
		size := 8 * len(val)
		from := int64(r.IntN(size))
		to := from + int64(r.IntN(size-int(from)+1))
		count, first := int64(0), [2]int64{-1, -1}
		for at := to - 1; at >= from; at-- {
			bit := bitAt(val, at)
			count += int64(bit)
			first[bit] = at
		}
		if got := countBits(val, from, to); got != count {
			t.Fatalf("%x from %d to %d: counted %d, want %d", val, from, to, got, count)
		}
		for bit, want := range first {
			if got := findBit(val, byte(bit), from, to); got != want {
				t.Fatalf("%x from %d to %d: first %d at %d, want %d", val, from, to, bit, got, want)
			}
		}
	}
}
