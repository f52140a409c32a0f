package crdt

import "crdb/crdt/dict"

func (l *List) apply(op *Op, d Dot) {
	end, known := l.endOf(op)
	if known && op.Kind == KindListRemove && len(op.Elems) == 1 {
		l.cut(end, end+1)
		return
	}
	for i := 0; i < len(op.Elems); i++ {
		e := &op.Elems[i]
		if e.Of != TypeNone { // see Object.clearOthers
			continue
		}
		p, ok := placeOf(e.Name, op.Kind == KindListPush)
		switch {
		case !ok:
		case op.Kind == KindListPush:
			if p.owner().IsZero() { // the op begins the run
				first := len(op.names)
				op.names = append(op.names, e.Name...)
				e.Name = op.names[first:len(op.names):len(op.names)]
				p, _ = placeOf(e.Name, true)
				AppendDot(p.run[:len(p.run)-DotSize], d)
			}
			x := listEntry{place: p, time: d.Time, value: e.Value}
			if known {
				l.insert(min(end, 1)*l.Len(), &x)
			} else {
				l.add(&x, d)
			}
		case op.Kind == KindListCut:
			l.removeSpan(e, op.sees(e))
		case op.Kind == KindListSet:
			l.set(p, e.Seen, e.Value, d)
		case op.Kind == KindListMove:
			l.move(op, i, d)
			return
		default:
			i += l.removeSeen(p, op.Elems[i:])
		}
	}
}

// add inserts an element. Only the author of a run extends it.
func (l *List) add(e *listEntry, d Dot) {
	if e.name().owner().Replica != d.Replica {
		return
	}
	if i := l.end(e); i >= 0 && len(l.moved) == 0 {
		l.insert(i, e)
		return
	}
	if i, old, ok := l.named(e.name()); ok {
		if !d.Newer(old.dot()) {
			return
		}
		l.cut(i, i+1)
	}
	l.place(e)
}

// place inserts an element where it belongs. What stands there if its author
// does not keep to the rules, goes.
func (l *List) place(e *listEntry) {
	i := l.end(e)
	if i < 0 {
		i = l.root.find(e.place)
		if i < l.root.count {
			if old := l.at(i); old.compare(e.place) == 0 {
				l.cut(i, i+1)
			}
		}
	}
	l.insert(i, e)
}

// end returns where e belongs if that is at an end of the list, else -1.
func (l *List) end(e *listEntry) int {
	n := l.Len()
	if n == 0 {
		return 0
	}
	if x, _ := l.root.last(); e.compare(x.place) > 0 {
		return n
	}
	if x := l.root.first(); e.compare(x.place) < 0 {
		return 0
	}
	return -1
}

func (l *List) insert(i int, e *listEntry) {
	if l.root == nil {
		l.root = &listNode{}
	}
	l.edits++
	l.noteMoved(e)
	if right := l.root.insert(i, e); right != nil {
		left := l.root
		l.root = &listNode{count: left.count + right.count, kids: []*listNode{left, right}, below: left.bytes() + right.bytes()}
	}
}

// cut removes the elements from i to j.
func (l *List) cut(i, j int) {
	l.edits++
	l.forgetMoved(i, j)
	if j-i == l.root.count {
		l.root = nil
		return
	}
	l.root.remove(i, j)
	for len(l.root.kids) == 1 {
		l.root = l.root.kids[0]
	}
}

// named returns the element that bears a name.
func (l *List) named(name place) (i int, e listEntry, ok bool) {
	if l.root == nil {
		return 0, e, false
	}
	pos := l.position(name)
	if e = l.root.first(); e.compare(pos) != 0 {
		if i = l.root.find(pos); i == l.root.count {
			return 0, e, false
		}
		e = l.at(i)
	}
	return i, e, e.compare(pos) == 0 && e.name().compare(name) == 0
}

// seen is named for elements that the author of an op has seen.
func (l *List) seen(name place, seen VersionVector) (i int, e listEntry, ok bool) {
	i, e, ok = l.named(name)
	return i, e, ok && seen.Covers(e.dot())
}

// set gives an element another value, if it is there and has no newer one.
func (l *List) set(p place, seen VersionVector, value []byte, d Dot) {
	i, e, ok := l.seen(p, seen)
	if !ok || !d.Newer(e.newest()) {
		return
	}
	e.value = nil
	e.own()
	e.written, e.value = d, value
	l.cut(i, i+1)
	l.insert(i, &e)
}

// removeSeen removes the element that the first of elems names, and with it
// those that stand behind it and that the following elems name. It returns how
// many of them.
func (l *List) removeSeen(p place, elems []Elem) (more int) {
	if l.root == nil {
		return 0
	}
	if e, moved := l.root.last(); !moved && len(elems) == 1 && e.compare(p) == 0 { // the short way for RPOP
		if elems[0].Seen.Covers(e.dot()) {
			l.cut(l.Len()-1, l.Len())
		}
		return 0
	}
	i, _, ok := l.seen(p, elems[0].Seen)
	if !ok {
		return 0
	}
	if len(elems) == 1 {
		l.cut(i, i+1)
		return 0
	}
	j := i
	l.root.walk(i, func(e *listEntry) bool {
		if k := j - i; k > 0 {
			if k >= len(elems) || elems[k].Of != TypeNone || !elems[k].Seen.Covers(e.dot()) {
				return false
			}
			if q, ok := placeOf(elems[k].Name, false); !ok || q.compare(e.name()) != 0 {
				return false
			}
		}
		j++
		return true
	})
	l.cut(i, j)
	return j - i - 1
}

// rebuild makes l the list of the elements that fn passes on, in order.
func (l *List) rebuild(fn func(keep func(e *listEntry))) {
	var to List
	fn(func(e *listEntry) { to.insert(to.Len(), e) })
	to.edits += l.edits + 1
	*l = to
}

// clear removes the elements that seen covers.
func (l *List) clear(seen VersionVector, _ []Elem, _ Dot) {
	l.rebuild(func(keep func(e *listEntry)) {
		l.each1(func(e *listEntry) {
			if !seen.Covers(e.dot()) {
				keep(e)
			}
		})
	})
}

func (l *List) each1(fn func(e *listEntry)) {
	if l.root != nil {
		l.root.walk(0, func(e *listEntry) bool { fn(e); return true })
	}
}

func (l *List) newest() (d Dot) {
	l.each1(func(e *listEntry) {
		if x := e.newest(); x.Newer(d) {
			d = x
		}
	})
	return d
}

// digest sums the hashes of the elements.
func (l *List) digest() (sum uint64) {
	l.each(func(name, rec []byte) { sum += dict.Hash(dict.Hash(digestSeed, name), rec) })
	return sum
}

func (l *List) kept() int { return l.Len() }

// A list does not count.
func (l *List) counts() bool                       { return false }
func (l *List) shares(*Op)                         {}
func (l *List) stale() bool                        { return false }
func (l *List) forget(VersionVector, func([]byte)) {}

func (l *List) bytes() int {
	if l.root == nil {
		return 0
	}
	return l.root.bytes() + len(l.moved)*(64+maxPos)
}
