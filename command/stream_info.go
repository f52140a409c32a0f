package command

import (
	"crdb/crdt"
	"crdb/engine"
)

// infoOf finds the stream of an XINFO subcommand; nil means that the error is
// replied.
func (c *Context) infoOf() *crdt.Stream {
	s, err := c.Tx.Stream(c.Args[2])
	if err == nil && s == nil {
		err = engine.ErrNoKey
	}
	if err != nil {
		c.Error(err)
		return nil
	}
	return s
}

func infoConsumers(c *Context) {
	s := c.infoOf()
	if s == nil {
		return
	}
	g := s.Group(c.Args[3])
	if g == nil {
		c.Out.Error(noGroupOf(c.Args[2], c.Args[3]))
		return
	}
	c.Out.Array(len(g.Consumers()))
	for _, x := range g.Consumers() {
		c.Out.Map(3)
		pair(c.Out, "name", x.Name)
		c.pairInt("pending", int64(x.Pending()))
		c.pairInt("idle", max(c.Tx.Now()-x.Seen, 0))
	}
}

func (c *Context) pairInt(name string, n int64) {
	c.Out.BulkString(name)
	c.Out.Int(n)
}

func (c *Context) pairID(name string, id crdt.StreamID) {
	c.Out.BulkString(name)
	c.replyStreamID(id)
}

func infoGroups(c *Context) {
	s := c.infoOf()
	if s == nil {
		return
	}
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(6)
		pair(c.Out, "name", string(g.Name))
		c.pairInt("consumers", int64(len(g.Consumers())))
		c.pairInt("pending", int64(g.PendingLen()))
		c.pairID("last-delivered-id", g.Last)
		c.pairProgress(s, g)
	}
}

// pairProgress replies how far a group has read.
func (c *Context) pairProgress(s *crdt.Stream, g *crdt.Group) {
	c.Out.BulkString("entries-read")
	if g.Read == crdt.NoEntriesRead {
		c.Out.Null()
	} else {
		c.Out.Int(g.Read)
	}
	c.Out.BulkString("lag")
	if n, ok := s.Lag(g); ok {
		c.Out.Int(n)
	} else {
		c.Out.Null()
	}
}

// infoStream is XINFO STREAM. The radix tree that it speaks of is Redis's; the
// numbers are those of the chunks here.
func infoStream(c *Context) {
	s := c.infoOf()
	if s == nil {
		return
	}
	full, count, opts := len(c.Args) > 3, int64(10), c.Args[3:]
	if full {
		if len(opts) != 1 && len(opts) != 3 || !isOption(opts[0], "full") || len(opts) == 3 && !isOption(opts[1], "count") {
			c.errorSub()
			return
		}
		if len(opts) == 3 {
			var ok bool
			if count, ok = c.argInt(5); !ok {
				return
			}
			if count < 0 {
				count = 10
			}
		}
	}
	info := s.Info()
	if full {
		c.Out.Map(9)
	} else {
		c.Out.Map(10)
	}
	c.pairInt("length", int64(s.Entries()))
	c.pairInt("radix-tree-keys", int64(info.Chunks))
	c.pairInt("radix-tree-nodes", int64(info.Chunks+1))
	c.pairID("last-generated-id", info.Last)
	c.pairID("max-deleted-entry-id", info.Removed)
	c.pairInt("entries-added", int64(info.Added))
	c.pairID("recorded-first-entry-id", info.First)
	if full {
		c.infoFull(s, count)
		return
	}
	c.pairInt("groups", int64(len(s.Groups())))
	c.edgeEntry(s, "first-entry", false)
	c.edgeEntry(s, "last-entry", true)
}

func (c *Context) edgeEntry(s *crdt.Stream, name string, last bool) {
	c.Out.BulkString(name)
	found := false
	s.Range(crdt.StreamID{}, crdt.MaxStreamID, last, func(e *crdt.StreamEntry) bool {
		c.replyEntry(e)
		found = true
		return false
	})
	if !found {
		c.Out.Null()
	}
}

func (c *Context) infoFull(s *crdt.Stream, count int64) {
	c.Out.BulkString("entries")
	c.replyRange(s, crdt.StreamID{}, crdt.MaxStreamID, false, count)
	c.Out.BulkString("groups")
	c.Out.Array(len(s.Groups()))
	for _, g := range s.Groups() {
		c.Out.Map(7)
		pair(c.Out, "name", string(g.Name))
		c.pairID("last-delivered-id", g.Last)
		c.pairProgress(s, g)
		c.pairInt("pel-count", int64(g.PendingLen()))
		c.Out.BulkString("pending")
		c.replyPending(g, nil, count)
		c.Out.BulkString("consumers")
		c.Out.Array(len(g.Consumers()))
		for _, x := range g.Consumers() {
			c.Out.Map(4)
			pair(c.Out, "name", x.Name)
			c.pairInt("seen-time", x.Seen)
			c.pairInt("pel-count", int64(x.Pending()))
			c.Out.BulkString("pending")
			c.replyPending(g, x, count)
		}
	}
}

// replyPending lists deliveries, of one consumer if of is not nil, at most
// count unless that is 0.
func (c *Context) replyPending(g *crdt.Group, of *crdt.Consumer, count int64) {
	n := int64(g.PendingLen())
	if of != nil {
		n = int64(of.Pending())
	}
	if count > 0 {
		n = min(n, count)
	}
	c.Out.Array(int(n))
	if n == 0 {
		return
	}
	g.EachPending(of, crdt.StreamID{}, crdt.MaxStreamID, func(id crdt.StreamID, p *crdt.Pending) bool {
		if of == nil {
			c.Out.Array(4)
			c.replyStreamID(id)
			c.Out.BulkString(p.Consumer.Name)
		} else {
			c.Out.Array(3)
			c.replyStreamID(id)
		}
		c.Out.Int(p.Time)
		c.Out.Int(int64(p.Count))
		n--
		return n > 0
	})
}
