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

// inspect runs f for a key that exists. As in Redis, nobody is told if it does not.
func (c *Context) inspect(f func(key []byte)) {
	key := c.Args[2]
	c.Tx.OnMiss(nil)
	c.untouched(func() {
		if c.Tx.Exists(key) {
			f(key)
			return
		}
		c.Out.Null()
	})
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
	c.inspect(func(key []byte) {
		enc, _ := c.encoding(key)
		c.Out.BulkString(enc)
	})
}

func objectFreq(c *Context) {
	c.inspect(func(key []byte) {
		if !c.lfu() {
			c.Out.Error(msgNotLFU)
			return
		}
		n, _ := c.Tx.Freq(key)
		c.Out.Int(int64(n))
	})
}

func objectIdleTime(c *Context) {
	c.inspect(func(key []byte) {
		if c.lfu() {
			c.Out.Error(msgLFU)
			return
		}
		n, _ := c.Tx.Idle(key)
		c.Out.Int(n)
	})
}

func objectRefCount(c *Context) {
	c.inspect(func(key []byte) {
		if enc, _ := c.encoding(key); enc == "int" {
			val, _, _ := c.Tx.Get(key)
			if n, ok := parseInt(val); ok && n >= 0 && n < sharedIntegers {
				c.Out.Int(maxInt32)
				return
			}
		}
		c.Out.Int(1)
	})
}
