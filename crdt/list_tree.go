package crdt

// listNode is a node of a tree that counts its elements: a leaf if it has no
// kids. Only the root may be empty.
type listNode struct {
	count int
	kids  []*listNode
	data  []byte
	front []byte // free memory of a leaf right in front of data; its capacity reaches over data
	tail  tail
	offs  *[]uint32 // of a leaf that is popped at its end: where its entries begin; see popLeaf
	below int       // the memory of kids
}

const maxKids = 64

// insert puts e at index i. When the node had to be split, right is what
// follows it.
func (n *listNode) insert(i int, e *listEntry) (right *listNode) {
	if n.kids == nil {
		return n.insertOrSplit(i, e)
	}
	k := 0
	for at := i; k < len(n.kids)-1 && at > n.kids[k].count; k++ {
		at -= n.kids[k].count
		i = at
	}
	n.count++
	was := n.kids[k].bytes()
	r := n.kids[k].insert(i, e)
	n.below += n.kids[k].bytes() - was
	if r == nil {
		return nil
	}
	n.below += r.bytes()
	n.kids = append(n.kids, nil)
	copy(n.kids[k+2:], n.kids[k+1:])
	n.kids[k+1] = r
	if len(n.kids) <= maxKids {
		return nil
	}
	cut := maxKids / 2
	if k+2 == len(n.kids) { // it grows at the end: leave what is full full
		cut = maxKids
	}
	right = &listNode{kids: append([]*listNode(nil), n.kids[cut:]...)}
	clear(n.kids[cut:])
	n.kids = n.kids[:cut]
	for _, kid := range right.kids {
		right.count += kid.count
		right.below += kid.bytes()
	}
	n.count -= right.count
	n.below -= right.below
	return right
}

// insertOrSplit is insert of a leaf.
func (n *listNode) insertOrSplit(i int, e *listEntry) (right *listNode) {
	if n.insertLeaf(i, e, false) {
		return nil
	}
	switch i {
	case n.count: // more will follow, and fill it: it need not grow step by step
		right = &listNode{data: make([]byte, 0, maxLeaf)}
		right.insertLeaf(0, e, true)
	case 0:
		right = &listNode{count: n.count, data: n.data, tail: n.tail, offs: n.offs}
		own := *e
		*n = listNode{}
		n.frontLeaf()
		n.insertLeaf(0, &own, true)
	default:
		right = n.splitLeaf(i)
		if !n.insertLeaf(i, e, false) && !right.insertLeaf(0, e, false) {
			n.insertLeaf(i, e, true)
		}
	}
	return right
}

// splitLeaf moves the entries from i on into a new leaf.
func (n *listNode) splitLeaf(i int) *listNode {
	_, e, _ := n.seek(i)
	right := &listNode{count: n.count - i}
	b := appendEntry(make([]byte, 0, len(n.data)-e.start+len(e.run)+16), nil, &e)
	right.data = append(b, n.data[e.end:]...)
	n.data, n.front = append(make([]byte, 0, min(maxLeaf, e.start+maxLeaf/4)), n.data[:e.start]...), nil
	n.count = i
	n.changed()
	return right
}

// remove takes out the elements from i to j.
func (n *listNode) remove(i, j int) {
	if n.kids == nil {
		n.removeLeaf(i, j)
		return
	}
	n.count -= j - i
	k, from := 0, i
	for ; from >= n.kids[k].count; k++ {
		from -= n.kids[k].count
	}
	if to := from + j - i; to < n.kids[k].count || to == n.kids[k].count && from > 0 {
		n.removeBelow(k, from, to)
		return
	}
	kept := n.kids[:0]
	at := 0
	for _, kid := range n.kids {
		size := kid.count
		lo, hi := max(i-at, 0), min(j-at, size)
		at += size
		if lo >= hi {
			kept = append(kept, kid)
			continue
		}
		n.below -= kid.bytes()
		if hi-lo == size {
			continue
		}
		kid.remove(lo, hi)
		if k := len(kept); k > 0 {
			was := kept[k-1].bytes()
			joined := kept[k-1].join(kid)
			if n.below += kept[k-1].bytes() - was; joined {
				continue
			}
		}
		n.below += kid.bytes()
		kept = append(kept, kid)
	}
	clear(n.kids[len(kept):])
	n.kids = kept
}

