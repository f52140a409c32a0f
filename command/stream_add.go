package command

import (
	"crdb/crdt"
	"crdb/engine"
)

// trimArgs are the arguments that XADD and XTRIM share.
type trimArgs struct {
	trim     *crdt.StreamTrim // nil: none
	noCreate bool
	id       streamArg
	auto     bool // *
}

const (
	msgTwoTrims = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
	// nodeLimit is how much an approximate trim removes without LIMIT: a
	// hundred of the chunks that crdt keeps.
	nodeLimit = 100 * 100
)

// parseTrim reads them; next is the index of the ID, or behind the end. False
// means that the error is replied.
func (c *Context) parseTrim(add bool) (t trimArgs, next int, ok bool) {
	var limit int64
	limited := false
	i := 2
scan:
	for ; i < len(c.Args); i++ {
		arg, more := c.Args[i], i+1 < len(c.Args)
		switch {
		case add && len(arg) == 1 && arg[0] == '*':
			t.auto = true
			break scan
		case more && (isOption(arg, "maxlen") || isOption(arg, "minid")):
			if t.trim != nil {
				c.Out.Error(msgTwoTrims)
				return t, 0, false
			}
			if i, ok = c.parseStrategy(&t, i); !ok {
				return t, 0, false
			}
		case more && isOption(arg, "limit"):
			if limit, ok = c.argInt(i + 1); !ok {
				return t, 0, false
			}
			if limit < 0 {
				c.Out.Error("ERR The LIMIT argument must be >= 0.")
				return t, 0, false
			}
			limited = true
			i++
		case add && isOption(arg, "nomkstream"):
			t.noCreate = true
		case add:
			if t.id, ok = parseStreamID(arg, 0, true, true); !ok {
				c.Out.Error(msgStreamID)
				return t, 0, false
			}
			break scan
		default:
			c.Out.Error(msgSyntax)
			return t, 0, false
		}
	}
	return t, i, c.checkLimit(&t, add, limit, limited)
}

// parseStrategy reads MAXLEN or MINID at argument i and returns the index of
// its last argument.
func (c *Context) parseStrategy(t *trimArgs, i int) (last int, ok bool) {
	c.trim = crdt.StreamTrim{ByMin: isOption(c.Args[i], "minid")}
	t.trim = &c.trim
	if next := cString(c.Args[i+1]); i+2 < len(c.Args) && len(next) == 1 && (next[0] == '~' || next[0] == '=') {
		t.trim.Approx = next[0] == '~'
		i++
	}
	i++
	if t.trim.ByMin {
		t.trim.Min, ok = c.argStreamID(i, 0)
		return i, ok
	}
	n, ok := c.argInt(i)
	if ok && n < 0 {
		c.Out.Error("ERR The MAXLEN argument must be >= 0.")
		return i, false
	}
	t.trim.Max = int(n)
	return i, ok
}

func (c *Context) checkLimit(t *trimArgs, add bool, limit int64, limited bool) bool {
	switch {
	case limit > 0 && t.trim == nil:
		c.Out.Error("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy")
	case !add && t.trim == nil:
		c.Out.Error("ERR syntax error, XTRIM must be called with a trimming strategy")
	case limited && (t.trim == nil || !t.trim.Approx):
		c.Out.Error("ERR syntax error, LIMIT cannot be used without the special ~ option")
	default:
		if t.trim != nil && t.trim.Approx {
			if t.trim.Limit = int(limit); !limited {
				t.trim.Limit = nodeLimit
			}
		}
		return true
	}
	return false
}

func streamAdd(c *Context) {
	t, at, ok := c.parseTrim(true)
	if !ok {
		return
	}
	fields := c.Args[min(at+1, len(c.Args)):]
	if len(fields) < 2 || len(fields)%2 != 0 {
		c.errorArity()
		return
	}
	if !t.auto && !t.id.autoSeq && (t.id.id == crdt.StreamID{}) {
		c.Out.Error("ERR The ID specified in XADD must be greater than 0-0")
		return
	}
	add := &engine.StreamAdd{
		ID: t.id.id, Auto: t.auto, AutoSeq: t.id.autoSeq, OnlyMs: t.id.onlyMs, NoCreate: t.noCreate,
		Mode: c.S.set.idMode, Fields: fields, Trim: t.trim,
	}
	id, ok, err := c.Tx.StreamAdd(c.Args[1], add)
	switch {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	default:
		c.event(evStream, "xadd", c.Args[1])
		if add.Trimmed > 0 {
			c.event(evStream, "xtrim", c.Args[1])
		}
		c.replyStreamID(id)
	}
}

func streamTrim(c *Context) {
	t, _, ok := c.parseTrim(false)
	if !ok {
		return
	}
	n, err := c.Tx.StreamTrim(c.Args[1], *t.trim)
	if n > 0 {
		c.event(evStream, "xtrim", c.Args[1])
	}
	replyCount(c, n, err)
}

func streamDelete(c *Context) {
	s, err := c.Tx.Stream(c.Args[1])
	if s == nil {
		replyCount(c, 0, err)
		return
	}
	ids, ok := c.argStreamIDs(2)
	if !ok {
		return
	}
	n, err := c.Tx.StreamDelete(c.Args[1], ids)
	if n > 0 {
		c.event(evStream, "xdel", c.Args[1])
	}
	replyCount(c, n, err)
}

func streamLen(c *Context) {
	s, err := c.Tx.Stream(c.Args[1])
	n := 0
	if s != nil {
		n = s.Entries()
	}
	replyCount(c, n, err)
}

// streamSetID is XSETID. The order of the checks is Redis's.
func streamSetID(c *Context) {
	id, ok := c.argStreamID(2, 0)
	if !ok {
		return
	}
	var added *uint64
	var removed *crdt.StreamID
	for i := 3; i < len(c.Args); i += 2 {
		more := i+1 < len(c.Args)
		switch {
		case more && isOption(c.Args[i], "entriesadded"):
			n, ok := c.argInt(i + 1)
			if !ok {
				return
			}
			if n < 0 {
				c.Out.Error("ERR entries_added must be positive")
				return
			}
			u := uint64(n)
			added = &u
		case more && isOption(c.Args[i], "maxdeletedid"):
			x, ok := c.argStreamID(i+1, 0)
			if !ok {
				return
			}
			if id.Less(x) {
				c.Out.Error("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id")
				return
			}
			removed = &x
		default:
			c.Out.Error(msgSyntax)
			return
		}
	}
	c.setStreamID(id, added, removed)
}

func (c *Context) setStreamID(id crdt.StreamID, added *uint64, removed *crdt.StreamID) {
	s, err := c.Tx.Stream(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	if s == nil {
		c.Error(engine.ErrNoKey)
		return
	}
	info := s.Info()
	var top crdt.StreamID
	s.Range(top, crdt.MaxStreamID, true, func(e *crdt.StreamEntry) bool { top = e.ID; return false })
	switch {
	case s.Entries() > 0 && id.Less(top):
		c.Out.Error("ERR The ID specified in XSETID is smaller than the target stream top item")
		return
	case id.Less(info.Removed):
		c.Out.Error("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id")
		return
	case s.Entries() > 0 && added != nil && *added < uint64(s.Entries()):
		c.Out.Error("ERR The entries_added specified in XSETID is smaller than the target stream length")
		return
	}
	if err := c.Tx.StreamSetID(c.Args[1], id, added, removed); err != nil {
		c.Error(err)
		return
	}
	c.event(evStream, "xsetid", c.Args[1])
	c.Out.OK()
}
