package command

// replyCount replies n, or err if there is one.
func replyCount(c *Context, n int, err error) {
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Int(int64(n))
}

// replyYes replies 1 or 0, or err if there is one.
func replyYes(c *Context, yes bool, err error) {
	n := 0
	if yes {
		n = 1
	}
	replyCount(c, n, err)
}

func setAdd(c *Context) {
	n, err := c.Tx.SetAdd(c.Args[1], c.Args[2:])
	if n > 0 {
		c.event(evSet, "sadd", c.Args[1])
	}
	replyCount(c, n, err)
}

func setRemove(c *Context) {
	n, err := c.Tx.SetRemove(c.Args[1], c.Args[2:])
	if n > 0 {
		c.eventRemoval(evSet, "srem", c.Args[1])
	}
	replyCount(c, n, err)
}

func setCard(c *Context) {
	n, err := c.Tx.SetLen(c.Args[1])
	replyCount(c, n, err)
}

func setIsMember(c *Context) {
	yes, err := c.Tx.SetHas(c.Args[1], c.Args[2])
	replyYes(c, yes, err)
}

func setMIsMember(c *Context) {
	if _, err := c.Tx.SetLen(c.Args[1]); err != nil {
		c.Error(err)
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		yes, err := c.Tx.SetHas(c.Args[1], member)
		replyYes(c, yes, err)
	}
}

func setMembers(c *Context) {
	n, err := c.Tx.SetLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Set(n)
	start, order := len(c.Out.Buf), c.ascending()
	_ = c.Tx.SetEach(c.Args[1], func(member []byte) bool { // SetLen has seen the type
		c.Out.Bulk(member)
		order.note(member)
		return true
	})
	order.rewrite(c.Out, start)
}

func setMove(c *Context) {
	src, dst, members := c.Args[1], c.Args[2], c.Args[3:4]
	if !c.Tx.Exists(src) {
		c.Out.Int(0)
		return
	}
	has, err := c.Tx.SetHas(src, members[0])
	if err == nil {
		_, err = c.Tx.SetLen(dst)
	}
	if err == nil && has && string(src) != string(dst) {
		if _, err = c.Tx.SetRemove(src, members); err == nil {
			c.eventRemoval(evSet, "srem", src)
			var n int
			if n, err = c.Tx.SetAdd(dst, members); n > 0 {
				c.event(evSet, "sadd", dst)
			}
		}
	}
	replyYes(c, has, err)
}
