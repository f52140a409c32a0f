package crdt

// What goes at the ends of a list goes at the ends of leaves, and there little
// needs to be read: at the front the second entry becomes the first, and is told
// in full; at the end the last entry tells what the one before it is.

// changed forgets what is known of the leaf's entries.
func (n *listNode) changed() { n.tail, n.offs = tail{}, nil }

// removeLeaf removes the entries from i to j, not all.
func (n *listNode) removeLeaf(i, j int) {
	switch {
	case j == n.count && j-i == 1 && n.popLeaf():
		return
	case i == 0:
		n.shiftLeaf(j)
		return
	}
	prev, first, _ := n.seek(i)
	last := first
	for k := i; k < j-1; k++ {
		last.next(n.data)
	}
	var buf [512]byte
	b, to := buf[:0], last.end
	if next := last; next.next(n.data) {
		b = appendEntry(b, prev.orNil(), &next)
		to = next.end
	}
	popped := n.count == j && j-i == 1
	n.changed()
	n.splice(first.start, to, b)
	n.count -= j - i
	if n.count == i && i > 0 {
		n.endsWith(&prev)
		n.tail.popped = popped
	}
}

// frontWaste is how many bytes behind what is removed are moved to the front. More
// stay where they are, and the leaf begins later in its memory.
const frontWaste = 256

// shiftLeaf removes the first j entries, not all.
func (n *listNode) shiftLeaf(j int) {
	var e listEntry
	for range j + 1 {
		e.next(n.data)
	}
	var buf [maxPos + 64]byte
	head := appendEntryHead(buf[:0], nil, &e)
	known, end, value := n.tail, e.end, e.end-len(e.value)
	n.changed()
	n.count -= j
	if len(head) > value || len(n.data)-end < frontWaste {
		n.splice(0, value, head)
	} else {
		n.dropFront(value - len(head))
		copy(n.data, head)
	}
	n.keepTail(known, end, 1)
}

// keepTail takes over what was known of the last entry when the bytes of the leaf
// up to end, the end of an entry, have become the first k entries.
func (n *listNode) keepTail(t tail, end, k int) {
	if !t.known {
		return
	}
	var e listEntry
	for range k {
		e.next(n.data)
	}
	grow := e.end - end
	if int(t.runAt) < end { // the run of that entry goes on to the last
		t.runAt = uint32(e.runAt)
	} else {
		t.runAt += uint32(grow)
	}
	if int(t.at) < end {
		t.at = uint32(e.start)
	} else {
		t.at += uint32(grow)
	}
	t.popped = false
	n.tail = t
}

// popLeaf removes the last of several entries, if what is known of the leaf says
// where the one before it begins. A leaf that is popped twice in a row notes where
// all begin: it is popped empty, mostly.
func (n *listNode) popLeaf() bool {
	t := &n.tail
	if n.count < 2 || !t.known || n.data[t.at]&entryRun != 0 {
		return false
	}
	if n.offs == nil {
		if !t.popped {
			return false
		}
		n.index()
	}
	e := listEntry{end: int(t.at)}
	e.next(n.data) // from nothing: seq and time are told as differences
	offs := (*n.offs)[:n.count-1]
	*n.offs = offs
	n.data = n.data[:t.at]
	n.count--
	t.seq, t.time, t.at = t.seq-e.seq, t.time-e.time, offs[n.count-1]
	t.moved = n.data[t.at]&entryMoved != 0
	t.popped = true
	return true
}

// index notes where the entries begin.
func (n *listNode) index() {
	offs := make([]uint32, 0, n.count)
	var e listEntry
	for e.next(n.data) {
		offs = append(offs, uint32(e.start))
	}
	n.offs = &offs
}
