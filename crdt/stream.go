package crdt

import (
	"encoding/binary"
	"slices"
	"sort"

	"crdb/crdt/dict"
)

// Stream is an add-wins observed-remove log of entries with consumer groups.
//
// An entry is named by its ID and the dot that added it: two regions that add
// the same ID have two entries, and a removal by ID takes those it had seen.
//
// A mark is the stream's existence without entries, written anew, over the
// marks it has seen, by every operation that adds: it carries the last ID, the
// largest ID that XDEL has removed and, per replica, how many entries it has
// added. Of concurrent marks the largest of each counts. A removal adds no
// mark; it raises the removed ID in the marks that it had seen.
//
// A group is the set of dots that have created it, each with the position it
// starts at. What has been read, and by whom, is local (GroupState): it is
// saved with the group but neither replicated nor part of the digest.
//
// In an operation, and in the stored form, the name of an element is a letter
// and what follows: nameEntry and an ID, nameMark, nameGroup and a name; and in
// an operation nameSpan and the first ID of a row, the last one being the value.
// The zero value is empty.
type Stream struct {
	list    streamList
	marks   []streamMarked // by dot, oldest first
	groups  []*Group       // by name
	scratch []byte         // names and values of an op that is being prepared
	joined  []addedBy      // of the mark that mark returned last
	spare   []addedBy      // for the next mark that replaces one
	lateNew bool           // a group's is
}

const (
	nameEntry = 'e'
	nameMark  = 'm'
	nameGroup = 'g'
	nameSpan  = 's'
)

// streamMarked is a mark and its dot.
type streamMarked struct {
	dot Dot
	streamMark
}

// streamMark is encoded as uvarints: Ms and Seq of last and of removed, a
// count, and of each replica its ID and the number of entries it has added.
type streamMark struct {
	last, removed StreamID
	added         []addedBy // by replica
}

type addedBy struct {
	replica ReplicaID
	n       uint64
}

func (m *streamMark) append(b []byte) []byte {
	for _, u := range []uint64{m.last.Ms, m.last.Seq, m.removed.Ms, m.removed.Seq, uint64(len(m.added))} {
		b = binary.AppendUvarint(b, u)
	}
	for _, a := range m.added {
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(a.replica)), a.n)
	}
	return b
}

// cut reads a mark; after an error the decoder has failed.
func (m *streamMark) cut(d *opDecoder) {
	m.last = StreamID{d.uvarint(), d.uvarint()}
	m.removed = StreamID{d.uvarint(), d.uvarint()}
	m.added = m.added[:0]
	n := d.uvarint()
	if n > uint64(len(d.b)/2) {
		d.fail("stream mark")
	}
	last := uint64(0)
	for ; n > 0 && d.err == nil; n-- {
		r := d.uvarint()
		if r <= last || r > 1<<16-1 {
			d.fail("stream mark")
			return
		}
		last = r
		m.added = append(m.added, addedBy{ReplicaID(r), d.uvarint()})
	}
}

// join takes the larger of everything.
func (m *streamMark) join(o *streamMark) {
	if m.last.Less(o.last) {
		m.last = o.last
	}
	if m.removed.Less(o.removed) {
		m.removed = o.removed
	}
	for _, a := range o.added {
		i, ok := slices.BinarySearchFunc(m.added, a, func(x, y addedBy) int { return int(x.replica) - int(y.replica) })
		if !ok {
			m.added = slices.Insert(m.added, i, a)
		} else {
			m.added[i].n = max(m.added[i].n, a.n)
		}
	}
}

// mark joins the marks. The result is valid until the next call.
func (s *Stream) mark() (m streamMark) {
	m.added = s.joined[:0]
	for i := range s.marks {
		m.join(&s.marks[i].streamMark)
	}
	s.joined = m.added
	return m
}

// Entries returns the number of entries.
func (s *Stream) Entries() int { return s.list.n }

