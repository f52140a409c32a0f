package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The stored form of a stream's elements, by their name:
//
//	entry  for each dot that has added the ID: dot, uvarint length, fields
//	mark   for each: dot, mark
//	group  uvarint number of births, then each: dot, birth; the local state:
//	       uvarints of Last, zigzag Read; uvarint number of consumers, then
//	       each: name, 8 bytes Seen; uvarint number of pending, then each: ID,
//	       uvarint index of the consumer, 8 bytes Time, uvarint Count; late and
//	       ahead: uvarint number, IDs
//
// Dots ascend. An ID is 16 bytes, big endian. What is late lies before Last; the
// complement of from, if it lies behind Last, is listed with it. Without it
// from is Last: a region that does not know it takes nothing for acknowledged.

func (s *Stream) each(fn func(name, rec []byte)) { s.walk(nil, math.MaxInt, fn) }

// walk goes on at the ID at; what is not an entry comes last, all at once.
func (s *Stream) walk(at []byte, n int, fn func(name, rec []byte)) (next []byte) {
	var name, rec []byte
	var last, from StreamID
	if at != nil {
		from = streamIDAt(at)
	}
	flush := func() {
		if len(rec) > 0 {
			name = appendStreamID(append(name[:0], nameEntry), last)
			fn(name, rec)
			n--
		}
	}
	s.list.rng(from, MaxStreamID, func(e *StreamEntry) bool {
		if e.ID != last {
			flush()
			last, rec = e.ID, rec[:0]
			if n <= 0 {
				next = appendStreamID(nil, e.ID)
				return false
			}
		}
		rec = e.appendRecord(rec)
		return true
	})
	if next != nil {
		return next
	}
	flush()
	if rec, ok := s.record([]byte{nameMark}); ok {
		fn([]byte{nameMark}, rec)
	}
	for _, g := range s.groups {
		fn(AppendGroupElem(nil, g.Name), g.appendRecord(nil))
	}
	return nil
}

func (e *StreamEntry) appendRecord(b []byte) []byte {
	return appendBytes(AppendDot(b, e.dot), e.appendFields(nil))
}

func (s *Stream) record(name []byte) (rec []byte, ok bool) {
	switch {
	case len(name) == 1+streamIDSize && name[0] == nameEntry:
		id := streamIDAt(name[1:])
		s.list.rng(id, id, func(e *StreamEntry) bool {
			rec = e.appendRecord(rec)
			return true
		})
	case len(name) == 1 && name[0] == nameMark:
		for i := range s.marks {
			rec = s.marks[i].append(AppendDot(rec, s.marks[i].dot))
		}
	case len(name) > 0 && name[0] == nameGroup:
		if g := s.Group(name[1:]); g != nil {
			rec = g.appendRecord(nil)
		}
	}
	return rec, len(rec) > 0
}

func (g *Group) appendRecord(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(g.births)))
	for i := range g.births {
		b = g.births[i].append(AppendDot(b, g.births[i].dot))
	}
	b = binary.AppendUvarint(binary.AppendUvarint(b, g.Last.Ms), g.Last.Seq)
	b = binary.AppendUvarint(b, zigzag(g.Read))
	b = binary.AppendUvarint(b, uint64(len(g.consumers)))
	index := map[*Consumer]int{}
	for i, c := range g.consumers {
		index[c] = i
		b = binary.BigEndian.AppendUint64(appendBytes(b, []byte(c.Name)), uint64(c.Seen))
	}
	b = binary.AppendUvarint(b, uint64(g.pending.n))
	g.pending.each(StreamID{}, MaxStreamID, func(id StreamID, p *Pending) bool {
		b = binary.AppendUvarint(appendStreamID(b, id), uint64(index[p.Consumer]))
		b = binary.AppendUvarint(binary.BigEndian.AppendUint64(b, uint64(p.Time)), p.Count)
		return true
	})
	mark := g.from.complement()
	marked := g.from.Less(g.Last) && g.Last.Less(mark)
	n := g.late.n
	if marked {
		n++
	}
	list := func(id StreamID, _ *struct{}) bool { b = appendStreamID(b, id); return true }
	b = binary.AppendUvarint(b, uint64(n))
	g.late.each(StreamID{}, MaxStreamID, list)
	if marked {
		b = appendStreamID(b, mark)
	}
	b = binary.AppendUvarint(b, uint64(g.ahead.n))
	g.ahead.each(StreamID{}, MaxStreamID, list)
	return b
}

