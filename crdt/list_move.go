package crdt

// An element that was moved stands elsewhere than its name says. The list keeps
// the positions of those, and only of those, by name.

// move gives the elements that op names, from the i-th on, the places of the
// run that it begins. The newest move counts.
func (l *List) move(op *Op, i int, d Dot) {
	to, ok := placeOf(append([]byte(nil), op.Elems[i].Value...), true)
	if !ok {
		return
	}
	AppendDot(to.run[:len(to.run)-DotSize], d)
	for k := i; k < len(op.Elems); k++ {
		name, ok := placeOf(op.Elems[k].Name, false)
		if !ok || op.Elems[k].Of != TypeNone {
			continue
		}
		at, e, ok := l.seen(name, op.Elems[k].Seen)
		if !ok || !d.Newer(e.moved()) {
			continue
		}
		e.own()
		l.cut(at, at+1)
		e.home, e.place = e.name(), place{to.run, int64(k-i) * moveStride}
		l.place(&e)
	}
}

// own gives e its own bytes: where it lies now will change.
func (e *listEntry) own() {
	e.place, e.value = e.clone(), append([]byte(nil), e.value...)
	if e.home.run != nil {
		e.home = e.home.clone()
	}
}

// position is where the element stands that bears a name.
func (l *List) position(name place) place {
	if len(l.moved) > 0 {
		if at, ok := l.moved[string(name.append(nil))]; ok {
			name, _ = placeOf([]byte(at), false)
		}
	}
	return name
}

// elsewhere reports whether an element bears a name but stands elsewhere.
func (l *List) elsewhere(name place) bool {
	if len(l.moved) == 0 {
		return false
	}
	_, ok := l.moved[string(name.append(nil))]
	return ok
}

// noteMoved notes the position of an element that is about to be inserted.
func (l *List) noteMoved(e *listEntry) {
	if e.home.run == nil {
		return
	}
	if l.moved == nil {
		l.moved = map[string]string{}
	}
	l.moved[string(e.home.append(nil))] = string(e.append(nil))
}

// forgetMoved is its reverse, for the elements from i to j.
func (l *List) forgetMoved(i, j int) {
	if len(l.moved) == 0 {
		return
	}
	l.root.walk(i, func(e *listEntry) bool {
		if e.home.run != nil {
			delete(l.moved, string(e.home.append(nil)))
		}
		i++
		return i < j
	})
	if len(l.moved) == 0 {
		l.moved = nil
	}
}
