package crdt

import "math"

// PrepareAdd adds an entry, and a mark over those seen. fields is what
// AppendStreamFields gave; r is the writer. The op aliases the stream until
// its next Prepare.
func (s *Stream) PrepareAdd(op *Op, r ReplicaID, id StreamID, fields []byte) {
	e := op.addElem(s.entryName(id))
	e.Value = fields
	m := s.mark()
	m.count(r, 1)
	if m.last.Less(id) {
		m.last = id
	}
	s.putMark(op, &m)
}

// PrepareFill is PrepareAdd for all of another stream, for copies: the entries
// share the op's dot, the registers are taken over, and the groups start where
// those of the other one stand here.
func (s *Stream) PrepareFill(op *Op, r ReplicaID, from *Stream) {
	s.PrepareEntries(op, from, StreamID{}, math.MaxInt)
	s.PrepareFillApart(op, r, from)
}

// PrepareEntries is PrepareFill of the entries from an ID on, until they take so many
// bytes. If there are more, next is where to go on with another op.
func (s *Stream) PrepareEntries(op *Op, from *Stream, at StreamID, most int) (next StreamID, more bool) {
	size := 0
	from.list.rng(at, MaxStreamID, func(e *StreamEntry) bool {
		if n := len(op.Elems); n > 0 && streamIDAt(op.Elems[n-1].Name[1:]) == e.ID {
			return true // one dot has one entry of an ID
		}
		if size >= most {
			next, more = e.ID, true
			return false
		}
		fields := e.appendFields(nil)
		size += len(fields) + 2*streamIDSize
		op.addElem(s.entryName(e.ID)).Value = fields
		return true
	})
	return next, more
}

// PrepareFillApart is PrepareFill apart from the entries.
func (s *Stream) PrepareFillApart(op *Op, r ReplicaID, from *Stream) {
	info := from.Info()
	m := streamMark{last: info.Last, removed: info.Removed}
	m.count(r, info.Added)
	s.putMark(op, &m)
	for _, g := range from.groups {
		s.PrepareGroup(op, g.Name, g.Last, g.Read, false)
	}
}

// PrepareSetID replaces the marks seen: XSETID. added and removed are left as
// they are if nil.
func (s *Stream) PrepareSetID(op *Op, r ReplicaID, last StreamID, added *uint64, removed *StreamID) {
	m := s.mark()
	m.last = last
	if added != nil {
		m.added = m.added[:0]
		m.count(r, *added)
	}
	if removed != nil {
		m.removed = *removed
	}
	s.putMark(op, &m)
}

// PrepareRemove names the entries that have one of the IDs, and what is seen of
// them. The result is the number of IDs that are there; with none there is
// nothing to issue.
func (s *Stream) PrepareRemove(op *Op, ids []StreamID) (removed int) {
	var top StreamID
	done := map[StreamID]struct{}{}
	for _, id := range ids {
		if _, twice := done[id]; twice || !s.seeEntry(op, id) {
			continue
		}
		done[id] = struct{}{}
		if removed++; top.Less(id) {
			top = id
		}
	}
	if m := s.mark(); removed > 0 && m.removed.Less(top) && len(s.marks) > 0 {
		m.removed = top
		s.putMark(op, &m)
	}
	return removed
}

// seeEntry names the entries with an ID and their dots.
func (s *Stream) seeEntry(op *Op, id StreamID) (found bool) {
	var e *Elem
	s.list.rng(id, id, func(x *StreamEntry) bool {
		if e == nil {
			e = op.addElem(s.entryName(id))
		}
		op.seeDot(e, x.dot)
		return true
	})
	return e != nil
}

// StreamTrim says what to trim: to Max entries, or those before Min. Approx
// takes whole chunks only, and not more than Limit entries if that is not 0.
type StreamTrim struct {
	ByMin, Approx bool
	Max           int
	Min           StreamID
	Limit         int
}

