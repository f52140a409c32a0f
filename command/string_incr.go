package command

import "math"

func stringIncr(c *Context) { addInt(c, 1) }
func stringDecr(c *Context) { addInt(c, -1) }

func stringIncrBy(c *Context) {
	if delta, ok := c.argInt(2); ok {
		addInt(c, delta)
	}
}

func stringDecrBy(c *Context) {
	delta, ok := c.argInt(2)
	if !ok {
		return
	}
	if delta == math.MinInt64 { // it has no opposite
		c.Out.Error("ERR decrement would overflow")
		return
	}
	addInt(c, -delta)
}

func addInt(c *Context, delta int64) {
	n, err := c.Tx.Incr(c.Args[1], delta)
	if err != nil {
		c.Error(err)
		return
	}
	c.event(evString, "incrby", c.Args[1])
	c.Out.Int(n)
}

func stringIncrByFloat(c *Context) {
	if ok, _ := checkLongDouble(c.Args[2]); !ok {
		if _, _, err := c.Tx.Get(c.Args[1]); err != nil { // the type comes first
			c.Error(err)
			return
		}
		c.Out.Error(msgNotFloat)
		return
	}
	val, err := c.Tx.IncrFloat(c.Args[1], c.Args[2])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Bulk(val)
	c.event(evString, "incrbyfloat", c.Args[1])
}