// removeBelow removes some of the elements of a kid, not all.
func (n *listNode) removeBelow(k, i, j int) {
	kid := n.kids[k]
	n.below -= kid.bytes()
	kid.remove(i, j)
	if k > 0 {
		was := n.kids[k-1].bytes()
		joined := n.kids[k-1].join(kid)
		if n.below += n.kids[k-1].bytes() - was; joined {
			copy(n.kids[k:], n.kids[k+1:])
			n.kids[len(n.kids)-1] = nil
			n.kids = n.kids[:len(n.kids)-1]
			return
		}
	}
	n.below += kid.bytes()
}

// join takes over the entries of the leaf that follows if both are sparse.
func (n *listNode) join(o *listNode) bool {
	if n.kids != nil || o.kids != nil || len(n.data)+len(o.data) > maxLeaf/2 || n.count+o.count > maxLeafEntries/2 {
		return false
	}
	var e listEntry
	for e.next(o.data) {
		n.insertLeaf(n.count, &e, true)
	}
	return true
}

// first decodes the first element below n.
func (n *listNode) first() (e listEntry) {
	for n.kids != nil {
		n = n.kids[0]
	}
	e.next(n.data)
	return e
}

// last returns the last element below n, as lastPlace.
func (n *listNode) last() (e listEntry, moved bool) {
	for n.kids != nil {
		n = n.kids[len(n.kids)-1]
	}
	return n.lastPlace()
}

// find returns the index of the first element that is not before p.
func (n *listNode) find(p place) (i int) {
	for n.kids != nil {
		lo, hi := 0, len(n.kids)-1 // the last kid that does not begin behind p
		for lo < hi {
			mid := (lo + hi + 1) / 2
			if e := n.kids[mid].first(); e.compare(p) <= 0 {
				lo = mid
			} else {
				hi = mid - 1
			}
		}
		for _, kid := range n.kids[:lo] {
			i += kid.count
		}
		n = n.kids[lo]
	}
	var e listEntry
	for e.next(n.data) && e.compare(p) < 0 {
		i++
	}
	return i
}

// walk calls fn for the elements from index i on until it returns false. fn
// must not keep e.
func (n *listNode) walk(i int, fn func(e *listEntry) bool) bool {
	if n.kids == nil {
		var e listEntry
		for k := 0; e.next(n.data); k++ {
			if k >= i && !fn(&e) {
				return false
			}
		}
		return true
	}
	for _, kid := range n.kids {
		if i < kid.count && !kid.walk(max(i, 0), fn) {
			return false
		}
		i -= kid.count
	}
	return true
}

// walkBack calls fn for the elements from index i down to 0.
func (n *listNode) walkBack(i int, fn func(e *listEntry) bool) bool {
	if n.kids == nil {
		list := make([]listEntry, 0, min(i+1, n.count))
		var e listEntry
		for k := 0; k <= i && e.next(n.data); k++ {
			list = append(list, e)
		}
		for k := len(list) - 1; k >= 0; k-- {
			if !fn(&list[k]) {
				return false
			}
		}
		return true
	}
	at := n.count
	for k := len(n.kids) - 1; k >= 0; k-- {
		at -= n.kids[k].count
		if i >= at && !n.kids[k].walkBack(i-at, fn) {
			return false
		}
	}
	return true
}

// bytes estimates the memory of n and of what is below it.
func (n *listNode) bytes() int {
	b := 128 + cap(n.data) + len(n.front) + 8*cap(n.kids) + n.below
	if n.offs != nil {
		b += 24 + 4*cap(*n.offs)
	}
	return b
}