// LastID returns the last ID given out, as far as live state tells.
func (s *Stream) LastID() StreamID {
	var last StreamID
	for i := range s.marks {
		if m := s.marks[i].last; last.Less(m) {
			last = m
		}
	}
	if n := len(s.list.chunks); n > 0 {
		if top := s.list.chunks[n-1].last; last.Less(top) {
			if top = s.list.edge(false); last.Less(top) {
				return top
			}
		}
	}
	return last
}

// StreamInfo is the registers of a stream.
type StreamInfo struct {
	Last, Removed, First StreamID
	Added                uint64
	Chunks               int
}

// Info returns the registers.
func (s *Stream) Info() StreamInfo {
	m := s.mark()
	info := StreamInfo{Last: s.LastID(), Removed: m.removed, First: s.list.edge(true), Chunks: len(s.list.chunks)}
	for _, a := range m.added {
		info.Added += a.n
	}
	return info
}

// Range calls fn for the entries from start to end, or the other way round,
// until it returns false.
func (s *Stream) Range(start, end StreamID, rev bool, fn func(e *StreamEntry) bool) {
	if rev {
		s.list.back(start, end, fn)
	} else {
		s.list.rng(start, end, fn)
	}
}

// Has reports whether there is an entry with the ID.
func (s *Stream) Has(id StreamID) (ok bool) {
	s.list.rng(id, id, func(*StreamEntry) bool { ok = true; return false })
	return ok
}

// Len is the number of things by which the stream exists.
func (s *Stream) Len() int  { return s.list.n + len(s.marks) + len(s.groups) }
func (s *Stream) kept() int { return s.Len() }

// newest returns the newest live dot.
func (s *Stream) newest() Dot { return newestOf(s.eachDot) }

func (s *Stream) eachDot(fn func(d Dot)) {
	s.list.each(func(e *StreamEntry) bool { fn(e.dot); return true })
	for i := range s.marks {
		fn(s.marks[i].dot)
	}
	for _, g := range s.groups {
		for i := range g.births {
			fn(g.births[i].dot)
		}
	}
}

// addMark adds a mark, unless it is there.
func (s *Stream) addMark(d Dot, m streamMark) {
	i := sort.Search(len(s.marks), func(i int) bool { return s.marks[i].dot.Compare(d) >= 0 })
	if i < len(s.marks) && s.marks[i].dot == d {
		return
	}
	s.marks = slices.Insert(s.marks, i, streamMarked{d, m})
}

func (s *Stream) apply(op *Op, d Dot) {
	added := false // what the op has added its author need not have seen
	for i := range op.Elems {
		e := &op.Elems[i]
		if e.Of != TypeNone || len(e.Name) == 0 {
			continue
		}
		switch name := e.Name[1:]; {
		case e.Name[0] == nameEntry && len(name) == streamIDSize:
			s.applyEntry(op.Kind, e, streamIDAt(name), d)
			added = true
		case e.Name[0] == nameSpan:
			if first, last, ok := spanOf(e); ok {
				s.list.cut(first, last, e.Seen, !added && op.sees(e))
			}
		case e.Name[0] == nameMark && len(name) == 0:
			s.applyMark(op.Kind, e, d)
		case e.Name[0] == nameGroup:
			s.applyGroup(op.Kind, e, d)
		}
	}
}

func (s *Stream) applyEntry(kind Kind, e *Elem, id StreamID, d Dot) {
	if len(e.Seen) > 0 {
		s.list.remove(id, e.Seen)
	}
	if kind != KindStreamAdd || !validFields(e.Value) {
		return
	}
	if len(s.groups) > 0 && !s.LastID().Less(id) { // the last one may be another region's, too
		s.noteLate(id)
	}
	s.list.add(id, d, e.Value)
}

func (s *Stream) applyMark(kind Kind, e *Elem, d Dot) {
	dec := opDecoder{b: e.Value}
	m := streamMark{added: s.spare[:0]}
	m.cut(&dec)
	s.spare = m.added
	if dec.err != nil || len(dec.b) > 0 {
		return
	}
	if x := s.marks; kind == KindStreamAdd && len(x) == 1 && e.Seen.Covers(x[0].dot) && x[0].dot != d { // the rule
		s.spare, x[0] = x[0].added, streamMarked{d, m}
		return
	}
	m.added = slices.Clone(m.added)
	if kind == KindStreamAdd {
		s.marks = slices.DeleteFunc(s.marks, func(x streamMarked) bool { return e.Seen.Covers(x.dot) })
		s.addMark(d, m)
		return
	}
	for i := range s.marks {
		if x := &s.marks[i]; e.Seen.Covers(x.dot) && x.removed.Less(m.removed) {
			x.removed = m.removed
		}
	}
}

