package crdt

import "testing"

// TestMergeTakesOver: what nobody here has seen is not gone through element by
// element, and of what both have nothing is written.
func TestMergeTakesOver(t *testing.T) {
	for _, typ := range []Type{TypeSet, TypeHash, TypeList} {
		old, all := VersionVector{{1, 99}}, VersionVector{{1, 1000}}
		mine, theirs := &Object{}, largeOf(typ, 100, 500)
		coll := theirs.of(typ)
		mine.Merge(old, theirs, all)
		if mine.of(typ) != coll {
			t.Errorf("type %d: the collection was not taken over", typ)
		}
		if typ == TypeList {
			continue
		}
		again := largeOf(typ, 100, 500)
		if n := testing.AllocsPerRun(1, func() { mine.Merge(all, again, all) }); n > 20 {
			t.Errorf("type %d: merging what is the same allocates %v times", typ, n)
		}
		// Half of it was seen here, and removed.
		half := VersionVector{{1, 349}}
		mine, theirs = &Object{}, largeOf(typ, 100, 500)
		mine.Merge(half, theirs, all)
		if n := mine.of(typ).Len(); n != 250 {
			t.Errorf("type %d: %d elements, want the 250 that are new", typ, n)
		}
	}
}
