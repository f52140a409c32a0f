package crdt

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// Group is a consumer group: the births that are live, which replicate, and
// what has been read here, which does not. Acknowledgements replicate: they
// take an entry from the pending list, or keep one that was not read here yet
// from being delivered.
type Group struct {
	Name   []byte
	births []groupBirth // by dot, oldest first
	GroupState
	lateNew bool // late has grown since EachLate told
}

// groupBirth is one creation: where the group starts.
type groupBirth struct {
	dot   Dot
	start StreamID
	read  int64
}

// append appends the value: uvarints Ms and Seq, and zigzag read.
func (x *groupBirth) append(b []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, x.start.Ms), x.start.Seq)
	return binary.AppendUvarint(b, zigzag(x.read))
}

func (x *groupBirth) cut(d *opDecoder) {
	x.start = StreamID{d.uvarint(), d.uvarint()}
	x.read = unzigzag(d.uvarint())
}

// NoEntriesRead says that the number of entries a group has read is unknown.
const NoEntriesRead = -1

// GroupState is what one region knows of the reading of a group: local, saved
// with checkpoints. What happened after the last one is lost in a crash, and
// entries read since then are delivered again: at least once.
type GroupState struct {
	Last      StreamID        // the newest entry delivered, or acknowledged elsewhere
	Read      int64           // how many were, NoEntriesRead if unknown
	pending   idMap[Pending]  // delivered, not acknowledged
	late      idMap[struct{}] // arrived behind Last: still to be delivered
	ahead     idMap[struct{}] // behind Last, acknowledged elsewhere before delivery here
	from      StreamID        // where the position was set: from here to Last nothing was skipped
	consumers []*Consumer     // by name
}

// Pending is one delivery that waits for its acknowledgement.
type Pending struct {
	Consumer *Consumer
	Time     int64 // unix milliseconds
	Count    uint64
}

// Consumer is a reader of a group.
type Consumer struct {
	Name    string
	Seen    int64 // unix milliseconds
	pending idMap[struct{}]
}

// Pending returns the number of entries that wait for the consumer.
func (c *Consumer) Pending() int { return c.pending.n }

// group returns the place of a group.
func (s *Stream) groupAt(name []byte) (i int, ok bool) {
	return slices.BinarySearchFunc(s.groups, name, func(g *Group, n []byte) int { return bytes.Compare(g.Name, n) })
}

// Group returns a group, nil if there is none.
func (s *Stream) Group(name []byte) *Group {
	if i, ok := s.groupAt(name); ok {
		return s.groups[i]
	}
	return nil
}

// Groups returns the groups by name; read only.
func (s *Stream) Groups() []*Group { return s.groups }

// PrepareGroup creates a group; with mark it creates the stream, too.
func (s *Stream) PrepareGroup(op *Op, name []byte, start StreamID, read int64, mark bool) {
	b := groupBirth{start: start, read: read}
	op.addElem(AppendGroupElem(nil, name)).Value = b.append(nil)
	if mark {
		m := s.mark()
		s.putMark(op, &m)
	}
}

// PrepareDestroy removes what is seen of a group, which exists.
func (s *Stream) PrepareDestroy(op *Op, name []byte) { s.seeGroup(op, s.Group(name)) }

// PrepareAck acknowledges entries of a group of the stream.
func (s *Stream) PrepareAck(op *Op, g *Group, ids []StreamID) {
	e := s.seeGroup(op, g)
	s.room(streamIDSize * len(ids))
	n := len(s.scratch)
	for _, id := range ids {
		s.scratch = appendStreamID(s.scratch, id)
	}
	e.Value = s.scratch[n:len(s.scratch):len(s.scratch)]
}

func (s *Stream) seeGroup(op *Op, g *Group) *Elem {
	s.room(1 + len(g.Name))
	n := len(s.scratch)
	s.scratch = AppendGroupElem(s.scratch, g.Name)
	e := op.addElem(s.scratch[n:len(s.scratch):len(s.scratch)])
	for _, x := range g.births {
		op.seeDot(e, x.dot)
	}
	return e
}

// AppendGroupElem appends the name of the element that holds a group.
func AppendGroupElem(b, name []byte) []byte { return append(append(b, nameGroup), name...) }

