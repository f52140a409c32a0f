package command

func keyDelete(c *Context) { countKeys(c, c.Tx.Delete) }
func keyExists(c *Context) { countKeys(c, c.Tx.Exists) }
func keyTouch(c *Context)  { countKeys(c, c.Tx.Touch) }

// countKeys replies for how many of the keys, repeated ones included, fn says true.
func countKeys(c *Context, fn func(key []byte) bool) {
	n := 0
	for _, key := range c.Args[1:] {
		if fn(key) {
			n++
		}
	}
	c.Out.Int(int64(n))
}

func keyType(c *Context) { c.Out.SimpleString(c.Tx.Type(c.Args[1]).String()) }
