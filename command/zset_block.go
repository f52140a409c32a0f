package command

func zsetBlockPopMin(c *Context) { blockPop(c, false) }
func zsetBlockPopMax(c *Context) { blockPop(c, true) }

// blockPop runs BZPOPMIN key [key ...] timeout.
func blockPop(c *Context, highest bool) {
	timeout, ok := c.timeoutSeconds(len(c.Args) - 1)
	if !ok {
		return
	}
	c.blockOnKeys(keyWait{keys: c.Args[1 : len(c.Args)-1], timeout: timeout, try: func(c *Context) bool {
		key, size, done := firstZSet(c, c.Args[1:len(c.Args)-1])
		if size > 0 {
			c.Out.Array(3)
			c.Out.Bulk(key)
			popRanks(c, key, size, 1, highest, false)
		}
		return done
	}})
}

// firstZSet finds the first of the keys that holds a sorted set; done without
// one means that the error is replied. A client that waits already does not
// mind keys of other types.
func firstZSet(c *Context, keys [][]byte) (key []byte, size int, done bool) {
	for _, key := range keys {
		if c.passes(key) {
			continue
		}
		size, err := c.Tx.ZSetLen(key)
		switch {
		case err != nil && c.again():
		case err != nil:
			c.Error(err)
			return nil, 0, true
		case size > 0:
			return key, size, true
		}
	}
	return nil, 0, false
}

// zsetBlockMPop runs BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count].
func zsetBlockMPop(c *Context) {
	keys, _, _, ok := parseMPop(c, 2)
	if !ok {
		return
	}
	timeout, ok := c.timeoutSeconds(1)
	if !ok {
		return
	}
	c.blockOnKeys(keyWait{keys: keys, timeout: timeout, try: func(c *Context) bool {
		keys, highest, count, _ := parseMPop(c, 2)
		key, size, done := firstZSet(c, keys)
		if size > 0 {
			replyMPop(c, key, size, count, highest)
		}
		return done
	}})
}
