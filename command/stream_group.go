package command

import "crdb/crdt"

const msgGroupNoKey = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."

func noGroupOf(key, group []byte) string {
	return "NOGROUP No such consumer group '" + string(cString(group)) + "' for key name '" + string(cString(key)) + "'"
}

// groupOptions reads what follows the ID of XGROUP CREATE and SETID; false
// means that the error is replied.
func (c *Context) groupOptions(create bool) (read int64, make, ok bool) {
	read = crdt.NoEntriesRead
	for i := 5; i < len(c.Args); i++ {
		switch {
		case create && isOption(c.Args[i], "mkstream"):
			make = true
		case i+1 < len(c.Args) && isOption(c.Args[i], "entriesread"):
			if read, ok = c.argInt(i + 1); !ok {
				return 0, false, false
			}
			if read < crdt.NoEntriesRead {
				c.Out.Error("ERR value for ENTRIESREAD must be positive or -1")
				return 0, false, false
			}
			i++
		default:
			c.errorSub()
			return 0, false, false
		}
	}
	return read, make, true
}

// groupStream finds the stream of an XGROUP subcommand, and the group if it
// must exist; false means that the error is replied.
func (c *Context) groupStream(absent, group bool) (s *crdt.Stream, g *crdt.Group, ok bool) {
	s, err := c.Tx.Stream(c.Args[2])
	if err != nil {
		c.Error(err)
		return nil, nil, false
	}
	if s != nil {
		g = s.Group(c.Args[3])
	}
	switch {
	case s == nil && !absent:
		c.Out.Error(msgGroupNoKey)
	case g == nil && group:
		c.Out.Error(noGroupOf(c.Args[2], c.Args[3]))
	default:
		return s, g, true
	}
	return nil, nil, false
}

// groupID reads argument 4: an ID or "$", the last one.
func (c *Context) groupID(s *crdt.Stream, strict bool) (id crdt.StreamID, ok bool) {
	if arg := c.Args[4]; len(arg) == 1 && arg[0] == '$' {
		if s != nil {
			id = s.LastID()
		}
		return id, true
	}
	a, ok := parseStreamID(c.Args[4], 0, strict, false)
	if !ok {
		c.Out.Error(msgStreamID)
	}
	return a.id, ok
}

func groupCreate(c *Context) {
	read, make, ok := c.groupOptions(true)
	if !ok {
		return
	}
	s, _, ok := c.groupStream(make, false)
	if !ok {
		return
	}
	if len(c.Args) > 8 {
		c.errorSub()
		return
	}
	id, ok := c.groupID(s, true)
	if !ok {
		return
	}
	if err := c.Tx.GroupCreate(c.Args[2], c.Args[3], id, read, s == nil); err != nil {
		c.Error(err)
		return
	}
	c.event(evStream, "xgroup-create", c.Args[2])
	c.Out.OK()
}

func groupSetID(c *Context) {
	read, _, ok := c.groupOptions(false)
	if !ok {
		return
	}
	s, g, ok := c.groupStream(false, true)
	if !ok {
		return
	}
	if len(c.Args) != 5 && len(c.Args) != 7 {
		c.errorSub()
		return
	}
	id, ok := c.groupID(s, false)
	if !ok {
		return
	}
	g.SetID(id, read)
	c.Tx.GroupChanged(c.Args[2], c.Args[3])
	c.event(evStream, "xgroup-setid", c.Args[2])
	c.Out.OK()
}

func groupDestroy(c *Context) {
	_, g, ok := c.groupStream(false, false)
	if !ok {
		return
	}
	if g == nil {
		c.Out.Int(0)
		return
	}
	if err := c.Tx.GroupDestroy(c.Args[2], c.Args[3]); err != nil {
		c.Error(err)
		return
	}
	c.event(evStream, "xgroup-destroy", c.Args[2])
	c.Out.Int(1)
}

func groupCreateConsumer(c *Context) {
	_, g, ok := c.groupStream(false, true)
	if !ok {
		return
	}
	_, fresh := g.AddConsumer(c.Args[4], c.Tx.Now())
	if fresh {
		c.Tx.GroupChanged(c.Args[2], c.Args[3])
		c.event(evStream, "xgroup-createconsumer", c.Args[2])
	}
	replyYes(c, fresh, nil)
}

func groupDelConsumer(c *Context) {
	_, g, ok := c.groupStream(false, true)
	if !ok {
		return
	}
	n, ok := g.DropConsumer(c.Args[4])
	if ok {
		c.Tx.GroupChanged(c.Args[2], c.Args[3])
		c.event(evStream, "xgroup-delconsumer", c.Args[2])
	}
	c.Out.Int(int64(n))
}

func streamAck(c *Context) {
	n, ok, err := c.Tx.GroupAck(c.Args[1], c.Args[2], func() ([]crdt.StreamID, bool) { return c.argStreamIDs(3) })
	if ok {
		replyCount(c, n, err)
	}
}
