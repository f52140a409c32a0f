package command

import (
	"bytes"
	"math"

	"crdb/engine"
)

// draftMove prepares the move of a large key, draftCopy its copy, without locks.
func draftMove(c *Context) { c.Tx.Draft(c.S.now, c.Args[1], true) }

func draftCopy(c *Context) { c.Tx.Draft(c.S.now, c.Args[1], false) }

// rename moves the first key to the second.
func (c *Context) rename() bool {
	src, dst := c.Args[1], c.Args[2]
	ok := c.Tx.Rename(src, dst)
	if ok && !bytes.Equal(src, dst) {
		c.event(evGeneric, "rename_from", src)
		c.event(evGeneric, "rename_to", dst)
	}
	return ok
}

func keyRename(c *Context) {
	if !bytes.Equal(c.Args[1], c.Args[2]) && c.aside(c.Args[1]) {
		return
	}
	if !c.rename() {
		c.Out.Error(msgNoSuchKey)
		return
	}
	c.Out.OK()
}

func keyRenameNX(c *Context) {
	src, dst := c.Args[1], c.Args[2]
	if !existsIn(c, c.Tx.DB(), dst) && c.aside(src) {
		return
	}
	switch {
	case !c.Tx.Exists(src):
		c.Out.Error(msgNoSuchKey)
	case c.Tx.Exists(dst):
		c.Out.Int(0)
	default:
		c.rename()
		c.Out.Int(1)
	}
}

// keyCopy runs COPY source destination [DB index] [REPLACE].
func keyCopy(c *Context) {
	src, dst := c.Args[1], c.Args[2]
	db, replace := c.Tx.DB(), false
	for i := 3; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case isOption(arg, "replace"):
			replace = true
		case isOption(arg, "db") && i+1 < len(c.Args):
			var ok bool
			i++
			if db, ok = argDB(c, i); !ok {
				return
			}
		default:
			c.Out.Error(msgSyntax)
			return
		}
	}
	if db == c.Tx.DB() && bytes.Equal(src, dst) {
		c.Out.Error(msgSameObject)
		return
	}
	if (replace || !existsIn(c, db, dst)) && c.aside(src) {
		return
	}
	copied := c.Tx.Exists(src) && (replace || !existsIn(c, db, dst)) && c.Tx.Copy(src, dst, db)
	if copied {
		c.eventIn(db, "copy_to", dst)
	}
	replyYes(c, copied, nil)
}

// keyMove runs MOVE key db: a copy and a delete in one atomic group.
func keyMove(c *Context) {
	key := c.Args[1]
	db, ok := argDB(c, 2)
	if !ok {
		return
	}
	if db == c.Tx.DB() {
		c.Out.Error(msgSameObject)
		return
	}
	if !existsIn(c, db, key) && c.aside(key) {
		return
	}
	moved := c.Tx.Exists(key) && !existsIn(c, db, key) && c.Tx.Move(key, db)
	if moved {
		c.event(evGeneric, "move_from", key)
		c.eventIn(db, "move_to", key)
	}
	replyYes(c, moved, nil)
}

// argDB reads argument i as the number of a logical database; false means that
// the error is replied.
func argDB(c *Context, i int) (int, bool) {
	n, ok := c.argRange(i, math.MinInt32, math.MaxInt32, "")
	if !ok {
		return 0, false
	}
	if n < 0 || n >= engine.Databases {
		c.Out.Error(msgDBIndex)
		return 0, false
	}
	return int(n), true
}

// existsIn says whether key exists in logical database db.
func existsIn(c *Context, db int, key []byte) bool {
	selected := c.Tx.DB()
	c.Tx.Select(db)
	exists := c.there(key)
	c.Tx.Select(selected)
	return exists
}
