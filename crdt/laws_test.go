package crdt

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// reachable returns the states of the three replicas of a random schedule that
// has not healed.
func reachable(seed uint64, t *testing.T) []*image {
	rnd := rand.New(rand.NewPCG(seed, 3))
	m := &mixtures[seed%uint64(len(mixtures))]
	s := newSim(3, 1)
	s.quiet = true
	for range 40 {
		n, from := s.nodes[rnd.IntN(3)], s.nodes[rnd.IntN(3)]
		var err error
		if i := n.next(from); rnd.IntN(2) == 0 {
			_, err = s.write(n, m.action(rnd, 1), Timestamp(rnd.IntN(30)))
		} else if i < len(from.log) {
			_, err = s.deliver(n, from, i)
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return []*image{s.nodes[0].capture(), s.nodes[1].capture(), s.nodes[2].capture()}
}

// join merges two captured states into a third one.
func join(t *testing.T, a, b *image) *image {
	n, err := a.node()
	if err != nil {
		t.Fatal(err)
	}
	other, err := decodeObject(b.recs[0], b.elems[0])
	if err != nil {
		t.Fatal(err)
	}
	o := n.object(0)
	o.Merge(n.vv, other, b.vv)
	n.store(0, o)
	n.vv.Merge(b.vv)
	return n.capture()
}

// same reports whether two states are equal to the byte but for the context of
// the key, of which a flat record keeps only what is live.
func same(a, b *image) bool {
	if !a.vv.Equal(b.vv) || !bytes.Equal(withoutContext(a.recs[0]), withoutContext(b.recs[0])) || len(a.elems[0]) != len(b.elems[0]) {
		return false
	}
	elems, others := sorted(a.elems[0]), sorted(b.elems[0])
	for i, e := range elems {
		if o := others[i]; e.t != o.t || !bytes.Equal(e.name, o.name) || !bytes.Equal(withoutLocal(e), withoutLocal(o)) {
			return false
		}
	}
	return true
}

// sorted puts elements in order whose order means nothing: all but those of lists.
func sorted(elems []elemRec) []elemRec {
	elems = slices.Clone(elems)
	slices.SortStableFunc(elems, func(a, b elemRec) int {
		if a.t != b.t || a.t == TypeList {
			return cmp.Compare(a.t, b.t)
		}
		return bytes.Compare(a.name, b.name)
	})
	return elems
}

// withoutLocal is the record of an element without what a group's readers have
// done here: that is not merged.
func withoutLocal(e elemRec) []byte {
	if e.t != TypeStream || e.name[0] != nameGroup {
		return e.rec
	}
	s := &Stream{}
	if err := s.load(e.name, e.rec); err != nil {
		panic(err)
	}
	s.groups[0].GroupState = GroupState{}
	return s.groups[0].appendRecord(nil)
}

func withoutContext(rec []byte) []byte {
	var o Object
	if err := DecodeRecord(&o, rec); err != nil {
		panic(err)
	}
	o.seen = nil
	return o.AppendHeader(nil)
}

func TestMergeIsAJoin(t *testing.T) {
	n := uint64(3000)
	if *long {
		n = 100000
	}
	for seed := range n {
		im := reachable(seed, t)
		a, b, c := im[0], im[1], im[2]
		if !same(join(t, a, a), a) {
			t.Fatalf("seed %d: not idempotent", seed)
		}
		ab := join(t, a, b)
		if !same(ab, join(t, b, a)) {
			t.Fatalf("seed %d: does not commute:\n%x\n%x", seed, ab.recs[0], join(t, b, a).recs[0])
		}
		if !same(join(t, ab, b), ab) || !same(join(t, a, ab), ab) {
			t.Fatalf("seed %d: does not absorb", seed)
		}
		left, right := join(t, ab, c), join(t, a, join(t, b, c))
		if !same(left, right) {
			t.Fatalf("seed %d: does not associate:\n%x\n%x", seed, left.recs[0], right.recs[0])
		}
	}
}

func TestVectorsAreALattice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	vec := func() (v VersionVector) {
		for r := ReplicaID(1); r < 5; r++ {
			if rnd.IntN(3) > 0 {
				v.Set(r, Timestamp(1+rnd.IntN(4)))
			}
		}
		return v
	}
	merged := func(a, b VersionVector) VersionVector { m := a.Clone(); m.Merge(b); return m }
	for range 5000 {
		a, b, c := vec(), vec(), vec()
		ab := merged(a, b)
		if !ab.Equal(merged(b, a)) || !merged(ab, c).Equal(merged(a, merged(b, c))) || !merged(a, a).Equal(a) {
			t.Fatalf("%v %v %v", a, b, c)
		}
		if !ab.Descends(a) || !ab.Descends(b) || a.Descends(b) != merged(a, b).Equal(a) {
			t.Fatalf("%v %v", a, b)
		}
		enc := AppendVector(nil, ab)
		if dec, rest, err := DecodeVector(nil, append(enc, 7)); err != nil || len(rest) != 1 || !dec.Equal(ab) {
			t.Fatalf("%v: %v %v", ab, dec, err)
		}
	}
}
