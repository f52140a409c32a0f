package crdt

import (
	"errors"
	"testing"
)

// TestWithin: a state that replicas have come to is within its vector, and within none
// that lacks one of its writes.
func TestWithin(t *testing.T) {
	found := map[Type]int{}
	for seed := range uint64(3000) {
		for _, im := range reachable(seed, t) {
			o, err := decodeObject(im.recs[0], im.elems[0])
			if err != nil {
				t.Fatal(err)
			}
			if !o.Within(im.vv) {
				t.Fatalf("seed %d: %s is not within %v", seed, dump(o), im.vv)
			}
			dots := map[Dot]bool{}
			o.Cell.eachDot(func(d Dot) { dots[d] = true })
			for _, x := range o.Deadlines {
				dots[x.Dot] = true
			}
			for _, p := range o.parts {
				p.coll.eachDot(func(d Dot) { dots[d] = true })
				if p.coll.Len() > 0 && !dots[p.coll.newest()] {
					t.Fatalf("seed %d: the newest dot of %s is none of %v", seed, dump(o), dots)
				}
				found[p.typ]++
			}
			for d := range dots {
				less := im.vv.Clone()
				less.Set(d.Replica, d.Time-1)
				if o.Within(less) {
					t.Fatalf("seed %d: %s is within %v, which lacks %v", seed, dump(o), less, d)
				}
			}
		}
	}
	for typ := range types {
		if types[typ] != nil && found[Type(typ)] < 20 {
			t.Errorf("%d collections of type %d", found[Type(typ)], typ)
		}
	}
}

// TestEpochToCome: who adds to an epoch has seen it, though the op says so by its name
// only. One to come is there at some replicas when the op comes, and at others not.
func TestEpochToCome(t *testing.T) {
	a := writer{id: 2}
	var x, y Object
	first, d := a.pfadd(&x, "e1")
	lie := AppendOp(nil, &Op{Kind: KindHLLAdd, Key: []byte("k"), Elems: []Elem{{Name: AppendDot(nil, d), Value: []byte{0, 0, 1, 5}}}})
	by := Dot{d.Time + 1, 1}
	applyBytes(&x, lie, by)
	applyBytes(&y, lie, by)
	applyBytes(&y, first, d)
	if x.Digest() == y.Digest() {
		t.Fatal("it does the same before the epoch as behind it")
	}
	if err := CheckOp(&Op{}, lie, VersionVector{{1, d.Time}, {2, d.Time - 1}}); !errors.Is(err, errForeseen) {
		t.Errorf("it is taken: %v", err)
	}
	if err := CheckOp(&Op{}, lie, VersionVector{{1, d.Time}, {2, d.Time}}); err != nil {
		t.Errorf("it is not taken of who has seen the epoch: %v", err)
	}
}
