package command

import (
	"math"

	"crdb/engine"
)

func listPushLeft(c *Context)   { listPush(c, true) }
func listPushRight(c *Context)  { listPush(c, false) }
func listPushXLeft(c *Context)  { listPushX(c, true) }
func listPushXRight(c *Context) { listPushX(c, false) }
func listPopLeft(c *Context)    { listPop(c, true) }
func listPopRight(c *Context)   { listPop(c, false) }

func listPush(c *Context, left bool) {
	n, err := c.Tx.ListPush(c.Args[1], left, c.Args[2:])
	if err == nil {
		c.event(evList, pushEvent(left), c.Args[1])
	}
	replyCount(c, n, err)
}

func listPushX(c *Context, left bool) {
	n, err := c.Tx.ListLen(c.Args[1])
	if n == 0 {
		replyCount(c, 0, err)
		return
	}
	listPush(c, left)
}

func listLen(c *Context) {
	n, err := c.Tx.ListLen(c.Args[1])
	replyCount(c, n, err)
}

func listPop(c *Context, left bool) {
	if len(c.Args) > 3 {
		c.errorArity()
		return
	}
	count := int64(-1)
	if len(c.Args) == 3 {
		var ok bool
		if count, ok = c.argRange(2, 0, math.MaxInt64, msgNotPositive); !ok {
			return
		}
	}
	if count < 0 {
		c.popOne(left)
		return
	}
	size, err := c.Tx.ListLen(c.Args[1])
	switch {
	case err != nil:
		c.Error(err)
	case size == 0:
		c.Out.NullArray()
	default:
		c.Out.Array(int(min(count, int64(size))))
		c.popElements(c.Args[1], left, count)
	}
}

// popOne is a pop without a count.
func (c *Context) popOne(left bool) {
	switch exists, err := c.Tx.ListPop(c.Args[1], left, 1, c.Out.Bulk); {
	case err != nil:
		c.Error(err)
	case !exists:
		c.Out.Null()
	default:
		c.eventRemoval(evList, popEvent(left), c.Args[1])
	}
}

// popElements removes elements of a list that is there and writes them.
func (c *Context) popElements(key []byte, left bool, count int64) {
	_, _ = c.Tx.ListPop(key, left, count, c.Out.Bulk) // the type has been seen
	if count > 0 {
		c.eventRemoval(evList, popEvent(left), key)
	}
}

func listIndex(c *Context) {
	size, err := c.Tx.ListLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	if size == 0 {
		c.Out.Null()
		return
	}
	i, ok := c.argInt(2)
	if !ok {
		return
	}
	if v, ok, _ := c.Tx.ListIndex(c.Args[1], i); ok {
		c.Out.Bulk(v)
	} else {
		c.Out.Null()
	}
}

func listSet(c *Context) {
	size, err := c.Tx.ListLen(c.Args[1])
	switch {
	case err != nil:
		c.Error(err)
		return
	case size == 0:
		c.Out.Error(msgNoSuchKey)
		return
	}
	i, ok := c.argInt(2)
	if !ok {
		return
	}
	if err := c.Tx.ListSet(c.Args[1], i, c.Args[3]); err != nil {
		c.Error(err)
		return
	}
	c.event(evList, "lset", c.Args[1])
	c.Out.OK()
}

// span reads two indexes.
func (c *Context) span() (first, last int64, ok bool) {
	if first, ok = c.argInt(2); ok {
		last, ok = c.argInt(3)
	}
	return first, last, ok
}

func listRange(c *Context) {
	first, last, ok := c.span()
	if !ok {
		return
	}
	size, err := c.Tx.ListLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	from, to := engine.ListSpan(size, first, last)
	c.Out.Array(to - from)
	if from == to {
		return
	}
	_ = c.Tx.ListEach(c.Args[1], from, func(v []byte) bool {
		c.Out.Bulk(v)
		from++
		return from < to
	})
}

func listTrim(c *Context) {
	first, last, ok := c.span()
	if !ok {
		return
	}
	there := c.S.set.notify != 0 && c.Tx.Type(c.Args[1]) == engine.TypeList
	if err := c.Tx.ListTrim(c.Args[1], first, last); err != nil {
		c.Error(err)
		return
	}
	if there {
		c.eventRemoval(evList, "ltrim", c.Args[1])
	}
	c.Out.OK()
}

func listRemove(c *Context) {
	count, ok := c.argInt(2)
	if !ok {
		return
	}
	n, err := c.Tx.ListRemove(c.Args[1], count, c.Args[3])
	if n > 0 {
		c.eventRemoval(evList, "lrem", c.Args[1])
	}
	replyCount(c, n, err)
}

func listInsert(c *Context) {
	before := isOption(c.Args[2], "before")
	if !before && !isOption(c.Args[2], "after") {
		c.Out.Error(msgSyntax)
		return
	}
	n, err := c.Tx.ListInsert(c.Args[1], before, c.Args[3], c.Args[4])
	if n > 0 {
		c.event(evList, "linsert", c.Args[1])
	}
	replyCount(c, n, err)
}

func pushEvent(left bool) string {
	if left {
		return "lpush"
	}
	return "rpush"
}

func popEvent(left bool) string {
	if left {
		return "lpop"
	}
	return "rpop"
}
