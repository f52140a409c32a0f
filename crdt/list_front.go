package crdt

// A list that grows at its front grows at the front of its first leaf. Such a leaf lies
// at the end of its memory, and what comes is written in front of it; moving all of it
// behind each new element would take longer than all else that is done for the element.

// frontLeaf makes n, which is empty, a leaf that will grow at its front.
func (n *listNode) frontLeaf() {
	room := make([]byte, maxLeaf)
	n.front, n.data = room, room[maxLeaf:]
}

// dropFront gives the first bytes of the leaf up, as room for what comes there.
func (n *listNode) dropFront(size int) {
	if len(n.front) == 0 {
		n.front = n.data[:0]
	}
	n.front, n.data = n.front[:len(n.front)+size], n.data[size:]
}

// unshiftLeaf puts e before the first entry, if there is room in front of it: the first
// entry is told anew, as what follows e.
func (n *listNode) unshiftLeaf(e *listEntry) bool {
	var buf [512]byte
	var next listEntry
	b := appendEntry(buf[:0], nil, e)
	first, told := len(b), 0 // where the old first entry will begin; what of it is told anew
	if next.next(n.data) {
		b = appendEntryHead(b, e, &next)
		told = next.end - len(next.value)
	}
	grow := len(b) - told
	if grow > len(n.front) || n.count >= maxLeafEntries || len(n.data)+grow > maxLeaf {
		return false
	}
	free := len(n.front) - grow
	n.data, n.front = n.front[free:len(n.front)+len(n.data)], n.front[:free]
	copy(n.data, b)
	n.count++
	n.offs = nil
	n.followTail(first, next.end, grow)
	return true
}

// followTail takes over what is known of the last entry when one that takes first bytes
// was put before the first one, which ended at end, and all behind that moved by grow.
func (n *listNode) followTail(first, end, grow int) {
	t := &n.tail
	if !t.known {
		return
	}
	t.popped = false
	if int(t.at) < end {
		t.at = uint32(first)
	} else {
		t.at += uint32(grow)
	}
	if int(t.runAt) >= end {
		t.runAt += uint32(grow)
		return
	}
	run := 0 // the entry in which the run of the last one is told
	if n.data[first]&entryRun != 0 {
		run = first
	}
	_, k := uvarintAt(n.data[run+1:])
	t.runAt = uint32(run + 1 + k)
}
