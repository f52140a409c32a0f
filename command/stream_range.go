package command

import "crdb/crdt"

// streamRange is XRANGE and XREVRANGE.
func streamRange(c *Context) {
	rev := c.Cmd.Name == "xrevrange"
	startAt, endAt := 2, 3
	if rev {
		startAt, endAt = 3, 2
	}
	start, ok := c.argBound(startAt, false)
	if !ok {
		return
	}
	end, ok := c.argBound(endAt, true)
	if !ok {
		return
	}
	count := int64(-1)
	for i := 4; i < len(c.Args); i += 2 {
		if i+1 >= len(c.Args) || !isOption(c.Args[i], "count") {
			c.Out.Error(msgSyntax)
			return
		}
		if count, ok = c.argInt(i + 1); !ok {
			return
		}
		count = max(count, 0)
	}
	s, err := c.Tx.Stream(c.Args[1])
	switch {
	case err != nil:
		c.Error(err)
	case s == nil:
		c.Out.Array(0)
	case count == 0:
		c.Out.NullArray()
	default:
		c.replyRange(s, start, end, rev, max(count, 0))
	}
}

// replyRange writes an array of entries, at most count unless that is 0.
func (c *Context) replyRange(s *crdt.Stream, start, end crdt.StreamID, rev bool, count int64) {
	n := int64(0)
	if !end.Less(start) {
		s.Range(start, end, rev, func(*crdt.StreamEntry) bool {
			n++
			return n != count
		})
	}
	c.Out.Array(int(n))
	if n == 0 {
		return
	}
	s.Range(start, end, rev, func(e *crdt.StreamEntry) bool {
		c.replyEntry(e)
		n--
		return n > 0
	})
}