// clear removes what seen covers.
func (s *Stream) clear(seen VersionVector, _ []Elem, _ Dot) {
	s.list.filter(func(e *StreamEntry) bool { return !seen.Covers(e.dot) })
	s.marks = slices.DeleteFunc(s.marks, func(x streamMarked) bool { return seen.Covers(x.dot) })
	for _, g := range s.groups {
		g.remove(seen)
	}
	s.pruneGroups()
}

// merge joins o into s: what one side lacks although it covers it was removed
// there (K1). Local state is that of s.
func (s *Stream) merge(vv VersionVector, other collection, ovv VersionVector) {
	o := other.(*Stream)
	type added struct {
		id  StreamID
		dot Dot
	}
	theirs := map[added]struct{}{}
	o.list.each(func(e *StreamEntry) bool { theirs[added{e.ID, e.dot}] = struct{}{}; return true })
	s.list.filter(func(e *StreamEntry) bool {
		_, both := theirs[added{e.ID, e.dot}]
		return both || !ovv.Covers(e.dot)
	})
	var buf []byte
	o.list.each(func(e *StreamEntry) bool {
		if !vv.Covers(e.dot) {
			if buf = e.appendFields(buf[:0]); !s.LastID().Less(e.ID) {
				s.noteLate(e.ID)
			}
			s.list.add(e.ID, e.dot, buf)
		}
		return true
	})
	s.mergeMarks(vv, o, ovv)
	s.mergeGroups(vv, o, ovv)
}

func (s *Stream) mergeMarks(vv VersionVector, o *Stream, ovv VersionVector) {
	var out []streamMarked
	for _, m := range s.marks {
		i := slices.IndexFunc(o.marks, func(x streamMarked) bool { return x.dot == m.dot })
		if i >= 0 {
			m.join(&o.marks[i].streamMark)
		}
		if i >= 0 || !ovv.Covers(m.dot) {
			out = append(out, m)
		}
	}
	s.marks = out
	for _, m := range o.marks {
		if !vv.Covers(m.dot) {
			m.added = slices.Clone(m.added) // changed in place here, and there
			s.addMark(m.dot, m.streamMark)
		}
	}
}

// digest sums the hashes of the parts, so that order does not matter.
func (s *Stream) digest() (sum uint64) {
	var b []byte
	add := func() { sum += dict.Hash(digestSeed, b) }
	s.list.each(func(e *StreamEntry) bool {
		b = AppendDot(appendStreamID(append(b[:0], nameEntry), e.ID), e.dot)
		b = e.appendFields(b)
		add()
		return true
	})
	for i := range s.marks {
		b = s.marks[i].append(AppendDot(append(b[:0], nameMark), s.marks[i].dot))
		add()
	}
	for _, g := range s.groups {
		for i := range g.births {
			b = append(append(b[:0], nameGroup), g.Name...)
			b = g.births[i].append(AppendDot(b, g.births[i].dot))
			add()
		}
	}
	return sum
}

// A stream does not count.
func (s *Stream) counts() bool                       { return false }
func (s *Stream) shares(*Op)                         {}
func (s *Stream) stale() bool                        { return false }
func (s *Stream) forget(VersionVector, func([]byte)) {}

func (s *Stream) bytes() int {
	n := s.list.bytes() + 64*len(s.marks)
	step, weighed, groups := len(s.groups)/maxWeighed+1, 0, 0
	for i := 0; i < len(s.groups); i += step { // of many as some of them: each change of the key asks
		groups += s.groups[i].bytes()
		weighed++
	}
	return n + groups*len(s.groups)/max(weighed, 1)
}

// maxWeighed is how many groups are looked at to estimate the memory of all.
const maxWeighed = 16
