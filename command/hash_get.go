package command

func hashGet(c *Context) {
	val, ok, err := c.Tx.HashGet(c.Args[1], c.Args[2])
	replyMember(c, val, ok, err)
}

func hashExists(c *Context) {
	_, ok, err := c.Tx.HashGet(c.Args[1], c.Args[2])
	replyYes(c, ok, err)
}

func hashStrLen(c *Context) {
	val, _, err := c.Tx.HashGet(c.Args[1], c.Args[2])
	replyCount(c, len(val), err)
}

func hashLen(c *Context) {
	n, err := c.Tx.HashLen(c.Args[1])
	replyCount(c, n, err)
}

func hashMGet(c *Context) {
	if _, err := c.Tx.HashLen(c.Args[1]); err != nil {
		c.Error(err)
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, field := range c.Args[2:] {
		val, ok, err := c.Tx.HashGet(c.Args[1], field)
		replyMember(c, val, ok, err)
	}
}

func hashGetAll(c *Context) {
	replyHash(c, c.Out.Map, func(field, val []byte) {
		c.Out.Bulk(field)
		c.Out.Bulk(val)
	})
}

func hashKeys(c *Context) {
	replyHash(c, c.Out.Array, func(field, _ []byte) { c.Out.Bulk(field) })
}

func hashVals(c *Context) {
	replyHash(c, c.Out.Array, func(_, val []byte) { c.Out.Bulk(val) })
}

// replyHash replies the whole hash, each field as write puts it.
func replyHash(c *Context, header func(n int), write func(field, val []byte)) {
	n, err := c.Tx.HashLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	header(n)
	_ = c.Tx.HashEach(c.Args[1], func(field, val []byte) bool { // HashLen has seen the type
		write(field, val)
		return true
	})
}
