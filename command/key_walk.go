package command

import (
	"math"

	"crdb/engine"
)

// sawAll notes that a command may have seen any key: walks lock by themselves,
// so that its reply waits for all that was written before (M5).
func (c *Context) sawAll() {
	if c.S.set.always {
		c.S.due = max(c.S.due, c.Server.log.Issued().Time)
	}
}

func keyDBSize(c *Context) {
	c.Out.Int(int64(c.Tx.Len()))
	c.sawAll()
}

func keyRandom(c *Context) {
	key, ok := c.Tx.Random()
	c.sawAll()
	replyMember(c, key, ok, nil)
}

func keyKeys(c *Context) {
	pattern := c.Args[1]
	all := string(pattern) == "*"
	start, n := len(c.Out.Buf), 0
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = c.Tx.Scan(cursor, math.MaxInt32, func(key []byte, _ engine.Type) {
			if all || globMatch(pattern, key) {
				c.Out.Bulk(key)
				n++
			}
		})
	}
	c.sawAll()
	end := len(c.Out.Buf)
	c.Out.Array(n)
	headerFirst(c.Out, start, end)
}

// keyScan runs SCAN cursor [MATCH pattern] [COUNT count] [TYPE type].
func keyScan(c *Context) {
	cursor, ok := c.argCursor(1)
	if !ok {
		return
	}
	o, ok := parseScanOptions(c, 2, true)
	if !ok {
		return
	}
	replyScan(c, func() (next uint64, n int, err error) {
		next = c.Tx.Scan(cursor, o.count, func(key []byte, typ engine.Type) {
			if o.accepts(key) && (o.typ == nil || isOption(o.typ, typ.String())) {
				c.Out.Bulk(key)
				n++
			}
		})
		c.sawAll()
		return next, n, nil
	})
}

func keyFlushAll(c *Context) { flush(c, true, c.Tx.FlushAll) }
func keyFlushDB(c *Context)  { flush(c, false, c.Tx.Flush) }

// Very many counters are deleted before the flush, without locks in between.
func flushAllAhead(c *Context) { c.Tx.DeleteCounters(c.S.now, true) }
func flushDBAhead(c *Context)  { c.Tx.DeleteCounters(c.S.now, false) }

// flush runs FLUSHALL and FLUSHDB [ASYNC|SYNC]: both ways are the same here.
func flush(c *Context, all bool, how func() error) {
	if len(c.Args) > 2 || len(c.Args) == 2 && !isOption(c.Args[1], "async") && !isOption(c.Args[1], "sync") {
		c.Out.Error(msgSyntax)
		return
	}
	if c.asideIf(func() bool { return c.Tx.FlushIsLong(all) }) {
		return
	}
	before := c.Tx.LastDot()
	if err := how(); err != nil {
		c.Out.Error(noWrites(err))
		return
	}
	if c.Tx.LastDot() == before { // nothing was there: clients hear of it all the same
		c.Server.tracking.invalidate(c.Server, c.Tx, nil)
	}
	c.Out.OK()
}
