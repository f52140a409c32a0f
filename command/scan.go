package command

import "math"

// scanOptions are the options of the SCAN family.
type scanOptions struct {
	count   int
	match   []byte // nil: everything
	typ     []byte // nil: every type
	pattern bool
	whole   bool // a small collection is replied at once
}

const scanDefaultCount = 10

// parseScanOptions reads the options from argument i on. TYPE is for SCAN
// alone. False means that the error is replied.
func parseScanOptions(c *Context, i int, types bool) (scanOptions, bool) {
	o := scanOptions{count: scanDefaultCount}
	for ; i < len(c.Args); i += 2 {
		last := i+1 == len(c.Args)
		switch arg := c.Args[i]; {
		case isOption(arg, "count") && !last:
			n, ok := c.argInt(i + 1)
			if !ok {
				return o, false
			}
			if n < 1 {
				c.Out.Error(msgSyntax)
				return o, false
			}
			o.count = int(min(n, math.MaxInt))
		case isOption(arg, "match") && !last:
			o.match = c.Args[i+1]
			o.pattern = string(o.match) != "*"
		case types && isOption(arg, "type") && !last:
			o.typ = c.Args[i+1]
		default:
			c.Out.Error(msgSyntax)
			return o, false
		}
	}
	return o, true
}

// accepts says whether an element is to be returned.
func (o *scanOptions) accepts(name []byte) bool {
	return !o.pattern || globMatch(o.match, name)
}

// argCursor reads argument i as a cursor; false means that the error is replied.
func (c *Context) argCursor(i int) (uint64, bool) {
	cursor, ok := parseCursor(c.Args[i])
	if !ok {
		c.Out.Error(msgInvalidCursor)
	}
	return cursor, ok
}

// replyScan writes the reply of a SCAN command around what walk writes: walk
// adds elements to the reply and returns the next cursor and their number.
func replyScan(c *Context, walk func() (next uint64, n int, err error)) {
	start := len(c.Out.Buf)
	next, n, err := walk()
	if err != nil {
		c.Out.Buf = c.Out.Buf[:start]
		c.Error(err)
		return
	}
	end := len(c.Out.Buf)
	c.Out.Array(2)
	bulkUint(c.Out, next)
	c.Out.Array(n)
	headerFirst(c.Out, start, end)
}

// scanElements runs SSCAN and HSCAN. Redis looks for the key before it reads
// the options, so that a missing key never complains about them.
func scanElements(c *Context, size func(key []byte) (int, error),
	walk func(key []byte, cursor uint64, o *scanOptions) (uint64, int, error)) {
	cursor, ok := c.argCursor(2)
	if !ok {
		return
	}
	key := c.Args[1]
	n, err := size(key)
	if err != nil {
		c.Error(err)
		return
	}
	if n == 0 {
		replyScan(c, func() (uint64, int, error) { return 0, 0, nil })
		return
	}
	o, ok := parseScanOptions(c, 3, false)
	if !ok {
		return
	}
	if o.whole = c.scansWhole(key); o.whole {
		cursor, o.count = 0, math.MaxInt32
	}
	replyScan(c, func() (next uint64, n int, err error) {
		if next, n, err = walk(key, cursor, &o); o.whole {
			next = 0
		}
		return next, n, err
	})
}

// scansWhole reports whether Redis would keep the collection in one piece of memory: then
// it replies all of it, whatever the cursor and COUNT say, and there are clients
// that rely on it.
func (c *Context) scansWhole(key []byte) bool {
	enc, _ := c.encoding(key)
	return enc == "intset" || enc == "listpack" || enc == "listpackex"
}

func setScan(c *Context) {
	scanElements(c, c.Tx.SetLen, func(key []byte, cursor uint64, o *scanOptions) (next uint64, n int, err error) {
		start, order := len(c.Out.Buf), c.ascending()
		next, err = c.Tx.SetScan(key, cursor, o.count, func(member []byte) {
			if o.accepts(member) {
				c.Out.Bulk(member)
				order.note(member)
				n++
			}
		})
		if o.whole {
			order.rewrite(c.Out, start)
		}
		return next, n, err
	})
}

func hashScan(c *Context) {
	scanElements(c, c.Tx.HashLen, func(key []byte, cursor uint64, o *scanOptions) (next uint64, n int, err error) {
		next, err = c.Tx.HashScan(key, cursor, o.count, func(field, val []byte) {
			if o.accepts(field) {
				c.Out.Bulk(field)
				c.Out.Bulk(val)
				n += 2
			}
		})
		return next, n, err
	})
}