// NamesGroup reports whether an element of a stream holds a group.
func NamesGroup(elem []byte) bool { return len(elem) > 0 && elem[0] == nameGroup }

func (s *Stream) applyGroup(kind Kind, e *Elem, d Dot) {
	name := e.Name[1:]
	g := s.Group(name)
	if len(e.Value) == 0 || kind == KindStreamAdd {
		if g != nil && len(e.Seen) > 0 {
			g.remove(e.Seen)
			s.pruneGroups()
		}
		if len(e.Value) > 0 {
			s.createGroup(name, e.Value, d)
		}
		return
	}
	if g == nil || len(e.Value)%streamIDSize != 0 || !slices.ContainsFunc(g.births, func(x groupBirth) bool { return e.Seen.Covers(x.dot) }) {
		return
	}
	for b := e.Value; len(b) > 0; b = b[streamIDSize:] {
		s.ack(g, streamIDAt(b))
	}
	s.pass(g, StreamID{}, nil)
	s.tidy(&g.ahead)
}

func (s *Stream) createGroup(name, value []byte, d Dot) {
	x := groupBirth{dot: d}
	dec := opDecoder{b: value}
	if x.cut(&dec); dec.err != nil || len(dec.b) > 0 {
		return
	}
	i, ok := s.groupAt(name)
	if !ok {
		g := &Group{Name: append([]byte(nil), name...)}
		g.SetID(x.start, x.read)
		s.groups = slices.Insert(s.groups, i, g)
	}
	s.groups[i].birth(x)
}

// birth adds a birth unless it is there.
func (g *Group) birth(x groupBirth) {
	i, ok := slices.BinarySearchFunc(g.births, x.dot, func(b groupBirth, d Dot) int { return b.dot.Compare(d) })
	if !ok {
		g.births = slices.Insert(g.births, i, x)
	}
}

func (g *Group) remove(seen VersionVector) {
	g.births = slices.DeleteFunc(g.births, func(x groupBirth) bool { return seen.Covers(x.dot) })
}

// pruneGroups drops the groups whose births are all removed, and what was read
// of them.
func (s *Stream) pruneGroups() {
	s.groups = slices.DeleteFunc(s.groups, func(g *Group) bool { return len(g.births) == 0 })
}

// noteLate is called for an entry that arrives before others that are here, or beside
// one with its ID: groups that have read past it deliver it all the same.
func (s *Stream) noteLate(id StreamID) {
	for _, g := range s.groups {
		if !g.Last.Less(id) {
			g.late.put(id, struct{}{})
			s.tidy(&g.late)
			g.lateNew, s.lateNew = true, true
		}
	}
}

// EachLate calls fn for the groups behind whose position entries have come since
// the last call: their stored form has changed, although no operation names them.
func (s *Stream) EachLate(fn func(g *Group)) {
	if !s.lateNew {
		return
	}
	s.lateNew = false
	for _, g := range s.groups {
		if g.lateNew {
			g.lateNew = false
			fn(g)
		}
	}
}

func (s *Stream) mergeGroups(vv VersionVector, o *Stream, ovv VersionVector) {
	for _, g := range s.groups {
		t := o.Group(g.Name)
		g.births = slices.DeleteFunc(g.births, func(x groupBirth) bool {
			return (t == nil || !t.born(x.dot)) && ovv.Covers(x.dot)
		})
	}
	s.pruneGroups() // one that was made anew begins where its birth says
	for _, t := range o.groups {
		here := s.Group(t.Name) != nil
		for _, y := range t.births {
			if !vv.Covers(y.dot) {
				s.createGroup(t.Name, y.append(nil), y.dot)
			}
		}
		g := s.Group(t.Name)
		if g == nil || !g.sharesBirth(t) {
			continue
		}
		if !here {
			g.waitingIn(t)
		}
		s.mergeReads(g, t, ovv)
	}
}

// born reports whether a creation of the group is live.
func (g *Group) born(d Dot) bool {
	return slices.ContainsFunc(g.births, func(x groupBirth) bool { return x.dot == d })
}

func (g *Group) bytes() int {
	return 200 + 40*len(g.births) + 48*g.pending.n + 32*(g.late.n+g.ahead.n) + 96*len(g.consumers) + 16*g.pending.n
}
