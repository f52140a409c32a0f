package crdt

// ack takes an entry off the pending list; one that is still to be delivered
// will not be. What its author had seen and is not here was removed (K1).
func (s *Stream) ack(g *Group, id StreamID) {
	if g.Forget(id) || g.late.remove(id) {
		return
	}
	if g.Last.Less(id) && s.Has(id) {
		g.ahead.put(id, struct{}{})
	}
}

// pass moves a group over the entries next to its position that are acknowledged:
// a region where nobody reads would keep every acknowledgement otherwise. Entries
// up to top are looked at for which done knows that they are, too.
func (s *Stream) pass(g *Group, top StreamID, done func(e *StreamEntry) bool) {
	start, ok := g.Last.Next()
	if !ok || g.ahead.n == 0 && top.Less(start) {
		return
	}
	passed, n, next := g.Last, int64(0), true
	s.list.rng(start, MaxStreamID, func(e *StreamEntry) bool {
		known := g.ahead.get(e.ID) != nil
		acked := known || !top.Less(e.ID) && done(e)
		if next = next && acked; !next && acked && !known {
			g.ahead.put(e.ID, struct{}{})
		}
		if next && passed != e.ID { // two regions may have added the same ID
			passed = e.ID
			n++
		}
		return next || e.ID.Less(top)
	})
	if n > 0 {
		s.move(g, passed, n)
	}
}

// move moves a group to an entry, n entries on.
func (s *Stream) move(g *Group, id StreamID, n int64) {
	first, _ := g.Last.Next()
	if n == 1 {
		first = id
	}
	switch {
	case g.Read != NoEntriesRead && !s.holes(first):
		g.Read += n
	case s.Info().Added > 0:
		g.Read = s.Distance(id)
	}
	for _, x := range g.ahead.list(StreamID{}, id, g.ahead.n) {
		g.ahead.remove(x)
	}
	g.Last = id
}

// spareIDs is how many more IDs than twice the entries a group may note.
const spareIDs = 64

// tidy drops from what a group notes the entries that are gone, once they are
// more than those that are here: so nobody has to look where entries are removed.
func (s *Stream) tidy(noted *idMap[struct{}]) {
	if noted.n <= 2*s.list.n+spareIDs {
		return
	}
	var kept idMap[struct{}]
	noted.each(StreamID{}, MaxStreamID, func(id StreamID, _ *struct{}) bool {
		if s.Has(id) {
			kept.put(id, struct{}{})
		}
		return true
	})
	*noted = kept
}

// done reports whether a reader of the group has acknowledged an entry, as far as
// vv, which is what the group's region has applied, tells that it is known there.
// Also done is what was delivered and nobody waits for any more.
func (g *Group) done(e *StreamEntry, vv VersionVector) bool {
	if !vv.Covers(e.dot) {
		return false
	}
	if g.Last.Less(e.ID) {
		return g.ahead.get(e.ID) != nil
	}
	return g.from.Less(e.ID) && g.pending.get(e.ID) == nil && g.late.get(e.ID) == nil
}

// mergeReads takes over the acknowledgements of the same group at another instance,
// which has applied ovv, once the entries are merged.
func (s *Stream) mergeReads(g, t *Group, ovv VersionVector) {
	done := func(e *StreamEntry) bool { return t.done(e, ovv) }
	var acked []StreamID
	look := func(id StreamID) {
		all := s.Has(id)
		s.list.rng(id, id, func(e *StreamEntry) bool { // two regions may have added the same ID
			all = all && done(e)
			return all
		})
		if all {
			acked = append(acked, id)
		}
	}
	g.pending.each(StreamID{}, MaxStreamID, func(id StreamID, _ *Pending) bool { look(id); return true })
	g.late.each(StreamID{}, MaxStreamID, func(id StreamID, _ *struct{}) bool { look(id); return true })
	for _, id := range acked {
		s.ack(g, id)
	}
	top := t.Last
	if t.ahead.n > 0 {
		top = MaxStreamID
	}
	s.pass(g, top, done)
}

// waitingIn notes as late what still waits at another instance and lies behind the
// position at which the group has just begun here: it came late there, and might
// have come late here.
func (g *Group) waitingIn(t *Group) {
	note := func(id StreamID) bool {
		if g.Last.Less(id) {
			return false
		}
		g.late.put(id, struct{}{})
		return true
	}
	t.pending.each(StreamID{}, MaxStreamID, func(id StreamID, _ *Pending) bool { return note(id) })
	t.late.each(StreamID{}, MaxStreamID, func(id StreamID, _ *struct{}) bool { return note(id) })
}

// sharesBirth reports whether a creation is live in both.
func (g *Group) sharesBirth(t *Group) bool {
	for i := range g.births {
		if t.born(g.births[i].dot) {
			return true
		}
	}
	return false
}
