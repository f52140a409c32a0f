package crdt

import "bytes"

// List is a sequence of elements, each with a position that nobody else's
// element has (list_pos.go), the dot of the op that added it, and a value that
// LSET replaces, the newest counting. The position an element is born with is
// its name; an op may move it to another (list_room.go), the newest counting.
// Whoever removes an element removes it with whatever others have made of it.
// The zero value is empty.
type List struct {
	root  *listNode         // nil: empty
	moved map[string]string // positions, by name, of the elements that stand elsewhere
	edits uint64            // how often the list has changed: see listEnd
}

// listEnd is where a push or the removal of one element goes in the list that it was
// prepared on. Its author applies it to just that list, as a rule, and need not
// look for the place again; after any edit in between, and everywhere else, the
// names in the op count.
type listEnd struct {
	list  *List // nil: none
	at    int   // of the element removed; of a push 0 or the length
	edits uint64
}

// endsAt notes the place of what op does.
func (l *List) endsAt(op *Op, at int) {
	if len(l.moved) == 0 && l.root != nil {
		op.end = listEnd{l, at, l.edits}
	}
}

// endOf returns the place of what op does to the list as it is now, if it is known.
func (l *List) endOf(op *Op) (at int, ok bool) {
	e := op.end
	op.end.list = nil
	return e.at, e.list == l && e.edits == l.edits
}

// Len returns the number of elements.
func (l *List) Len() int {
	if l.root == nil {
		return 0
	}
	return l.root.count
}

// Index returns the value at index i, which must be there.
func (l *List) Index(i int) (value []byte) {
	return l.at(i).value
}

// Each calls fn for the values from index i on until it returns false. They
// are valid until the list changes.
func (l *List) Each(i int, fn func(value []byte) bool) {
	if i < l.Len() {
		l.root.walk(i, func(e *listEntry) bool { return fn(e.value) })
	}
}

// EachBack calls fn for the values from index i down to the first.
func (l *List) EachBack(i int, fn func(value []byte) bool) {
	if i >= 0 && l.root != nil {
		l.root.walkBack(i, func(e *listEntry) bool { return fn(e.value) })
	}
}

// at decodes the element at index i.
func (l *List) at(i int) (e listEntry) {
	n := l.root
	for n.kids != nil {
		k := 0
		for ; i >= n.kids[k].count; k++ {
			i -= n.kids[k].count
		}
		n = n.kids[k]
	}
	if i == n.count-1 {
		return n.lastEntry()
	}
	_, e, _ = n.seek(i)
	return e
}

// PreparePush adds values one after the other at the left or right end; self
// is the author.
func (l *List) PreparePush(op *Op, self ReplicaID, left bool, values [][]byte) {
	l.beyond(op, self, left, values)
}

// PrepareInsert adds a value before index i, which is above 0 and at most the
// length. False means that there is no room: an op of PrepareRoom comes first.
func (l *List) PrepareInsert(op *Op, self ReplicaID, i int, value []byte) bool {
	if i == 0 || i == l.Len() {
		l.PreparePush(op, self, i == 0, [][]byte{value})
		return true
	}
	p, q := l.at(i-1), l.at(i)
	e := op.named(func(b []byte) []byte { return l.between(b, &p, &q, self) })
	e.Value = value
	return len(e.Name) <= room.long
}

// PrepareSet replaces the value at index i.
func (l *List) PrepareSet(op *Op, i int, value []byte) {
	e := l.at(i)
	l.see(op, &e).Value = value
}

// PrepareRemove removes the elements from i to j. When none stays behind the
// op becomes a delete of the key, as in Redis.
func (l *List) PrepareRemove(op *Op, i, j int) {
	if j-i == l.Len() {
		op.empty()
		return
	}
	l.PrepareCut(op, i, j)
}

// PreparePop removes the element at index i and returns its value.
func (l *List) PreparePop(op *Op, i int) (value []byte) {
	e := l.at(i)
	if l.Len() == 1 {
		op.empty()
	} else {
		l.see(op, &e)
		l.endsAt(op, i)
	}
	return e.value
}

// PrepareCut is PrepareRemove for a list that will not be empty.
func (l *List) PrepareCut(op *Op, i, j int) {
	if i >= j {
		return
	}
	if j-i >= spanFrom && l.Spans(op) {
		l.seeSpan(op, i, j)
		return
	}
	if j-i == 1 {
		e := l.at(i)
		l.see(op, &e)
		l.endsAt(op, i)
		return
	}
	op.Expect(j-i, true)
	l.root.walk(i, func(e *listEntry) bool {
		l.see(op, e)
		i++
		return i < j
	})
}

// PrepareRemoveEqual removes the first elements with a value, at most limit of
// them, from the right end if back is set. The result is their number.
func (l *List) PrepareRemoveEqual(op *Op, value []byte, limit int, back bool) (removed int) {
	if l.root == nil {
		return 0
	}
	visit := func(e *listEntry) bool {
		if bytes.Equal(e.value, value) {
			l.see(op, e)
			removed++
		}
		return removed < limit
	}
	if back {
		l.root.walkBack(l.Len()-1, visit)
	} else {
		l.root.walk(0, visit)
	}
	if removed > 0 && removed == l.Len() {
		op.empty()
	}
	return removed
}

func (l *List) see(op *Op, e *listEntry) *Elem {
	x := op.named(e.name().append)
	op.seeDot(x, e.dot())
	return x
}

func isPlace(name []byte) bool    { _, ok := placeOf(name, false); return ok }
func isNewPlace(name []byte) bool { _, ok := placeOf(name, true); return ok }

// Side tells where the elements stand that a KindListPush has just added under
// d: -1 at the left end, 1 at the right end, 0 at neither. When there is
// nothing else, their order tells; of one alone nobody can, and it is 1.
func (l *List) Side(op *Op, d Dot) int {
	if l.Len() == 0 {
		return 1
	}
	first := l.root.first()
	last, moved := l.root.last()
	left, right := first.dot() == d, !moved && last.dot() == d
	if left && right && l.Len() > 1 {
		name := op.body.last
		if n := len(op.Elems); n > 0 {
			name = op.Elems[n-1].Name
		}
		p, ok := placeOf(name, true)
		right = !ok || p.compare(first.place) != 0
	}
	switch {
	case right:
		return 1
	case left:
		return -1
	}
	return 0
}

// isMove checks an element of KindListMove: the first has the position that it
// gets, in a new run.
func isMove(e *Elem) bool {
	if len(e.Value) == 0 {
		return true
	}
	p, ok := placeOf(e.Value, true)
	return ok && p.owner().IsZero() && p.seq == 0 && len(e.Value) <= maxPos-8
}
