package crdt

import "slices"

// merge joins o into l: an element that one side lacks although it covers it
// was removed there (K1); of its values and of its moves the newest counts.
func (l *List) merge(vv VersionVector, other collection, ovv VersionVector) {
	var theirs []listEntry
	o := other.(*List)
	o.each1(func(e *listEntry) { theirs = append(theirs, *e) })
	if len(l.moved)+len(o.moved) > 0 {
		l.mergeMoved(vv, theirs, ovv)
		return
	}
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

// unseenBy reports whether vv covers none of the elements.
func (l *List) unseenBy(vv VersionVector) bool {
	return l.root == nil || l.root.walk(0, func(e *listEntry) bool { return !vv.Covers(e.dot()) })
}

// joinElements joins two elements of one name.
func joinElements(keep func(*listEntry), e *listEntry, vv VersionVector, o *listEntry, ovv VersionVector) {
	mine, theirs := e.dot(), o.dot()
	switch {
	case mine == theirs:
		both := *e
		if o.newest().Newer(e.newest()) {
			both.written, both.value = o.written, o.value
		}
		if o.moved().Newer(e.moved()) {
			both.home, both.place = o.home, o.place
		}
		keep(&both)
	case vv.Covers(theirs) && !ovv.Covers(mine): // the name was given to another element
		keep(e)
	case !vv.Covers(theirs):
		keep(o)
	}
}

// mergeMoved is merge for lists in which elements do not stand in the order of
// their names.
func (l *List) mergeMoved(vv VersionVector, theirs []listEntry, ovv VersionVector) {
	names := make(map[string]*listEntry, len(theirs))
	for i := range theirs {
		names[string(theirs[i].name().append(nil))] = &theirs[i]
	}
	var all []*listEntry
	keep := func(e *listEntry) { own := *e; all = append(all, &own) }
	l.each1(func(e *listEntry) {
		name := string(e.name().append(nil))
		o := names[name]
		if delete(names, name); o == nil {
			if !ovv.Covers(e.dot()) {
				keep(e)
			}
			return
		}
		joinElements(keep, e, vv, o, ovv)
	})
	for i := range theirs {
		e := &theirs[i]
		if names[string(e.name().append(nil))] == e && !vv.Covers(e.dot()) {
			keep(e)
		}
	}
	slices.SortFunc(all, func(a, b *listEntry) int { return a.compare(b.place) })
	l.rebuild(func(keep func(e *listEntry)) {
		for _, e := range all {
			keep(e)
		}
	})
}
