package command

import "crdb/engine"

var (
	expiryNone = engine.Expiry{}
	expiryKeep = engine.Expiry{Keep: true}
)

// there says whether a key exists, for a command that is about to write it: such
// a look is no use of the key.
func (c *Context) there(key []byte) bool { return c.Tx.Type(key) != engine.TypeNone }

// taken says whether a key exists that a command would only create. That one does not
// write it is a use of the key all the same.
func (c *Context) taken(key []byte) bool { return c.there(key) && c.Tx.Touch(key) }

// put sets a string, as SET does.
func (c *Context) put(key, val []byte, x engine.Expiry) {
	c.Tx.Put(key, val, x)
	if c.S.set.notify == 0 {
		return
	}
	c.event(evString, "set", key)
	if x.At != 0 {
		c.event(evGeneric, "expire", key)
		if x.At <= c.Tx.Now() {
			c.event(evExpired, "expired", key)
		}
	}
}

func stringSet(c *Context) {
	key, val := c.Args[1], c.Args[2]
	if len(c.Args) == 3 {
		c.put(key, val, expiryNone)
		c.Out.OK()
		return
	}
	opts, ok := parseSetOptions(c, 3, optionsSet)
	if !ok {
		return
	}
	at, ok := opts.deadline(c)
	if !ok {
		return
	}
	if opts.get {
		if _, failed := replyString(c, key); failed {
			return
		}
	}
	if opts.nx && c.taken(key) || opts.xx && !c.there(key) {
		if !opts.get {
			c.Out.Null()
		}
		return
	}
	c.put(key, val, engine.Expiry{Keep: opts.keepTTL, At: at})
	if !opts.get {
		c.Out.OK()
	}
}

func stringSetNX(c *Context) {
	if c.taken(c.Args[1]) {
		c.Out.Int(0)
		return
	}
	c.put(c.Args[1], c.Args[2], expiryNone)
	c.Out.Int(1)
}

func stringSetEx(c *Context)  { setWithLifetime(c, ttlSeconds) }
func stringPSetEx(c *Context) { setWithLifetime(c, ttlMillis) }

func setWithLifetime(c *Context, unit ttlUnit) {
	at, ok := deadlineFrom(c, c.Args[2], unit)
	if !ok {
		return
	}
	c.put(c.Args[1], c.Args[3], engine.Expiry{At: at})
	c.Out.OK()
}

func stringMSet(c *Context) {
	if putPairs(c, false) {
		c.Out.OK()
	}
}

func stringMSetNX(c *Context) {
	if putPairs(c, true) {
		c.Out.Int(1)
	}
}

// putPairs sets the keys of MSET and MSETNX. False means that it did not, and
// has replied why.
func putPairs(c *Context, onlyNew bool) bool {
	pairs := c.Args[1:]
	if len(pairs)%2 != 0 {
		c.errorArity()
		return false
	}
	for i := 0; onlyNew && i < len(pairs); i += 2 {
		if c.taken(pairs[i]) {
			c.Out.Int(0)
			return false
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		c.put(pairs[i], pairs[i+1], expiryNone)
	}
	return true
}
