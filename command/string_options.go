package command

import "math"

// setOptions are the options of SET and GETEX.
type setOptions struct {
	nx, xx, get      bool
	keepTTL, persist bool
	unit             ttlUnit // of the lifetime or deadline; 0: none is given
	when             int     // index of the argument with it
}

// ttlUnit says how a lifetime or deadline is given.
type ttlUnit uint8

const (
	ttlSeconds ttlUnit = iota + 1
	ttlMillis
	ttlUnixSeconds
	ttlUnixMillis
)

// setDialect says which options a command knows.
type setDialect uint8

const (
	optionsSet setDialect = iota
	optionsGetEx
)

// parseSetOptions reads the options from argument i on, in any order. It
// refuses what Redis refuses: two that contradict each other, but not the same
// one twice. False means that the error is replied.
func parseSetOptions(c *Context, i int, d setDialect) (setOptions, bool) {
	var o setOptions
	for ; i < len(c.Args); i++ {
		arg := c.Args[i]
		set := d == optionsSet
		switch {
		case set && !o.xx && isOption(arg, "nx"):
			o.nx = true
		case set && !o.nx && isOption(arg, "xx"):
			o.xx = true
		case set && isOption(arg, "get"):
			o.get = true
		case set && o.unit == 0 && isOption(arg, "keepttl"):
			o.keepTTL = true
		case !set && o.unit == 0 && isOption(arg, "persist"):
			o.persist = true
		default:
			unit := ttlOption(arg)
			taken := o.keepTTL || o.persist || o.unit != 0 && o.unit != unit
			if unit == 0 || taken || i+1 == len(c.Args) {
				c.Out.Error(msgSyntax)
				return o, false
			}
			i++
			o.unit, o.when = unit, i
		}
	}
	return o, true
}

func ttlOption(arg []byte) ttlUnit {
	switch {
	case isOption(arg, "ex"):
		return ttlSeconds
	case isOption(arg, "px"):
		return ttlMillis
	case isOption(arg, "exat"):
		return ttlUnixSeconds
	case isOption(arg, "pxat"):
		return ttlUnixMillis
	}
	return 0
}

// deadline returns the deadline the options ask for, 0 for none. False means
// that the error is replied.
func (o setOptions) deadline(c *Context) (int64, bool) {
	if o.unit == 0 {
		return 0, true
	}
	return deadlineFrom(c, c.Args[o.when], o.unit)
}

// deadlineFrom turns a lifetime or deadline, which must be positive, into a
// deadline in unix milliseconds.
func deadlineFrom(c *Context, arg []byte, unit ttlUnit) (int64, bool) {
	n, ok := parseInt(arg)
	if !ok {
		c.Out.Error(msgNotInteger)
		return 0, false
	}
	seconds := unit == ttlSeconds || unit == ttlUnixSeconds
	if n <= 0 || seconds && n > math.MaxInt64/1000 {
		errorExpireTime(c)
		return 0, false
	}
	if seconds {
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

func errorExpireTime(c *Context) {
	c.Out.Error("ERR invalid expire time in '" + c.Cmd.Name + "' command")
}
