package command

import (
	"strings"

	"crdb/engine"
)

var objectCommands = []*Command{
	{Name: "object", Summary: "Tells how a value is stored.", Subcommands: []*Command{
		{Name: "object|encoding", Summary: "Returns the encoding of a value.", Handler: objectEncoding},
		{Name: "object|freq", Summary: "Returns how often a key is used, on a logarithmic scale.", Handler: objectFreq},
		{Name: "object|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "object|idletime", Summary: "Returns for how many seconds a key was not used.", Handler: objectIdleTime},
		{Name: "object|refcount", Summary: "Returns how many references a value has.", Handler: objectRefCount},
	}},
}

const (
	msgNotLFU = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	msgLFU    = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
)

// sharedIntegers is how many small integers Redis keeps as shared objects;
// their reference count is the largest 32-bit number.
const sharedIntegers = 10000

func (c *Context) lfu() bool {
	return strings.HasSuffix(c.Server.config.String("maxmemory-policy"), "-lfu")
}

// untouched runs f without counting as a use of the keys.
func (c *Context) untouched(f func()) {
	c.Tx.NoTouch(true)
	f()
	c.Tx.NoTouch(c.S.noTouch)
}

// encoding returns the name of the form in which Redis would keep a value.
func (c *Context) encoding(key []byte) (string, bool) {
	limit := func(name string) int { return int(c.Server.config.Int(name)) }
	return c.Tx.Encoding(key, &engine.EncodingLimits{
		Intset:      limit("set-max-intset-entries"),
		HashEntries: limit("hash-max-listpack-entries"), HashValue: limit("hash-max-listpack-value"),
		ZSetEntries: limit("zset-max-listpack-entries"), ZSetValue: limit("zset-max-listpack-value"),
	})
}

func objectEncoding(c *Context) {
	key := c.Args[2]
	c.untouched(func() {
		if enc, ok := c.encoding(key); ok {
			c.Out.BulkString(enc)
			return
		}
		c.Out.Null()
	})
}

func objectFreq(c *Context) {
	key := c.Args[2]
	c.untouched(func() {
		n, ok := c.Tx.Freq(key)
		switch {
		case !ok:
			c.Out.Null()
		case !c.lfu():
			c.Out.Error(msgNotLFU)
		default:
			c.Out.Int(int64(n))
		}
	})
}

func objectIdleTime(c *Context) {
	key := c.Args[2]
	c.untouched(func() {
		n, ok := c.Tx.Idle(key)
		switch {
		case !ok:
			c.Out.Null()
		case c.lfu():
			c.Out.Error(msgLFU)
		default:
			c.Out.Int(n)
		}
	})
}

func objectRefCount(c *Context) {
	key := c.Args[2]
	c.untouched(func() {
		enc, ok := c.encoding(key)
		if !ok {
			c.Out.Null()
			return
		}
		if enc == "int" {
			val, _, _ := c.Tx.Get(key)
			if n, ok := parseInt(val); ok && n >= 0 && n < sharedIntegers {
				c.Out.Int(maxInt32)
				return
			}
		}
		c.Out.Int(1)
	})
}
