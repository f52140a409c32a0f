package crdt

import "slices"

// A span of a stream names the IDs of the first and the last entry of a row, and
// what its author had seen of the key: it removes the entries in between that were
// seen, as a span of a list does (list_span.go). A trim names so what it takes.

// nameFirst names the first n entries, which a trim removes.
func (s *Stream) nameFirst(op *Op, n int) {
	if n == 0 { // most often, where each XADD trims
		return
	}
	if n >= spanFrom && op.whole != nil {
		last := s.list.idAt(n - 1)
		if n == s.list.n || s.list.idAt(n) != last { // two regions may have added the same ID
			s.seeSpan(op, s.list.idAt(0), last)
			return
		}
	}
	op.Expect(n, true)
	s.list.each(func(e *StreamEntry) bool {
		if n--; n < 0 {
			return false
		}
		op.seeDot(op.addElem(s.entryName(e.ID)), e.dot)
		return true
	})
}

// seeSpan names the entries between two IDs, both included.
func (s *Stream) seeSpan(op *Op, first, last StreamID) {
	s.room(1 + 2*streamIDSize)
	name, all := appendName(s.scratch, func(b []byte) []byte { return appendStreamID(append(b, nameSpan), first) })
	value, all := appendName(all, func(b []byte) []byte { return appendStreamID(b, last) })
	s.scratch = all
	e := op.addElem(name)
	e.Value, e.Seen = value, op.seenOfKey()
}

// spanOf reads the element of a span.
func spanOf(e *Elem) (first, last StreamID, ok bool) {
	if len(e.Name) != 1+streamIDSize || e.Name[0] != nameSpan || len(e.Value) != streamIDSize {
		return first, last, false
	}
	return streamIDAt(e.Name[1:]), streamIDAt(e.Value), true
}

// streamSpan is Op.Span.
func streamSpan(e *Elem) (first, last []byte, ok bool) {
	from, to, ok := spanOf(e)
	if !ok {
		return nil, nil, false
	}
	return appendStreamID([]byte{nameEntry}, from), appendStreamID([]byte{nameEntry}, to), true
}

// eachIn calls fn for the names of the entries between two names.
func (s *Stream) eachIn(first, last []byte, fn func(name []byte)) {
	before := MaxStreamID
	s.list.rng(streamIDAt(first[1:]), streamIDAt(last[1:]), func(e *StreamEntry) bool {
		if e.ID != before {
			fn(appendStreamID([]byte{nameEntry}, e.ID))
		}
		before = e.ID
		return true
	})
}

// idAt returns the ID of the i-th entry, which must be there.
func (l *streamList) idAt(i int) (id StreamID) {
	k := 0
	for ; i >= l.chunks[k].live; k++ {
		i -= l.chunks[k].live
	}
	l.chunks[k].each(func(_ int, e *StreamEntry) bool {
		id = e.ID
		i--
		return i >= 0
	})
	return id
}

// cut removes the entries from one ID to another that seen covers; all says that
// it covers all.
func (l *streamList) cut(first, last StreamID, seen VersionVector, all bool) {
	lo := l.find(first, Dot{})
	hi, emptied := lo, 0
	for ; hi < len(l.chunks) && !last.Less(l.chunks[hi].first); hi++ {
		c := l.chunks[hi]
		live := c.live
		if all && !c.first.Less(first) && !last.Less(c.last) {
			c.live = 0
		} else {
			c.each(func(off int, e *StreamEntry) bool {
				if !e.ID.Less(first) && !last.Less(e.ID) && seen.Covers(e.dot) {
					c.kill(off)
				}
				return !last.Less(e.ID)
			})
		}
		l.n -= live - c.live
		if c.live == 0 {
			l.held -= c.bytes()
			emptied++
		}
	}
	if emptied > 0 {
		l.dropEmptied(lo, hi)
	}
}

// dropEmptied takes out the chunks from lo to hi that are empty. Those in front
// cost nothing.
func (l *streamList) dropEmptied(lo, hi int) {
	for ; lo == 0 && hi > 0 && l.chunks[0].live == 0; hi-- {
		l.chunks[0] = nil
		l.chunks = l.chunks[1:]
	}
	kept := slices.DeleteFunc(l.chunks[lo:hi], func(c *streamChunk) bool { return c.live == 0 })
	l.chunks = slices.Delete(l.chunks, lo+len(kept), hi)
}
