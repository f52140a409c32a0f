package dict

import (
	"fmt"
	"testing"
)

func TestWarmerChangesNothing(t *testing.T) {
	var d, empty Dict
	var w Warmer
	key := func(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }
	hash := func(k []byte) uint32 { return uint32(Hash(1, k) >> 26) }
	w.Add(&empty, 7)
	w.Run()
	const n = 5000
	for i := range n {
		d.Put(hash(key(i)), key(i), make([]byte, i%3000)) // some are big records
		if i%7 == 0 {
			d.Delete(hash(key(i/2)), key(i/2))
		}
	}
	before := d.Len()
	for i := range 2 * n { // keys that are not there as well; in batches and a rest
		w.Add(&d, hash(key(i)))
	}
	w.Run()
	if w.n != 0 || w.sink == 0 {
		t.Errorf("after Run %d entries are noted, the sum of what was loaded is %d", w.n, w.sink)
	}
	found := 0
	for i := range n {
		if v, ok := d.Get(hash(key(i)), key(i)); ok {
			found++
			if len(v) != i%3000 {
				t.Fatalf("key %d has %d bytes", i, len(v))
			}
		}
	}
	if found != before || d.Len() != before {
		t.Errorf("%d of %d entries found, Len %d", found, before, d.Len())
	}
}
