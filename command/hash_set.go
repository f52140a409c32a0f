package command

func hashSet(c *Context) {
	if added, ok := setFields(c); ok {
		c.Out.Int(int64(added))
	}
}

func hashMSet(c *Context) {
	if _, ok := setFields(c); ok {
		c.Out.OK()
	}
}

// setFields sets the fields of HSET and HMSET; false means that the error is
// replied.
func setFields(c *Context) (added int, ok bool) {
	pairs := c.Args[2:]
	if len(pairs)%2 != 0 {
		c.errorArity()
		return 0, false
	}
	added, err := c.Tx.HashSet(c.Args[1], pairs)
	if err != nil {
		c.Error(err)
		return 0, false
	}
	c.event(evHash, "hset", c.Args[1])
	return added, true
}

func hashSetNX(c *Context) {
	_, exists, err := c.Tx.HashGet(c.Args[1], c.Args[2])
	if err == nil && !exists {
		if _, err = c.Tx.HashSet(c.Args[1], c.Args[2:4]); err == nil {
			c.event(evHash, "hset", c.Args[1])
		}
	}
	replyYes(c, !exists, err)
}

func hashDelete(c *Context) {
	n, err := c.Tx.HashDelete(c.Args[1], c.Args[2:])
	if n > 0 {
		c.eventRemoval(evHash, "hdel", c.Args[1])
	}
	replyCount(c, n, err)
}

func hashIncrBy(c *Context) {
	delta, ok := c.argInt(3)
	if !ok {
		return
	}
	n, err := c.Tx.HashIncr(c.Args[1], c.Args[2], delta)
	if err != nil {
		c.Error(err)
		return
	}
	c.event(evHash, "hincrby", c.Args[1])
	c.Out.Int(n)
}

// hashIncrByFloat judges the increment before the key, unlike INCRBYFLOAT.
func hashIncrByFloat(c *Context) {
	ok, infinite := checkLongDouble(c.Args[3])
	if !ok {
		c.Out.Error(msgNotFloat)
		return
	}
	if infinite {
		c.Out.Error("ERR value is NaN or Infinity")
		return
	}
	val, err := c.Tx.HashIncrFloat(c.Args[1], c.Args[2], c.Args[3])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Bulk(val)
	c.event(evHash, "hincrbyfloat", c.Args[1])
}
