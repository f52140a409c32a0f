package command

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Strings of all lengths around a word are combined byte for byte, the shorter
// one as if it ended with zeros.
func TestCombineBits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	for name, combine := range map[string]func(a, b uint64) uint64{
		"and": func(a, b uint64) uint64 { return a & b },
		"or":  func(a, b uint64) uint64 { return a | b },
		"xor": func(a, b uint64) uint64 { return a ^ b },
	} {
		for n := range 20 {
			for m := range 20 {
				a, b := random(n), random(m)
				want := make([]byte, max(n, m))
				for i := range want {
					var x, y uint64
					if i < n {
						x = uint64(a[i])
					}
					if i < m {
						y = uint64(b[i])
					}
					want[i] = byte(combine(x, y))
				}
				if got := combineBits(bytes.Clone(a), b, combine); !bytes.Equal(got, want) {
					t.Errorf("%x %s %x: %x, want %x", a, name, b, got, want)
				}
			}
		}
	}
}
