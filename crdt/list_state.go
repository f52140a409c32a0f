package crdt

import (
	"fmt"

	"crdb/crdt/dict"
)

func (l *List) apply(op *Op, d Dot) {
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
			l.add(&listEntry{place: p, time: d.Time, value: e.Value}, d)
		case op.Kind == KindListSet:
			l.set(p, e.Seen, e.Value, d)
		default:
			i += l.removeSeen(p, op.Elems[i:])
		}
	}
}

// add inserts an element. Only the author of a run extends it.
func (l *List) add(e *listEntry, d Dot) {
	if e.owner().Replica != d.Replica {
		return
	}
	if l.root == nil {
		l.root = &listNode{}
	}
	i := l.end(e)
	if i < 0 {
		i = l.root.find(e.place)
		if i < l.root.count {
			switch old := l.at(i); {
			case old.compare(e.place) != 0:
			case !d.Newer(old.dot()):
				return
			default:
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
	if x := l.root.last(); e.compare(x.place) > 0 {
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
	if right := l.root.insert(i, e); right != nil {
		left := l.root
		l.root = &listNode{count: left.count + right.count, kids: []*listNode{left, right}}
	}
}

// cut removes the elements from i to j.
func (l *List) cut(i, j int) {
	if j-i == l.root.count {
		l.root = nil
		return
	}
	l.root.remove(i, j)
	for len(l.root.kids) == 1 {
		l.root = l.root.kids[0]
	}
}

// find returns the element at a place if seen covers it.
func (l *List) find(p place, seen VersionVector) (i int, e listEntry, ok bool) {
	if l.root == nil {
		return 0, e, false
	}
	if e = l.root.first(); e.compare(p) == 0 {
		return 0, e, seen.Covers(e.dot())
	}
	if i = l.root.find(p); i == l.root.count {
		return 0, e, false
	}
	e = l.at(i)
	return i, e, e.compare(p) == 0 && seen.Covers(e.dot())
}

// set gives an element another value, if it is there and has no newer one.
func (l *List) set(p place, seen VersionVector, value []byte, d Dot) {
	i, e, ok := l.find(p, seen)
	if !ok || !d.Newer(e.newest()) {
		return
	}
	e.run = append([]byte(nil), e.run...) // it lies in what goes now
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
	if e := l.root.last(); len(elems) == 1 && e.compare(p) == 0 { // the short way for RPOP
		if elems[0].Seen.Covers(e.dot()) {
			l.cut(l.Len()-1, l.Len())
		}
		return 0
	}
	i, _, ok := l.find(p, elems[0].Seen)
	if !ok {
		return 0
	}
	j := i
	l.root.walk(i, func(e *listEntry) bool {
		if k := j - i; k > 0 {
			if k >= len(elems) || elems[k].Of != TypeNone || !elems[k].Seen.Covers(e.dot()) {
				return false
			}
			if q, ok := placeOf(elems[k].Name, false); !ok || q.compare(e.place) != 0 {
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

// merge joins o into l: an element that one side lacks although it covers it
// was removed there (K1); of its values the newest counts.
func (l *List) merge(vv VersionVector, other collection, ovv VersionVector) {
	var theirs []listEntry
	other.(*List).each1(func(e *listEntry) { theirs = append(theirs, *e) })
	l.rebuild(func(keep func(e *listEntry)) {
		next := func(before *listEntry) { // theirs that come first
			for ; len(theirs) > 0 && (before == nil || theirs[0].compare(before.place) < 0); theirs = theirs[1:] {
				if !vv.Covers(theirs[0].dot()) {
					keep(&theirs[0])
				}
			}
		}
		l.each1(func(e *listEntry) {
			next(e)
			if len(theirs) == 0 || theirs[0].compare(e.place) != 0 {
				if !ovv.Covers(e.dot()) {
					keep(e)
				}
				return
			}
			o := &theirs[0]
			theirs = theirs[1:]
			joinElements(keep, e, vv, o, ovv)
		})
		next(nil)
	})
}

// joinElements joins two elements at one place.
func joinElements(keep func(*listEntry), e *listEntry, vv VersionVector, o *listEntry, ovv VersionVector) {
	mine, theirs := e.dot(), o.dot()
	switch {
	case mine == theirs && o.newest().Newer(e.newest()):
		keep(o)
	case mine == theirs:
		keep(e)
	case vv.Covers(theirs) && !ovv.Covers(mine): // the place was given to another element
		keep(e)
	case !vv.Covers(theirs):
		keep(o)
	}
}

// digest sums the hashes of the elements.
func (l *List) digest() (sum uint64) {
	l.each(func(name, rec []byte) { sum += dict.Hash(dict.Hash(digestSeed, name), rec) })
	return sum
}

func (l *List) kept() int { return l.Len() }

// A list does not count.
func (l *List) counts() bool         { return false }
func (l *List) shares(*Op)           {}
func (l *List) stale() bool          { return false }
func (l *List) forget(VersionVector) {}

func (l *List) bytes() int {
	if l.root == nil {
		return 0
	}
	return l.root.bytes()
}

// The record of an element, whose name is its position: its dot, the dot of
// its value, the value. The two dots are equal until an LSET.
func (e *listEntry) record(b []byte) []byte {
	b = AppendDot(AppendDot(b, e.dot()), e.newest())
	return append(b, e.value...)
}

func (l *List) each(fn func(name, rec []byte)) {
	var name, rec []byte
	l.each1(func(e *listEntry) {
		name, rec = e.append(name[:0]), e.record(rec[:0])
		fn(name, rec)
	})
}

func (l *List) record(name []byte) (rec []byte, ok bool) {
	p, ok := placeOf(name, false)
	if !ok || l.root == nil {
		return nil, false
	}
	i := l.root.find(p)
	if i == l.root.count {
		return nil, false
	}
	e := l.at(i)
	return e.record(nil), e.compare(p) == 0
}

func (l *List) load(name, rec []byte) error {
	p, ok := placeOf(name, false)
	if !ok || len(rec) < 2*DotSize {
		return fmt.Errorf("%w: list element", ErrCorrupt)
	}
	d, written := DotAt(rec), DotAt(rec[DotSize:])
	if d.Replica != p.owner().Replica || written != d && !written.Newer(d) {
		return fmt.Errorf("%w: dots of a list element", ErrCorrupt)
	}
	e := listEntry{place: p, time: d.Time, value: rec[2*DotSize:]}
	if written != d {
		e.written = written
	}
	l.add(&e, d)
	return nil
}
