package crdt

// A row of elements that are removed together need not be named one by one. A
// span names the first and the last, and what its author had seen of the key. It
// removes what has a name in between and was seen: what its author had seen there
// and removed before is gone everywhere already (C1).
//
// Spans go by names. Where elements have moved, the names of a row are not a
// range, and its author names them one by one.

// spanFrom is how many elements in a row are worth a span.
const spanFrom = 8

// Spans reports whether PrepareCut names a long row by its ends: then an op of
// any number of elements is small.
func (l *List) Spans(op *Op) bool {
	return len(l.moved) == 0 && op.whole != nil && len(op.Elems) == 0
}

// seeSpan makes op the removal of the elements from i to j, which Spans allows.
func (l *List) seeSpan(op *Op, i, j int) {
	op.Kind = KindListCut
	first, last := l.at(i), l.at(j-1)
	e := op.named(first.append)
	e.Value, op.names = appendName(op.names, last.append)
	e.Seen = op.seenOfKey()
}

// seenOfKey returns what the author of op has seen of its key.
func (op *Op) seenOfKey() VersionVector {
	n := len(op.vectors)
	op.vectors = append(op.vectors, op.whole.seen...)
	return op.vectors[n:len(op.vectors):len(op.vectors)]
}

// isSpan checks an element of KindListCut.
func isSpan(e *Elem) bool {
	first, _ := placeOf(e.Name, false)
	last, ok := placeOf(e.Value, false)
	return ok && first.compare(last) <= 0
}

// removeSpan removes what e, an element of KindListCut, names. all says that
// nothing of the list is unseen.
func (l *List) removeSpan(e *Elem, all bool) {
	first, ok1 := placeOf(e.Name, false)
	last, ok2 := placeOf(e.Value, false)
	if !ok1 || !ok2 {
		return
	}
	for _, name := range l.movedIn(first, last) {
		if i, _, ok := l.seen(name, e.Seen); ok {
			l.cut(i, i+1)
		}
	}
	i, j := l.standIn(first, last)
	if i < j && all && len(l.moved) == 0 {
		l.cut(i, j)
		return
	}
	type run struct{ from, to int }
	var runs []run // of what is seen and stands where its name says
	l.eachFrom(i, j, func(k int, x *listEntry) {
		switch n := len(runs); {
		case x.home.run != nil || !e.Seen.Covers(x.dot()):
		case n > 0 && runs[n-1].to == k:
			runs[n-1].to++
		default:
			runs = append(runs, run{k, k + 1})
		}
	})
	for n := len(runs) - 1; n >= 0; n-- {
		l.cut(runs[n].from, runs[n].to)
	}
}

// standIn returns the range of the elements that stand between two places,
// both included.
func (l *List) standIn(first, last place) (i, j int) {
	if l.root == nil {
		return 0, 0
	}
	i, j = l.root.find(first), l.root.find(last)
	if j < l.Len() {
		if e := l.at(j); e.compare(last) == 0 {
			j++
		}
	}
	return i, j
}

// eachFrom calls fn for the elements from index i to j.
func (l *List) eachFrom(i, j int, fn func(k int, e *listEntry)) {
	if i >= j {
		return
	}
	l.root.walk(i, func(e *listEntry) bool {
		fn(i, e)
		i++
		return i < j
	})
}

// movedIn returns the names between two places, both included, of the elements
// that stand elsewhere.
func (l *List) movedIn(first, last place) (names []place) {
	for at := range l.moved {
		if name, _ := placeOf([]byte(at), false); name.compare(first) >= 0 && name.compare(last) <= 0 {
			names = append(names, name)
		}
	}
	return names
}

// eachIn calls fn for the names of the elements between two names, both
// included, in no order.
func (l *List) eachIn(first, last []byte, fn func(name []byte)) {
	from, ok1 := placeOf(first, false)
	to, ok2 := placeOf(last, false)
	if !ok1 || !ok2 {
		return
	}
	i, j := l.standIn(from, to)
	l.eachFrom(i, j, func(_ int, e *listEntry) {
		if e.home.run == nil {
			fn(e.append(nil))
		}
	})
	for _, name := range l.movedIn(from, to) {
		fn(name.append(nil))
	}
}
