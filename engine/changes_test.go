package engine

import (
	"fmt"
	"testing"

	"crdb/crdt"
)

// TestChanges: what is listed is taken off in order, over pieces; a group once.
func TestChanges(t *testing.T) {
	var c changes
	name := func(i int) string { return fmt.Sprintf("element %d", i) }
	const n = 20_000
	for i := range n {
		c.add(crdt.TypeSet, []byte(name(i)))
		c.add(crdt.TypeStream, []byte("g of all"))
	}
	if len(c.full) < 3 {
		t.Fatalf("%d pieces", len(c.full))
	}
	for i := range n {
		if typ, elem, _ := c.take(); typ != crdt.TypeSet || string(elem) != name(i) {
			t.Fatalf("%d: %v %q", i, typ, elem)
		}
		if i == 0 {
			if typ, elem, _ := c.take(); typ != crdt.TypeStream || string(elem) != "g of all" {
				t.Fatalf("%v %q", typ, elem)
			}
			c.add(crdt.TypeStream, []byte("g of all")) // taken: it may be listed again
		}
	}
	if _, elem, last := c.take(); string(elem) != "g of all" || last != nil || c.size != 0 || len(c.full) != 0 || c.last != nil || len(c.groups) != 0 {
		t.Errorf("%q, then %d bytes, %d pieces", elem, c.size, len(c.full))
	}
	c.addRow(crdt.TypeList, []byte("first"), []byte("last"))
	c.add(crdt.TypeList, []byte("between"))
	if typ, elem, last := c.take(); typ != crdt.TypeList || string(elem) != "first" || string(last) != "last" {
		t.Errorf("%v %q %q", typ, elem, last)
	}
	if typ, elem, last := c.take(); typ != crdt.TypeList || string(elem) != "between" || last != nil || c.size != 0 {
		t.Errorf("%v %q %q", typ, elem, last)
	}
}

// TestALargeKeyIsSavedInPart: many changes of a large key are not all of it.
func TestALargeKeyIsSavedInPart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	key := []byte("large")
	add := func(from, to int) {
		for i := from; i < to; i += 1000 {
			var all [][]byte
			for j := range 1000 {
				all = append(all, fmt.Appendf(nil, "an element of %060d", i+j))
			}
			n.do(func(tx *Tx) { _, _ = tx.SetAdd(key, all) })
		}
	}
	save := func() int64 {
		before := n.eng.Stats().CheckpointBytes
		if err := n.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		return n.eng.Stats().CheckpointBytes - before
	}
	const elements, changed = 600_000, 70_000
	add(0, elements)
	whole := save()
	add(elements, elements+changed)
	if part := save(); part > whole/4 {
		t.Errorf("%d of %d bytes are written for %d changes", part, whole, changed)
	}
	before := n.dump()
	n.close()
	n.open()
	same(t, "after a restart", before, n.dump())
}
