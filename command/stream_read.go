package command

import (
	"time"

	"crdb/crdt"
)

// readArgs are the arguments of XREAD and XREADGROUP.
type readArgs struct {
	grouped         bool
	group, consumer []byte
	count           int64
	block           bool
	timeout         time.Duration
	noAck           bool
	keys, ids       [][]byte
}

const (
	msgDollar  = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
	msgGreater = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)

// parseRead reads them; false means that the error is replied.
func (c *Context) parseRead() (r readArgs, ok bool) {
	r.grouped = c.Cmd.Name == "xreadgroup"
	for i := 1; i < len(c.Args); i++ {
		arg, more := c.Args[i], len(c.Args)-i-1
		switch {
		case more > 0 && isOption(arg, "block"):
			i++
			if c.inScript() {
				c.Out.Error("ERR " + string(c.Args[0]) + " command is not allowed with BLOCK option from scripts")
				return r, false
			}
			if r.timeout, ok = c.timeoutMillis(i); !ok {
				return r, false
			}
			r.block = true
		case more > 0 && isOption(arg, "count"):
			i++
			if r.count, ok = c.argInt(i); !ok {
				return r, false
			}
			r.count = max(r.count, 0)
		case more > 0 && isOption(arg, "streams"):
			return r, c.parseStreams(&r, i+1)
		case more > 1 && isOption(arg, "group"):
			if !r.grouped {
				c.Out.Error("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.")
				return r, false
			}
			r.group, r.consumer = c.Args[i+1], c.Args[i+2]
			i += 2
		case isOption(arg, "noack"):
			if !r.grouped {
				c.Out.Error("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.")
				return r, false
			}
			r.noAck = true
		default:
			c.Out.Error(msgSyntax)
			return r, false
		}
	}
	c.Out.Error(msgSyntax)
	return r, false
}

// parseStreams takes the arguments from i on as keys and as many IDs.
func (c *Context) parseStreams(r *readArgs, i int) bool {
	n := len(c.Args) - i
	if n%2 != 0 {
		c.Out.Error("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
		return false
	}
	r.keys, r.ids = c.Args[i:i+n/2], c.Args[i+n/2:]
	if r.grouped && r.group == nil {
		c.Out.Error("ERR Missing GROUP option for XREADGROUP")
		return false
	}
	return true
}

// streamRead is XREAD. The last IDs that "$" stands for are captured: a client
// that waits gets what comes after them.
func streamRead(c *Context) {
	r, ok := c.parseRead()
	if !ok {
		return
	}
	after := make([]crdt.StreamID, len(r.keys))
	for i, arg := range r.ids {
		s, err := c.Tx.Stream(r.keys[i])
		switch {
		case err != nil:
			c.Error(err)
			return
		case len(arg) == 1 && arg[0] == '$':
			if s != nil {
				after[i] = s.LastID()
			}
			continue
		case len(arg) == 1 && arg[0] == '>':
			c.Out.Error(msgGreater)
			return
		}
		a, ok := parseStreamID(arg, 0, true, false)
		if !ok {
			c.Out.Error(msgStreamID)
			return
		}
		after[i] = a.id
	}
	if !r.block {
		if !tryRead(c, &r, after) {
			c.Out.NullArray()
		}
		return
	}
	c.blockOnKeys(keyWait{keys: r.keys, timeout: r.timeout, try: func(c *Context) bool {
		r, ok := c.parseRead()
		return !ok || tryRead(c, &r, after)
	}})
}

// tryRead replies what lies behind the IDs, and false if there is nothing.
func tryRead(c *Context, r *readArgs, after []crdt.StreamID) bool {
	var found []int
	for i, key := range r.keys {
		if c.passes(key) {
			continue
		}
		if s, err := c.Tx.Stream(key); err == nil && s != nil && c.hasBehind(s, after[i]) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return false
	}
	c.headRead(len(found))
	for _, i := range found {
		s, _ := c.Tx.Stream(r.keys[i])
		start, _ := after[i].Next()
		c.headStream(r.keys[i])
		c.replyRange(s, start, crdt.MaxStreamID, false, r.count)
	}
	return true
}

// hasBehind reports whether there is something to reply behind an ID; in Redis
// that may be nothing, for who waits and is woken by an entry that has gone.
func (c *Context) hasBehind(s *crdt.Stream, after crdt.StreamID) bool {
	if c.brought() && after.Less(s.LastID()) {
		return true
	}
	start, ok := after.Next()
	return ok && s.Entries() > 0 && hasFrom(s, start)
}

func hasFrom(s *crdt.Stream, start crdt.StreamID) (ok bool) {
	s.Range(start, crdt.MaxStreamID, true, func(*crdt.StreamEntry) bool { ok = true; return false })
	return ok
}

// headRead begins the reply: by stream, an array of entries.
func (c *Context) headRead(streams int) {
	if c.Out.Proto == 3 {
		c.Out.Map(streams)
	} else {
		c.Out.Array(streams)
	}
}

func (c *Context) headStream(key []byte) {
	if c.Out.Proto != 3 {
		c.Out.Array(2)
	}
	c.Out.Bulk(key)
}
