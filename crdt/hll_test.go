package crdt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDeleteWinsOverAdd: what is added to an epoch goes with it (K1), what
// begins another one stays.
func TestDeleteWinsOverAdd(t *testing.T) {
	a, b := writer{id: 1}, writer{id: 2}
	var x, y Object
	first, d := a.pfadd(&x, "e1")
	applyBytes(&y, first, d)
	b.time = a.time
	more, dMore := a.pfadd(&x, "e2")
	gone, dGone := b.del(&y)
	applyBytes(&x, gone, dGone)
	applyBytes(&y, more, dMore)
	if x.Type() != TypeNone || y.Type() != TypeNone || x.Digest() != y.Digest() {
		t.Fatalf("after PFADD and DEL: %s and %s", dump(&x), dump(&y))
	}
	again, dAgain := b.pfadd(&y, "e3")
	applyBytes(&x, again, dAgain)
	if x.HLL().Count() != 1 || y.HLL().Count() != 1 {
		t.Fatalf("a new epoch counts %d and %d", x.HLL().Count(), y.HLL().Count())
	}
}

// TestSketchForms: the registers survive Redis's string forms and our own, and
// both of our forms hold the same.
func TestSketchForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	var s Sketch
	var plain [Registers]byte
	for i := range 60_000 {
		r, v := HashElement(fmt.Appendf(nil, "element-%d", rnd.IntN(80_000)))
		if rose := v > plain[r]; rose != s.Raise(r, v) {
			t.Fatalf("step %d: register %d from %d to %d", i, r, plain[r], v)
		}
		plain[r] = max(plain[r], v)
		if i&(i-1) != 0 {
			continue
		}
		for _, dense := range []bool{false, true} {
			back, isDense, err := ParseRedis(s.AppendRedis(nil, dense))
			if err != nil || isDense != dense || !bytes.Equal(back.append(nil), s.append(nil)) {
				t.Fatalf("step %d: dense=%v %v", i, dense, err)
			}
		}
		if back, ok := decodeSketch(s.append(nil)); !ok || !bytes.Equal(back.append(nil), s.append(nil)) {
			t.Fatalf("step %d: the encoded sketch", i)
		}
	}
	for r, v := range plain {
		if s.Get(r) != v {
			t.Fatalf("register %d is %d, want %d", r, s.Get(r), v)
		}
	}
}

// FuzzParseRedis: no string of an enemy does more than be refused.
func FuzzParseRedis(f *testing.F) {
	var s Sketch
	f.Add(s.AppendRedis(nil, false))
	f.Add(s.AppendRedis(nil, true))
	for i := range 100 {
		s.Raise(HashElement([]byte{byte(i)}))
	}
	f.Add(s.AppendRedis(nil, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, dense, err := ParseRedis(b)
		if err != nil {
			return
		}
		s.Count()
		back, _, err := ParseRedis(s.AppendRedis(nil, dense))
		if err != nil || !bytes.Equal(back.append(nil), s.append(nil)) {
			t.Fatalf("%x: %v", b, err)
		}
	})
}
