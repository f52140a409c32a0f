package dict

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// heldSlice is a piece of a Dict's memory that somebody has, and what was there.
type heldSlice struct{ alias, was []byte }

// TestOthersStayAsTheyWere: what was returned of an entry stays as it was while other
// entries change, come and go, however the Dict grows and shrinks meanwhile. The names in
// an operation rely on it.
func TestOthersStayAsTheyWere(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		hash := func(k []byte) uint32 { return uint32(Hash(seed, k)>>32) >> (seed % 4 * 10) } // many are equal at times
		d, held := &Dict{}, map[string][]heldSlice{}
		names := []int{6, 24, 60, 600}[rnd.IntN(4)]
		for step := range 1500 {
			k := fmt.Appendf(nil, "name:%d", rnd.IntN(names))
			size := []int{0, 10, 10, 40, 130, 1150, 3000}[rnd.IntN(5+rnd.IntN(3))]
			delete(held, string(k))
			switch rnd.IntN(8) {
			case 0, 1:
				d.Delete(hash(k), k)
			case 2:
				d.Expect(0, 1<<32, d.Len()+rnd.IntN(12), rnd.IntN(1500))
			default:
				d.Put(hash(k), k, bytes.Repeat([]byte{byte(step)}, size))
			}
			if step%8 > 0 {
				continue // what is held then stays so until its own entry changes
			}
			for name, list := range held {
				for _, x := range list {
					if !bytes.Equal(x.alias, x.was) {
						t.Fatalf("seed %d step %d: %x of %s has become %x", seed, step, x.was, name, x.alias)
					}
				}
			}
			d.Each(func(key, val []byte) bool {
				if rnd.IntN(4) == 0 {
					held[string(key)] = append(held[string(key)], heldSlice{key, bytes.Clone(key)}, heldSlice{val, bytes.Clone(val)})
				}
				return true
			})
			if check(t, d); d.Bytes() != counted(d) {
				t.Fatalf("seed %d step %d: %d bytes count as %d", seed, step, counted(d), d.Bytes())
			}
		}
	}
}
