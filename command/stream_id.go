package command

import (
	"bytes"
	"math"
	"strconv"

	"crdb/crdt"
)

const (
	msgStreamID  = "ERR Invalid stream ID specified as stream command argument"
	maxStreamArg = 127
)

// parseUint reads as Redis's string2ull: what parseInt takes and is not
// negative, or else what strtoull takes whole.
func parseUint(b []byte) (uint64, bool) {
	if i, ok := parseInt(b); ok {
		return uint64(i), i >= 0
	}
	for len(b) > 0 && (b[0] == ' ' || b[0] >= '\t' && b[0] <= '\r') {
		b = b[1:]
	}
	return parseUnsigned(b)
}

// streamArg is a parsed stream ID.
type streamArg struct {
	id      crdt.StreamID
	autoSeq bool // ms-*
	onlyMs  bool // no sequence number
}

// parseStreamID reads an ID; missing is the sequence number of one without.
// strict refuses "-" and "+", and star takes "ms-*".
func parseStreamID(b []byte, missing uint64, strict, star bool) (a streamArg, ok bool) {
	if len(b) > maxStreamArg {
		return a, false
	}
	b = cString(b)
	if len(b) == 1 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '+' {
			a.id = crdt.MaxStreamID
		}
		return a, !strict
	}
	ms, seq, both := bytes.Cut(b, []byte("-"))
	if a.id.Ms, ok = parseUint(ms); !ok {
		return a, false
	}
	switch {
	case !both:
		a.id.Seq, a.onlyMs = missing, true
	case star && len(seq) == 1 && seq[0] == '*':
		a.autoSeq = true
	default:
		a.id.Seq, ok = parseUint(seq)
	}
	return a, ok
}

// argStreamID reads argument i as a whole ID; false means that the error is
// replied.
func (c *Context) argStreamID(i int, missing uint64) (crdt.StreamID, bool) {
	a, ok := parseStreamID(c.Args[i], missing, true, false)
	if !ok {
		c.Out.Error(msgStreamID)
	}
	return a.id, ok
}

// keepIDs is how many stream IDs a session has room for between commands.
const keepIDs = 256

// argStreamIDs reads the arguments from i on. The result is valid until the next
// call, and the caller's to change.
func (c *Context) argStreamIDs(i int) (ids []crdt.StreamID, ok bool) {
	if ids = c.ids[:0]; len(c.Args)-i > keepIDs {
		ids = make([]crdt.StreamID, 0, len(c.Args)-i)
	}
	for ; i < len(c.Args); i++ {
		id, ok := c.argStreamID(i, 0)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	if cap(ids) <= keepIDs {
		c.ids = ids
	}
	return ids, true
}

// argBound reads argument i as the bound of a range: "-", "+", an ID, or "("
// and an ID. The other sequence number of an ID without is 0 for a start and
// the largest for an end.
func (c *Context) argBound(i int, end bool) (id crdt.StreamID, ok bool) {
	b, missing := c.Args[i], uint64(0)
	if end {
		missing = math.MaxUint64
	}
	exclusive := len(b) > 1 && b[0] == '('
	if exclusive {
		b = b[1:]
	}
	a, ok := parseStreamID(b, missing, exclusive, false)
	if !ok {
		c.Out.Error(msgStreamID)
		return id, false
	}
	switch {
	case !exclusive:
		return a.id, true
	case end:
		if id, ok = a.id.Prev(); !ok {
			c.Out.Error("ERR invalid end ID for the interval")
		}
	default:
		if id, ok = a.id.Next(); !ok {
			c.Out.Error("ERR invalid start ID for the interval")
		}
	}
	return id, ok
}

// replyStreamID writes an ID.
func (c *Context) replyStreamID(id crdt.StreamID) {
	var buf [48]byte
	b := strconv.AppendUint(buf[:0], id.Ms, 10)
	b = append(b, '-')
	c.Out.Bulk(strconv.AppendUint(b, id.Seq, 10))
}

// replyEntry writes an entry: its ID and its fields and values.
func (c *Context) replyEntry(e *crdt.StreamEntry) {
	c.Out.Array(2)
	c.replyStreamID(e.ID)
	c.Out.Array(2 * e.Len())
	e.Each(func(f, v []byte) {
		c.Out.Bulk(f)
		c.Out.Bulk(v)
	})
}