// complement turns the order of IDs round.
func (id StreamID) complement() StreamID { return StreamID{^id.Ms, ^id.Seq} }

func (s *Stream) load(name, rec []byte) error {
	d := opDecoder{b: rec}
	switch {
	case len(rec) == 0:
		d.fail("empty stream element")
	case len(name) == 1+streamIDSize && name[0] == nameEntry:
		s.loadEntry(&d, streamIDAt(name[1:]))
	case len(name) == 1 && name[0] == nameMark:
		s.loadMarks(&d)
	case len(name) > 0 && name[0] == nameGroup:
		s.loadGroup(&d, name[1:])
	default:
		d.fail("stream element name")
	}
	if d.err != nil {
		return fmt.Errorf("%w: stream element: %v", ErrCorrupt, d.err)
	}
	return nil
}

// ascends checks that a dot comes after the one before it.
func (d *opDecoder) ascends(last *Dot) Dot {
	x := d.dot()
	if d.err == nil && (x.Replica == 0 || x.Time == 0 || x.Compare(*last) <= 0) {
		d.fail("dots of a stream element")
	}
	*last = x
	return x
}

func (s *Stream) loadEntry(d *opDecoder, id StreamID) {
	type one struct {
		dot    Dot
		fields []byte
	}
	var all []one
	for last := (Dot{}); len(d.b) > 0; {
		x := one{d.ascends(&last), d.bytes()}
		if d.err == nil && !validFields(x.fields) {
			d.fail("fields")
		}
		all = append(all, x)
	}
	for _, x := range all {
		if d.err == nil {
			s.list.add(id, x.dot, x.fields)
		}
	}
}

func (s *Stream) loadMarks(d *opDecoder) {
	var all []streamMarked
	for last := (Dot{}); len(d.b) > 0; {
		x := streamMarked{dot: d.ascends(&last)}
		x.cut(d)
		all = append(all, x)
	}
	if d.err == nil {
		s.marks = all
	}
}

func (s *Stream) loadGroup(d *opDecoder, name []byte) {
	g := &Group{Name: append([]byte(nil), name...)}
	var last Dot
	for n := d.count(DotSize + 3); n > 0 && d.err == nil; n-- {
		x := groupBirth{dot: d.ascends(&last)}
		x.cut(d)
		g.births = append(g.births, x)
	}
	g.Last = StreamID{d.uvarint(), d.uvarint()}
	g.Read = unzigzag(d.uvarint())
	g.loadPending(d)
	g.from = g.Last
	for _, m := range []*idMap[struct{}]{&g.late, &g.ahead} {
		before, first := StreamID{}, true
		for n := d.uvarint(); n > 0 && d.err == nil; n-- {
			id := d.streamID(&before, &first)
			if m == &g.ahead || !g.Last.Less(id) {
				m.put(id, struct{}{})
				continue
			}
			if g.from = id.complement(); n > 1 || !g.from.Less(g.Last) {
				d.fail("position of a group")
			}
		}
	}
	if len(d.b) > 0 {
		d.fail("trailing bytes")
	}
	if d.err != nil {
		return
	}
	i, ok := s.groupAt(name)
	if ok {
		s.groups[i] = g
		return
	}
	s.groups = append(s.groups[:i:i], append([]*Group{g}, s.groups[i:]...)...)
}

func (g *Group) loadPending(d *opDecoder) {
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		c := &Consumer{Name: string(d.bytes()), Seen: int64(d.time())}
		if k := len(g.consumers); k > 0 && g.consumers[k-1].Name >= c.Name {
			d.fail("consumers")
		}
		g.consumers = append(g.consumers, c)
	}
	before, first := StreamID{}, true
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		id, i := d.streamID(&before, &first), d.uvarint()
		at, count := int64(d.time()), d.uvarint()
		if i >= uint64(len(g.consumers)) {
			d.fail("consumer")
			return
		}
		g.Assign(id, g.consumers[i], at, count)
	}
}

// streamID reads an ID that comes after the one before it.
func (d *opDecoder) streamID(last *StreamID, first *bool) StreamID {
	if len(d.b) < streamIDSize {
		d.fail("stream ID")
		return StreamID{}
	}
	id := streamIDAt(d.b)
	d.b = d.b[streamIDSize:]
	if !*first && !last.Less(id) {
		d.fail("order of stream IDs")
	}
	*last, *first = id, false
	return id
}
