package crdt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
)

// movedList is a list in which LSET, LINSERT and moves have been at work.
func movedList() *Object {
	a, b := writer{id: 1, time: 100}, writer{id: 300, time: 200}
	var o Object
	a.push(&o, false, "first", "last")
	b.linsert(&o, 1, "inner")
	b.linsert(&o, 2, "")
	a.linsert(&o, 2, "innermost")
	a.lset(&o, 1, "set")
	b.lroom(&o, 2)
	a.linsert(&o, 2, "after the move")
	return &o
}

// goldenList has every form of record that an element can have, by name.
func goldenList() map[string][]byte {
	out := map[string][]byte{}
	movedList().List().each(func(name, rec []byte) { out[fmt.Sprintf("%x", name)] = bytes.Clone(rec) })
	return out
}

// TestListElements: what a list saves loads again, in any order; damaged it is
// refused or loads as something that saves the same.
func TestListElements(t *testing.T) {
	var whole Object
	for hexName, rec := range goldenList() {
		name, _ := hex.DecodeString(hexName)
		if err := whole.LoadElem(TypeList, name, rec); err != nil {
			t.Fatal(err)
		}
		check := func(rec []byte) {
			l := &List{}
			if l.load(name, rec) != nil {
				return
			}
			if back, ok := l.record(name); !ok || !bytes.Equal(back, rec) {
				t.Errorf("%s: %x is kept as %x", hexName, rec, back)
			}
		}
		for n := range len(rec) + 1 {
			check(rec[:n])
		}
		for bit := range 8 * len(rec) {
			bad := bytes.Clone(rec)
			bad[bit/8] ^= 1 << (bit % 8)
			check(bad)
		}
	}
	checkTree(t, whole.List())
	want := movedList()
	if fmt.Sprintf("%q", values(&whole)) != fmt.Sprintf("%q", values(want)) || len(want.List().moved) != 3 {
		t.Errorf("%q, want %q with 3 moved", values(&whole), values(want))
	}
}