// PrepareTrim names what a trim removes. fresh is the index of the element of
// an entry that the same op adds, -1 if there is none: if the trim takes that
// as well, its element is dropped. The result is the number of entries removed.
func (s *Stream) PrepareTrim(op *Op, t StreamTrim, fresh int) (removed int) {
	length, size, id := s.list.n, 0, StreamID{}
	if fresh >= 0 {
		length++
		size, id = len(op.Elems[fresh].Value), streamIDAt(op.Elems[fresh].Name[1:])
	}
	old := 0 // of those that are there
	for i := 0; i <= len(s.list.chunks); i++ {
		var c *streamChunk // none: the chunk that the fresh entry opens
		entries, last, joins := 0, StreamID{}, false
		if i < len(s.list.chunks) {
			c = s.list.chunks[i]
			entries, last = c.live, c.last
		}
		if fresh >= 0 && (c == nil || i == len(s.list.chunks)-1 && c.room(size)) {
			joins = true
			entries++
			last = id
		}
		if entries == 0 || !t.ByMin && length <= t.Max || t.Limit > 0 && removed+entries > t.Limit {
			break
		}
		whole := length-entries >= t.Max
		if t.ByMin {
			whole = last.Less(t.Min)
		}
		if !whole && t.Approx {
			break
		}
		n := c.trimmed(t, length, whole)
		old += n
		if joins && (whole || t.takes(length-n, id)) {
			op.Elems = append(op.Elems[:fresh], op.Elems[fresh+1:]...)
			n++
		}
		length -= n
		removed += n
		if !whole || joins {
			break
		}
	}
	s.nameFirst(op, old)
	return removed
}

// takes reports whether a trim removes an entry that is the first of length.
func (t *StreamTrim) takes(length int, id StreamID) bool {
	return t.ByMin && id.Less(t.Min) || !t.ByMin && length > t.Max
}

// trimmed is how many entries of a chunk a trim takes, of none if it is nil.
func (c *streamChunk) trimmed(t StreamTrim, length int, whole bool) (n int) {
	switch {
	case c == nil:
		return 0
	case whole:
		return c.live
	case !t.ByMin:
		return min(max(length-t.Max, 0), c.live)
	}
	c.each(func(_ int, e *StreamEntry) bool {
		if !t.takes(length, e.ID) {
			return false
		}
		n++
		return true
	})
	return n
}

// entryName writes an element's name into the scratch space.
func (s *Stream) entryName(id StreamID) []byte {
	s.room(1 + streamIDSize)
	n := len(s.scratch)
	s.scratch = appendStreamID(append(s.scratch, nameEntry), id)
	return s.scratch[n:len(s.scratch):len(s.scratch)]
}

// room makes sure that size more bytes do not move the scratch space, which
// elements alias. Begin empties it.
func (s *Stream) room(size int) {
	if cap(s.scratch)-len(s.scratch) < size {
		s.scratch = make([]byte, 0, max(256, 2*size, min(2*cap(s.scratch), 1<<16)))
	}
}

// Begin readies the stream for preparing an op.
func (s *Stream) Begin() {
	if cap(s.scratch) > 4096 {
		s.scratch = nil
	}
	s.scratch = s.scratch[:0]
}

// putMark adds the element of a mark that has seen all that are there.
func (s *Stream) putMark(op *Op, m *streamMark) {
	s.room(1 + 60 + 13*len(m.added))
	n := len(s.scratch)
	s.scratch = append(s.scratch, nameMark)
	e := op.addElem(s.scratch[n : n+1 : n+1])
	n = len(s.scratch)
	s.scratch = m.append(s.scratch)
	e.Value = s.scratch[n:len(s.scratch):len(s.scratch)]
	for i := range s.marks {
		op.seeDot(e, s.marks[i].dot)
	}
}

// count adds to what a replica has added.
func (m *streamMark) count(r ReplicaID, n uint64) {
	for i := range m.added {
		if m.added[i].replica == r {
			m.added[i].n += n
			return
		}
	}
	m.join(&streamMark{added: []addedBy{{r, n}}})
}
