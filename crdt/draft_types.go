package crdt

import "encoding/binary"

// What each type does for a Draft.

func (s *Set) movable() bool { return true }

func (s *Set) draft(d *Draft, n int) (more bool) {
	to, _ := d.ready.(*Set)
	d.at = s.members.Scan(d.at, n, func(name, _ []byte) {
		d.elem(name)
		if to != nil {
			copy(to.members.Reserve(name, DotSize), d.buf)
		}
	})
	return d.at != 0
}

func (s *Set) stamp(d Dot) {
	var others [][]byte
	dot := AppendDot(nil, d)
	s.members.All(func(name, rec []byte) {
		if len(rec) == DotSize {
			copy(rec, dot)
		} else {
			others = append(others, append([]byte(nil), name...))
		}
	})
	for _, name := range others {
		s.store(name, AppendDot(nil, d))
	}
}

// movable: nothing counts and everything shows.
func (m *cellMap) movable() bool { return m.counters == 0 && m.stales == 0 && m.residue == 0 }

// plainDraft puts an element that is nothing but a value into the map of a draft.
func (m *cellMap) plainDraft(d *Draft, name, value []byte) {
	b := m.cells.Reserve(name, plainHeader+len(value))
	b[0] = shapePlain
	copy(b[1:], d.buf)
	copy(b[plainHeader:], value)
}

// stampAll is stamp of the elements; change is the changer.
func (m *cellMap) stampAll(change changer, d Dot) {
	var others [][]byte
	dot := AppendDot(nil, d)
	m.cells.All(func(name, rec []byte) {
		if rec[0] == shapePlain {
			copy(rec[1:], dot)
		} else {
			others = append(others, append([]byte(nil), name...))
		}
	})
	for _, name := range others {
		change(name, func(e *element) {
			*e = element{Cell: Cell{Siblings: []Sibling{{d, append([]byte(nil), e.Siblings[0].Value...)}}}}
		})
	}
}

func (h *Hash) draft(d *Draft, n int) (more bool) {
	to, _ := d.ready.(*Hash)
	d.at = h.cells.Scan(d.at, n, func(name, rec []byte) {
		if !cellLive(rec) {
			return
		}
		value := cellValue(nil, rec)
		d.valued(name, value)
		if to != nil {
			to.plainDraft(d, name, value)
		}
	})
	return d.at != 0
}

func (h *Hash) stamp(d Dot) { h.stampAll(h.change, d) }

func (z *ZSet) draft(d *Draft, n int) (more bool) {
	to, _ := d.ready.(*ZSet)
	var score [scoreSize]byte
	put := func(name []byte, f float64) {
		p := d.piece()
		*p = appendScore(append(appendBytes(*p, name), partScore), f)
	}
	if to == nil {
		d.at = z.cells.Scan(d.at, n, func(name, rec []byte) {
			f, _ := recScore(rec)
			put(name, f)
		})
		return d.at != 0
	}
	from := int(d.at)
	z.sorted().walk(from, from+n, false, func(name []byte, f float64) bool {
		put(name, f)
		to.plainDraft(d, name, appendScore(score[:0], f))
		to.order.insert(f, name)
		d.at++
		return true
	})
	return int(d.at) < z.Len()
}

func (z *ZSet) stamp(d Dot) { z.stampAll(z.change, d) }

// The elements of a copied list have other names.
func (l *List) movable() bool { return false }

func (l *List) draft(d *Draft, n int) (more bool) {
	to, end := d.ready.(*List), int(d.at)+n
	var name []byte
	l.root.walk(int(d.at), func(e *listEntry) bool {
		if int(d.at) == end {
			return false
		}
		seq := int64(d.at)
		name = appendStep(name[:0], 0, seq)
		d.valued(name, e.value)
		to.insert(to.Len(), &listEntry{place: place{d.buf, seq}, time: DotAt(d.buf[len(d.buf)-DotSize:]).Time, value: e.value})
		d.at++
		return true
	})
	return int(d.at) < l.Len()
}

// stamp fills in the dot of the only run, with which every leaf begins.
func (l *List) stamp(d Dot) {
	if l.root != nil {
		l.root.stamp(d)
	}
}

func (n *listNode) stamp(d Dot) {
	for _, kid := range n.kids {
		kid.stamp(d)
	}
	if n.kids == nil {
		size, k := binary.Uvarint(n.data[1:])
		end := 1 + k + int(size)
		AppendDot(n.data[end-DotSize:end-DotSize], d)
		n.tail.known = false
	}
}

// The dots of a stream take as many bytes as they need.
func (s *Stream) movable() bool { return false }

func (s *Stream) draft(d *Draft, n int) (more bool) {
	to, born := d.ready.(*Stream), DotAt(d.buf)
	var name, fields []byte
	for end := d.size + n; int(d.at) < len(s.list.chunks) && d.size < end; d.at++ {
		s.list.chunks[d.at].each(func(_ int, e *StreamEntry) bool {
			if d.size > 0 && d.last == e.ID {
				return true // one dot has one entry of an ID
			}
			d.last = e.ID
			name = appendStreamID(append(name[:0], nameEntry), e.ID)
			fields = e.appendFields(fields[:0])
			d.valued(name, fields)
			to.list.add(e.ID, born, fields)
			return true
		})
	}
	return int(d.at) < len(s.list.chunks)
}

func (s *Stream) stamp(d Dot) {
	if d.Time.Logical() < 0x80 {
		for _, c := range s.list.chunks {
			c.stamp(d)
		}
		return
	}
	old := s.list
	s.list = streamList{}
	var fields []byte
	old.each(func(e *StreamEntry) bool {
		fields = e.appendFields(fields[:0])
		s.list.add(e.ID, d, fields)
		return true
	})
}

// stamp gives all entries, which have one dot of the same replica with a logical
// counter of one byte, another such dot.
func (c *streamChunk) stamp(d Dot) {
	for off := 0; off < len(c.data); {
		size, k := binary.Uvarint(c.data[off+1:])
		at := off + 1 + k
		off = at + int(size)
		for range 4 { // ID, replica, milliseconds
			_, k := binary.Uvarint(c.data[at:])
			at += k
		}
		c.data[at] = byte(d.Time.Logical())
	}
	c.base, c.lastDot = d, d
}
