package command

import "crdb/engine"

func keyDelete(c *Context) {
	countKeys(c, func(key []byte) bool {
		was := c.Tx.Delete(key)
		if was {
			c.eventDel(key)
		}
		return was
	})
}

func keyExists(c *Context) { c.untouched(func() { countKeys(c, c.Tx.Exists) }) }
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

func keyType(c *Context) {
	key, typ := c.Args[1], engine.TypeNone
	c.untouched(func() {
		if c.Tx.Exists(key) {
			typ = c.Tx.Type(key)
		}
	})
	c.Out.SimpleString(typ.String())
}

// typeOf is the type of a key that is read.
func (c *Context) typeOf(key []byte) engine.Type {
	typ := c.Tx.Type(key)
	if typ == engine.TypeNone {
		c.Tx.Miss(key)
	}
	return typ
}
