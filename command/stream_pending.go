package command

import "crdb/crdt"

// pendingArgs are the arguments of XPENDING's long form.
type pendingArgs struct {
	idle, count int64
	start, end  crdt.StreamID
	consumer    []byte
}

func (c *Context) parsePending() (p pendingArgs, ok bool) {
	if n := len(c.Args); n < 6 || n > 9 {
		c.Out.Error(msgSyntax)
		return p, false
	}
	i := 3
	if isOption(c.Args[3], "idle") {
		if p.idle, ok = c.argInt(4); !ok {
			return p, false
		}
		if len(c.Args) < 8 {
			c.Out.Error(msgSyntax)
			return p, false
		}
		i = 5
	}
	if p.count, ok = c.argInt(i + 2); !ok {
		return p, false
	}
	if p.start, ok = c.argBound(i, false); !ok {
		return p, false
	}
	if p.end, ok = c.argBound(i+1, true); !ok {
		return p, false
	}
	if i+3 < len(c.Args) {
		p.consumer = c.Args[i+3]
	}
	return p, true
}

func streamPending(c *Context) {
	var p pendingArgs
	if len(c.Args) != 3 {
		var ok bool
		if p, ok = c.parsePending(); !ok {
			return
		}
	}
	_, g, ok := c.mustGroup()
	switch {
	case !ok:
	case len(c.Args) == 3:
		pendingSummary(c, g)
	default:
		pendingList(c, g, &p)
	}
}

// mustGroup finds the stream and the group that arguments 1 and 2 name; false
// means that the error is replied.
func (c *Context) mustGroup() (s *crdt.Stream, g *crdt.Group, ok bool) {
	s, err := c.Tx.Stream(c.Args[1])
	if err != nil {
		c.Error(err)
		return nil, nil, false
	}
	if s != nil {
		g = s.Group(c.Args[2])
	}
	if g == nil {
		c.Out.Error(noGroup(c.Args[1], c.Args[2]))
		return nil, nil, false
	}
	return s, g, true
}

func pendingSummary(c *Context, g *crdt.Group) {
	c.Out.Array(4)
	c.Out.Int(int64(g.PendingLen()))
	if g.PendingLen() == 0 {
		c.Out.Null()
		c.Out.Null()
		c.Out.NullArray()
		return
	}
	first, last := g.PendingEdges()
	c.replyStreamID(first)
	c.replyStreamID(last)
	n := 0
	for _, x := range g.Consumers() {
		if x.Pending() > 0 {
			n++
		}
	}
	c.Out.Array(n)
	for _, x := range g.Consumers() {
		if x.Pending() > 0 {
			c.Out.Array(2)
			c.Out.BulkString(x.Name)
			c.Out.BulkInt(int64(x.Pending()))
		}
	}
}

func pendingList(c *Context, g *crdt.Group, p *pendingArgs) {
	var of *crdt.Consumer
	if p.consumer != nil {
		if of = g.Consumer(p.consumer); of == nil {
			c.Out.Array(0)
			return
		}
	}
	now := c.Tx.Now()
	var ids []crdt.StreamID
	if p.count > 0 && !p.end.Less(p.start) {
		g.EachPending(of, p.start, p.end, func(id crdt.StreamID, x *crdt.Pending) bool {
			if p.idle == 0 || now-x.Time >= p.idle {
				ids = append(ids, id)
			}
			return int64(len(ids)) < p.count
		})
	}
	c.Out.Array(len(ids))
	for _, id := range ids {
		x := g.PendingOf(id)
		c.Out.Array(4)
		c.replyStreamID(id)
		c.Out.BulkString(x.Consumer.Name)
		c.Out.Int(max(now-x.Time, 0))
		c.Out.Int(int64(x.Count))
	}
}
