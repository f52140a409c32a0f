package crdt

import (
	"slices"
	"strings"
)

// What is read through a group: local state, changed in place.

// Consumers returns the consumers by name; read only.
func (g *Group) Consumers() []*Consumer { return g.consumers }

func (g *Group) consumerAt(name string) (i int, ok bool) {
	return slices.BinarySearchFunc(g.consumers, name, func(c *Consumer, n string) int { return strings.Compare(c.Name, n) })
}

// Consumer returns a consumer, nil if there is none.
func (g *Group) Consumer(name []byte) *Consumer {
	if i, ok := g.consumerAt(string(name)); ok {
		return g.consumers[i]
	}
	return nil
}

// AddConsumer returns a consumer and whether it was made now.
func (g *Group) AddConsumer(name []byte, now int64) (c *Consumer, fresh bool) {
	i, ok := g.consumerAt(string(name))
	if !ok {
		g.consumers = slices.Insert(g.consumers, i, &Consumer{Name: string(name), Seen: now})
	}
	return g.consumers[i], !ok
}

// DropConsumer removes a consumer and what is pending for it.
func (g *Group) DropConsumer(name []byte) (pending int, ok bool) {
	i, ok := g.consumerAt(string(name))
	if !ok {
		return 0, false
	}
	c := g.consumers[i]
	pending = c.pending.n
	for _, id := range c.pending.list(StreamID{}, MaxStreamID, pending) {
		g.pending.remove(id)
	}
	g.consumers = slices.Delete(g.consumers, i, i+1)
	return pending, true
}

// PendingLen returns the number of entries that wait for acknowledgement.
func (g *Group) PendingLen() int { return g.pending.n }

// PendingOf returns the delivery of an entry, nil if it is not pending. The
// caller changes it through Assign only, but for Time and Count.
func (g *Group) PendingOf(id StreamID) *Pending { return g.pending.get(id) }

// EachPending calls fn for pending entries, of one consumer if c is not nil,
// until it returns false.
func (g *Group) EachPending(c *Consumer, start, end StreamID, fn func(id StreamID, p *Pending) bool) {
	if c == nil {
		g.pending.each(start, end, fn)
		return
	}
	c.pending.each(start, end, func(id StreamID, _ *struct{}) bool { return fn(id, g.pending.get(id)) })
}

// Assign makes an entry pending for a consumer.
func (g *Group) Assign(id StreamID, c *Consumer, at int64, count uint64) {
	if p := g.pending.get(id); p != nil {
		if p.Consumer != c {
			p.Consumer.pending.remove(id)
			c.pending.put(id, struct{}{})
		}
		*p = Pending{c, at, count}
		return
	}
	g.pending.put(id, Pending{c, at, count})
	c.pending.put(id, struct{}{})
}

// Forget takes an entry off the pending list.
func (g *Group) Forget(id StreamID) bool {
	p := g.pending.get(id)
	if p == nil {
		return false
	}
	p.Consumer.pending.remove(id)
	g.pending.remove(id)
	return true
}

// SetID moves the group's position.
func (g *Group) SetID(last StreamID, read int64) {
	g.Last, g.Read, g.from = last, read, last
	g.late = idMap[struct{}]{}
}

// SkipTo moves the group's position forward.
func (g *Group) SkipTo(last StreamID) {
	if g.Last.Less(last) {
		g.Last, g.from = last, last
	}
}

// Next returns up to limit entries (0: all) that the group has not delivered:
// those that came late, then those behind Last. An entry that is acknowledged
// already is passed over.
func (s *Stream) Next(g *Group, limit int) (ids []StreamID) {
	full := func() bool { return limit > 0 && len(ids) >= limit }
	var gone []StreamID
	g.late.each(StreamID{}, MaxStreamID, func(id StreamID, _ *struct{}) bool {
		if s.Has(id) {
			ids = append(ids, id)
		} else {
			gone = append(gone, id)
		}
		return !full()
	})
	for _, id := range gone {
		g.late.remove(id)
	}
	s.pass(g, StreamID{}, nil)
	start, ok := g.Last.Next()
	if full() || !ok {
		return ids
	}
	s.list.rng(start, MaxStreamID, func(e *StreamEntry) bool {
		if g.ahead.get(e.ID) == nil && (len(ids) == 0 || ids[len(ids)-1] != e.ID) {
			if full() {
				return false
			}
			ids = append(ids, e.ID)
		}
		return true
	})
	return ids
}

// Delivered moves the group past an entry that Next gave.
func (s *Stream) Delivered(g *Group, id StreamID) {
	if g.late.remove(id) || !g.Last.Less(id) {
		return
	}
	s.move(g, id, 1)
}

// holes reports whether XDEL has removed entries from start on. As in Redis, what
// lies before the first entry does not count any more.
func (s *Stream) holes(start StreamID) bool {
	removed := s.mark().removed
	return s.list.n > 0 && removed != StreamID{} && !removed.Less(start) && !removed.Less(s.Info().First)
}

// Distance estimates how many entries were ever added up to an ID; NoEntriesRead
// means that it cannot be known.
func (s *Stream) Distance(id StreamID) int64 {
	info := s.Info()
	added, length := int64(info.Added), int64(s.list.n)
	if added == 0 {
		return 0
	}
	if length == 0 && id.Compare(info.Last) < 1 {
		return added
	}
	switch c := id.Compare(info.Last); {
	case c == 0:
		return added
	case c > 0:
		return NoEntriesRead
	}
	if (info.Removed == StreamID{}) || info.Removed.Less(info.First) {
		switch c := id.Compare(info.First); {
		case c < 0:
			return added - length
		case c == 0:
			return added - length + 1
		}
	}
	return NoEntriesRead
}

// Lag returns how many entries the group has still to read, if that is known.
func (s *Stream) Lag(g *Group) (n int64, ok bool) {
	added := int64(s.Info().Added)
	if added == 0 {
		return 0, true
	}
	if g.Read != NoEntriesRead && !s.holes(g.Last) {
		return added - g.Read, true
	}
	read := s.Distance(g.Last)
	return added - read, read != NoEntriesRead
}

// PendingEdges returns the first and the last entry that is pending; there is
// one.
func (g *Group) PendingEdges() (first, last StreamID) {
	tail := g.pending.blocks[len(g.pending.blocks)-1].ids
	return g.pending.blocks[0].ids[0], tail[len(tail)-1]
}

// CopyReads gives the groups of s, which a PrepareFill from o has made, what
// has been read in those of o.
func (s *Stream) CopyReads(o *Stream) {
	for _, g := range o.groups {
		to := s.Group(g.Name)
		for _, c := range g.consumers {
			x, _ := to.AddConsumer([]byte(c.Name), c.Seen)
			x.Seen = c.Seen
		}
		g.pending.each(StreamID{}, MaxStreamID, func(id StreamID, p *Pending) bool {
			to.Assign(id, to.Consumer([]byte(p.Consumer.Name)), p.Time, p.Count)
			return true
		})
		keep := func(into *idMap[struct{}]) func(StreamID, *struct{}) bool {
			return func(id StreamID, _ *struct{}) bool { into.put(id, struct{}{}); return true }
		}
		g.late.each(StreamID{}, MaxStreamID, keep(&to.late))
		g.ahead.each(StreamID{}, MaxStreamID, keep(&to.ahead))
	}
}
