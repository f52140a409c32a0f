package crdt

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// shown tells what a client sees of an object, without dots.
func shown(o *Object) (out []string) {
	switch o.Type() {
	case TypeSet:
		o.Set().Each(func(m []byte) bool { out = append(out, string(m)); return true })
	case TypeHash:
		o.Hash().Each(func(f, v []byte) bool { out = append(out, fmt.Sprintf("%q %q", f, v)); return true })
	case TypeZSet:
		z := o.ZSet()
		z.Range(0, z.Len(), false, func(m []byte, f float64) bool { out = append(out, fmt.Sprintf("%q %v", m, f)); return true })
	case TypeList:
		o.List().Each(0, func(v []byte) bool { out = append(out, string(v)); return true })
	case TypeStream:
		last := StreamID{}
		o.Stream().list.each(func(e *StreamEntry) bool {
			if len(out) == 0 || e.ID != last { // of two entries with one ID the older is copied
				out = append(out, fmt.Sprintf("%v %q", e.ID, e.appendFields(nil)))
			}
			last = e.ID
			return true
		})
	}
	if o.Type() == TypeSet || o.Type() == TypeHash {
		slices.Sort(out) // their order means nothing
	}
	return out
}

// putDraft makes an op of a draft, applies it to dst, and returns its bytes.
func putDraft(t *testing.T, d *Draft, src, dst *Object, self ReplicaID, dot Dot) []byte {
	var op Op
	op.Reset(d.Kind(), 0, []byte("dst"))
	if err := dst.PrepareChange(&op, d.Type()); err != nil {
		t.Fatal(err)
	}
	if d.Type() == TypeStream {
		s := dst.Stream()
		s.Begin()
		s.PrepareFillApart(&op, self, src.Stream())
	}
	d.Into(&op, src)
	b := AppendOp(nil, &op)
	dst.Apply(&op, dot)
	return b
}

// TestDraft: the copy of a key that is made in steps shows what the key shows, and
// its author has what everybody else makes of the op, element by element or built
// ahead, whatever else is left of the target and of the source.
func TestDraft(t *testing.T) {
	drafts := map[Type]int{}
	moved := 0
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		im := reachable(seed, t)
		a, b := im[rnd.IntN(3)], im[rnd.IntN(3)]
		load := func(im *image) *Object {
			o, err := decodeObject(im.recs[0], im.elems[0])
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		src, self := load(a), ReplicaID(1+rnd.IntN(3))
		target := func() *Object {
			if rnd := rand.New(rand.NewPCG(seed, 5)); rnd.IntN(2) == 0 {
				return &Object{}
			}
			o := load(b) // what a delete leaves, of removed counters or by the odds more
			var op Op
			op.Reset(KindDelete, 0, []byte("dst"))
			o.PrepareDelete(&op)
			o.Apply(&op, Dot{1 << 40, self})
			return o
		}
		want := shown(src)
		d := src.Draft(self, rnd.IntN(2) == 0)
		if d == nil {
			continue
		}
		for src.DraftStep(d, 1+rnd.IntN(3)) {
			// The next elements.
		}
		drafts[d.Type()]++
		if d.moves {
			moved++
		}
		dot := Dot{1<<40 + Timestamp(1+rnd.IntN(500)), self}
		dst := target()
		op := putDraft(t, d, src, dst, self, dot)
		if got := shown(dst); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: a copy shows\n%v, not\n%v", seed, got, want)
		}
		checkPlaced(t, seed, op, dst, target, dot)
	}
	for _, typ := range []Type{TypeSet, TypeHash, TypeZSet, TypeList, TypeStream} {
		if drafts[typ] < 20 {
			t.Errorf("%d drafts of type %d", drafts[typ], typ)
		}
	}
	if moved < 50 {
		t.Errorf("%d drafts were moved", moved)
	}
}

// checkPlaced compares what the author of an op has with what others make of it.
func checkPlaced(t *testing.T, seed uint64, b []byte, dst *Object, target func() *Object, dot Dot) {
	state := func(o *Object) string {
		rec, elems := encodeObject(o)
		return fmt.Sprintf("%x %x %x", rec, elems, o.Digest())
	}
	var op, built Op
	if err := DecodeOp(&op, b); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	one := target()
	one.Apply(&op, dot)
	if state(one) != state(dst) {
		t.Fatalf("seed %d: element by element\n%s, not\n%s", seed, state(one), state(dst))
	}
	if err := BuildOp(&built, b, dot); err != nil || !built.HasBody() {
		t.Fatalf("seed %d: %v", seed, err)
	}
	ahead := target()
	ahead.Apply(&built, dot)
	if state(ahead) != state(dst) {
		t.Fatalf("seed %d: built ahead\n%s, not\n%s", seed, state(ahead), state(dst))
	}
	if err := CheckOp(&op, b, nil); err != nil && !errors.Is(err, errForeseen) {
		t.Fatalf("seed %d: %v", seed, err)
	}
	// Keys behave alike afterwards, too: what is there is replaced and removed.
	for _, o := range []*Object{dst, one, ahead} {
		var gone Op
		gone.Reset(KindDelete, 0, []byte("dst"))
		o.PrepareDelete(&gone)
		o.Apply(&gone, Dot{1 << 41, 9})
		if o.Type() != TypeNone {
			t.Fatalf("seed %d: a copy outlives its removal", seed)
		}
	}
}
