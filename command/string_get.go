package command

// replyString replies the string at a key: null for a missing key, an error
// for another type. It says whether a string was there, and whether the reply
// is an error.
func replyString(c *Context, key []byte) (found, failed bool) {
	val, ok, err := c.Tx.Peek(key) // a reply is a copy
	switch {
	case err != nil:
		c.Error(err)
		return false, true
	case !ok:
		c.Out.Null()
		return false, false
	}
	c.Out.Bulk(val)
	return true, false
}

func stringGet(c *Context) { replyString(c, c.Args[1]) }

func stringGetDel(c *Context) {
	if found, _ := replyString(c, c.Args[1]); found {
		c.Tx.Delete(c.Args[1])
		c.eventDel(c.Args[1])
	}
}

func stringGetSet(c *Context) {
	if _, failed := replyString(c, c.Args[1]); !failed {
		c.put(c.Args[1], c.Args[2], expiryNone)
	}
}

func stringGetEx(c *Context) {
	opts, ok := parseSetOptions(c, 2, optionsGetEx)
	if !ok {
		return
	}
	key := c.Args[1]
	val, ok, err := c.Tx.Peek(key)
	if err != nil {
		c.Error(err)
		return
	}
	if !ok {
		c.Out.Null()
		return
	}
	at, ok := opts.deadline(c)
	if !ok {
		return
	}
	c.Out.Bulk(val)
	switch {
	case opts.unit != 0:
		expireAt(c, key, at)
	case opts.persist:
		if c.Tx.Persist(key) {
			c.event(evGeneric, "persist", key)
		}
	}
}

// expireAt gives a key that exists the deadline at, or deletes it if that has
// passed.
func expireAt(c *Context, key []byte, at int64) {
	if at <= c.Tx.Now() {
		c.Tx.Delete(key)
		c.eventDel(key)
		return
	}
	c.Tx.SetDeadline(key, at)
	c.event(evGeneric, "expire", key)
}

func stringMGet(c *Context) {
	keys := c.Args[1:]
	c.Out.Array(len(keys))
	for _, key := range keys {
		val, ok, err := c.Tx.Peek(key)
		if err != nil || !ok {
			c.Out.Null()
			continue
		}
		c.Out.Bulk(val)
	}
}

func stringStrLen(c *Context) {
	val, _, err := c.Tx.Peek(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Int(int64(len(val)))
}
