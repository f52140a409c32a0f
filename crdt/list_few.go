package crdt

// A small list lies in a flat record as in its one leaf (list_leaf.go), and is copied
// from the one to the other. Since each entry is told by its difference from the one before,
// there is just one way to write a leaf of some elements.

// asFew returns the leaf of a list that has one, of a size that a record takes.
func (l *List) asFew() (few []byte, ok bool) {
	if l.root == nil || l.root.kids != nil || len(l.root.data) > maxLeaf {
		return nil, false
	}
	return l.root.data, true
}

// adoptRoom is how many bytes a copy of a leaf may grow before it moves.
const adoptRoom = 64

// adopt makes the list a copy of a leaf of n elements.
func (l *List) adopt(n int, leaf []byte) {
	data := make([]byte, len(leaf), len(leaf)+adoptRoom)
	copy(data, leaf)
	l.root = &listNode{count: n, data: data}
}

// loadLeaf is adopt of a leaf that comes from elsewhere: entry by entry, and just these
// bytes have to come of it.
func (l *List) loadLeaf(n int, leaf []byte) error {
	if len(leaf) > maxLeaf || !wholeEntries(leaf, n) {
		return errFew("leaf")
	}
	var e listEntry
	var name []byte
	for e.next(leaf) {
		name = e.place.append(name[:0])
		d := e.dot()
		if _, ok := placeOf(name, false); !ok || e.time == 0 || !e.written.IsZero() && !e.written.Newer(d) {
			return errFew("entry")
		}
		l.add(&e, d)
	}
	if again, ok := l.asFew(); !ok || string(again) != string(leaf) {
		return errFew("order")
	}
	return nil
}

// wholeEntries reports whether a leaf holds n whole entries, none of which has moved; what
// their fields say is not looked at.
func wholeEntries(leaf []byte, n int) bool {
	d := opDecoder{b: leaf}
	for i := range n {
		if len(d.b) == 0 || d.b[0] >= entryMoved || i == 0 && d.b[0]&entryRun == 0 {
			return false
		}
		parts := d.b[0]
		d.b = d.b[1:]
		if parts&entryRun != 0 {
			if run := d.bytes(); len(run) <= DotSize {
				return false
			}
			d.uvarint()
		}
		if parts&entryGap != 0 {
			d.uvarint()
		}
		if parts&entryTime != 0 {
			d.uvarint()
		}
		if parts&entryWritten != 0 {
			d.dot()
		}
		d.bytes()
	}
	return d.err == nil && len(d.b) == 0
}
