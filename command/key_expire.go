package command

import (
	"math"
	"strings"
)

func keyExpire(c *Context)    { setExpiry(c, ttlSeconds) }
func keyPExpire(c *Context)   { setExpiry(c, ttlMillis) }
func keyExpireAt(c *Context)  { setExpiry(c, ttlUnixSeconds) }
func keyPExpireAt(c *Context) { setExpiry(c, ttlUnixMillis) }

// expireConditions are the options of the EXPIRE family.
type expireConditions struct{ nx, xx, gt, lt bool }

// setExpiry runs the EXPIRE family. Unlike SET it takes negative times: they
// delete the key.
func setExpiry(c *Context, unit ttlUnit) {
	cond, ok := parseExpireConditions(c)
	if !ok {
		return
	}
	at, ok := anyDeadline(c, unit)
	if !ok {
		return
	}
	key := c.Args[1]
	current, exists := c.Tx.Deadline(key)
	if !exists || !cond.allow(current, at) {
		c.Out.Int(0)
		return
	}
	expireAt(c, key, at)
	c.Out.Int(1)
}

func parseExpireConditions(c *Context) (expireConditions, bool) {
	var o expireConditions
	for _, arg := range c.Args[3:] {
		switch {
		case isOption(arg, "nx"):
			o.nx = true
		case isOption(arg, "xx"):
			o.xx = true
		case isOption(arg, "gt"):
			o.gt = true
		case isOption(arg, "lt"):
			o.lt = true
		default:
			c.Out.Error("ERR Unsupported option " + strings.Trim(echo(arg), "\r\n"))
			return o, false
		}
	}
	if o.nx && (o.xx || o.gt || o.lt) {
		c.Out.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
		return o, false
	}
	if o.gt && o.lt {
		c.Out.Error("ERR GT and LT options at the same time are not compatible")
		return o, false
	}
	return o, true
}

// allow says whether a key with the deadline current (0: none, which is later
// than any) may get the deadline at.
func (o expireConditions) allow(current, at int64) bool {
	switch {
	case o.nx && current != 0, o.xx && current == 0:
		return false
	case o.gt && (current == 0 || at <= current):
		return false
	case o.lt && current != 0 && at >= current:
		return false
	}
	return true
}

// anyDeadline turns the second argument into a deadline, which may be in the
// past. False means that the error is replied.
func anyDeadline(c *Context, unit ttlUnit) (int64, bool) {
	n, ok := c.argInt(2)
	if !ok {
		return 0, false
	}
	if unit == ttlSeconds || unit == ttlUnixSeconds {
		if n > math.MaxInt64/1000 || n < math.MinInt64/1000 {
			errorExpireTime(c)
			return 0, false
		}
		n *= 1000
	}
	if unit == ttlSeconds || unit == ttlMillis {
		if n > math.MaxInt64-c.Tx.Now() {
			errorExpireTime(c)
			return 0, false
		}
		n += c.Tx.Now()
	}
	return n, true
}

func keyPersist(c *Context) {
	had := c.Tx.Persist(c.Args[1])
	if had {
		c.event(evGeneric, "persist", c.Args[1])
	}
	replyYes(c, had, nil)
}
