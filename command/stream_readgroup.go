package command

import "crdb/crdt"

func noGroup(key, group []byte) string {
	return "NOGROUP No such key '" + string(cString(key)) + "' or consumer group '" + string(cString(group)) + "'"
}

// streamReadGroup is XREADGROUP.
func streamReadGroup(c *Context) {
	r, ok := c.parseRead()
	if !ok {
		return
	}
	if !r.block {
		if !tryReadGroup(c) {
			c.Out.NullArray()
		}
		return
	}
	c.blockOnKeys(keyWait{keys: r.keys, timeout: r.timeout, gone: true, try: tryReadGroup})
}

// served is one stream of a reply: entries not read before, or the history of
// the consumer behind an ID.
type served struct {
	key     []byte
	s       *crdt.Stream
	g       *crdt.Group
	c       *crdt.Consumer
	history bool
	after   crdt.StreamID
	ids     []crdt.StreamID
	brought bool // reply even no entry: see Context.brought
}

// tryReadGroup replies entries, or false if there is nothing to reply. All
// groups are looked at before anything is delivered.
func tryReadGroup(c *Context) bool {
	r, ok := c.parseRead()
	if !ok {
		return true
	}
	list := make([]served, 0, len(r.keys))
	for i, key := range r.keys {
		if c.passes(key) {
			continue
		}
		v := served{key: key}
		if !c.lookAt(&r, i, &v) {
			return true
		}
		list = append(list, v)
	}
	found := 0
	for i := range list {
		v := &list[i]
		if !v.history {
			v.ids = nextOf(list[:i], v, int(r.count))
			v.brought = c.brought() && v.g.Last.Less(v.s.LastID())
		}
		if v.history || v.brought || len(v.ids) > 0 {
			found++
			v.c = c.consumer(v.key, v.g, r.consumer)
			c.Tx.GroupChanged(v.key, r.group)
		}
	}
	if found == 0 {
		return false
	}
	c.headRead(found)
	for i := range list {
		switch v := &list[i]; {
		case v.history:
			c.headStream(v.key)
			c.replyHistory(v, r.count)
		case v.brought || len(v.ids) > 0:
			c.headStream(v.key)
			c.deliver(v, r.noAck)
		}
	}
	return true
}

// nextOf returns what a stream has for its group beside what the earlier ones,
// where it may have been named already, will get.
func nextOf(earlier []served, v *served, count int) []crdt.StreamID {
	taken := 0
	for i := range earlier {
		if earlier[i].g == v.g {
			taken += len(earlier[i].ids)
		}
	}
	if count <= 0 {
		return v.s.Next(v.g, 0)[taken:]
	}
	ids := v.s.Next(v.g, taken+count)
	return ids[min(taken, len(ids)):]
}

// lookAt finds stream i, its group and what is asked of it; false means that
// the error is replied.
func (c *Context) lookAt(r *readArgs, i int, v *served) bool {
	s, err := c.Tx.Stream(r.keys[i])
	if err != nil && c.again() { // something else was put in its place
		c.Out.Error(goneGroup(false, r.keys[i], r.group))
		return false
	}
	if err != nil {
		c.Error(err)
		return false
	}
	if s != nil {
		v.s, v.g = s, s.Group(r.group)
	}
	if v.g == nil {
		if c.again() { // it was there when the wait began
			c.Out.Error(goneGroup(s != nil, r.keys[i], r.group))
			return false
		}
		c.Out.Error(noGroup(r.keys[i], r.group) + " in XREADGROUP with GROUP option")
		return false
	}
	switch arg := r.ids[i]; {
	case len(arg) == 1 && arg[0] == '$':
		c.Out.Error(msgDollar)
		return false
	case len(arg) == 1 && arg[0] == '>':
		return true
	default:
		a, ok := parseStreamID(arg, 0, true, false)
		if !ok {
			c.Out.Error(msgStreamID)
			return false
		}
		v.history, v.after = a.id != crdt.MaxStreamID, a.id
		return true
	}
}

// goneGroup is what a client that waits learns when its group has gone.
func goneGroup(streamLeft bool, key, group []byte) string {
	if streamLeft {
		return "NOGROUP the consumer group this client was blocked on no longer exists"
	}
	return "UNBLOCKED the stream key no longer exists"
}

// consumer returns the consumer of a group, a new one if there is none, that has
// been seen now.
func (c *Context) consumer(key []byte, g *crdt.Group, name []byte) *crdt.Consumer {
	x, fresh := g.AddConsumer(name, c.Tx.Now())
	if fresh {
		c.event(evStream, "xgroup-createconsumer", key)
	}
	x.Seen = c.Tx.Now()
	return x
}

// deliver replies entries and notes that they are on their way. Of several
// entries with one ID all are replied.
func (c *Context) deliver(v *served, noAck bool) {
	n := 0
	for _, id := range v.ids {
		v.s.Range(id, id, false, func(*crdt.StreamEntry) bool { n++; return true })
	}
	c.Out.Array(n)
	for _, id := range v.ids {
		v.s.Range(id, id, false, func(e *crdt.StreamEntry) bool { c.replyEntry(e); return true })
		v.s.Delivered(v.g, id)
		if !noAck {
			v.g.Assign(id, v.c, c.Tx.Now(), 1)
		}
	}
}

// replyHistory replies what is pending for the consumer. An entry that is no
// longer there has no fields.
func (c *Context) replyHistory(v *served, count int64) {
	var ids []crdt.StreamID
	if start, ok := v.after.Next(); ok {
		v.g.EachPending(v.c, start, crdt.MaxStreamID, func(id crdt.StreamID, _ *crdt.Pending) bool {
			ids = append(ids, id)
			return int64(len(ids)) != count
		})
	}
	c.Out.Array(len(ids))
	for _, id := range ids {
		if !c.replyOne(v.s, id) {
			c.Out.Array(2)
			c.replyStreamID(id)
			c.Out.NullArray()
			continue
		}
		p := v.g.PendingOf(id)
		p.Time, p.Count = c.Tx.Now(), p.Count+1
	}
}

// replyOne replies the first entry with an ID, if there is one.
func (c *Context) replyOne(s *crdt.Stream, id crdt.StreamID) (ok bool) {
	s.Range(id, id, false, func(e *crdt.StreamEntry) bool {
		c.replyEntry(e)
		ok = true
		return false
	})
	return ok
}
