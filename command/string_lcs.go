package command

import (
	"bytes"
	"math"
)

// lcsOptions are the options of LCS.
type lcsOptions struct {
	length, ranges, matchLengths bool
	minMatch                     int64
}

func stringLCS(c *Context) {
	a, _, errA := c.Tx.Get(c.Args[1])
	a = bytes.Clone(a) // a counter's text lives in a buffer that the next Get uses
	b, _, errB := c.Tx.Get(c.Args[2])
	if errA != nil || errB != nil {
		c.Out.Error("ERR The specified keys must contain string values")
		return
	}
	opts, ok := parseLCSOptions(c)
	if !ok {
		return
	}
	table, ok := newLCSTable(c, a, b)
	if !ok {
		return
	}
	switch {
	case opts.ranges:
		table.replyRanges(c, opts)
	case opts.length:
		c.Out.Int(int64(table.at(len(a), len(b))))
	default:
		c.Out.Bulk(table.subsequence())
	}
}

func parseLCSOptions(c *Context) (lcsOptions, bool) {
	var o lcsOptions
	for i := 3; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case isOption(arg, "idx"):
			o.ranges = true
		case isOption(arg, "len"):
			o.length = true
		case isOption(arg, "withmatchlen"):
			o.matchLengths = true
		case isOption(arg, "minmatchlen") && i+1 < len(c.Args):
			i++
			n, ok := c.argInt(i)
			if !ok {
				return o, false
			}
			o.minMatch = max(n, 0)
		default:
			c.Out.Error(msgSyntax)
			return o, false
		}
	}
	if o.ranges && o.length {
		c.Out.Error("ERR If you want both the length and indexes, please just use IDX.")
		return o, false
	}
	return o, true
}

// lcsTable is the usual table of the lengths of the longest common
// subsequences of all prefixes of a and b.
type lcsTable struct {
	a, b  []byte
	cells []uint32
}

// newLCSTable fills the table. As in Redis it may take as much memory as the
// largest string, and its size follows from strings that are stored here.
func newLCSTable(c *Context, a, b []byte) (*lcsTable, bool) {
	if len(a) >= math.MaxUint32-1 || len(b) >= math.MaxUint32-1 {
		c.Out.Error("ERR String too long for LCS")
		return nil, false
	}
	cells := uint64(len(a)+1) * uint64(len(b)+1)
	if cells > uint64(c.maxBulk())/4 {
		c.Out.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
		return nil, false
	}
	t := &lcsTable{a: a, b: b, cells: make([]uint32, cells)}
	width := len(b) + 1
	for i, x := range a {
		above := t.cells[i*width : (i+1)*width]
		row := t.cells[(i+1)*width : (i+2)*width]
		for j, y := range b {
			if x == y {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
	}
	return t, true
}

func (t *lcsTable) at(i, j int) uint32 { return t.cells[i*(len(t.b)+1)+j] }

// up says which way to walk back from (i, j) where the bytes differ.
func (t *lcsTable) up(i, j int) bool { return t.at(i-1, j) > t.at(i, j-1) }

func (t *lcsTable) subsequence() []byte {
	i, j := len(t.a), len(t.b)
	n := t.at(i, j)
	out := make([]byte, n)
	for i > 0 && j > 0 {
		switch {
		case t.a[i-1] == t.b[j-1]:
			n--
			out[n] = t.a[i-1]
			i, j = i-1, j-1
		case t.up(i, j):
			i--
		default:
			j--
		}
	}
	return out
}

// replyRanges walks back through the table and replies each run of matching
// bytes. A match that does not continue the open run closes it and, as in
// Redis, opens none itself.
func (t *lcsTable) replyRanges(c *Context, opts lcsOptions) {
	c.Out.Map(2)
	c.Out.BulkString("matches")
	start, count := len(c.Out.Buf), 0
	var run lcsRun
	for i, j := len(t.a), len(t.b); i > 0 && j > 0; {
		closes := false
		switch {
		case t.a[i-1] == t.b[j-1]:
			i, j = i-1, j-1
			closes = !run.extend(i, j) || run.aFrom == 0 || run.bFrom == 0
		case t.up(i, j):
			i, closes = i-1, run.open
		default:
			j, closes = j-1, run.open
		}
		if closes {
			count += run.reply(c, opts)
		}
	}
	end := len(c.Out.Buf)
	c.Out.Array(count)
	headerFirst(c.Out, start, end)
	c.Out.BulkString("len")
	c.Out.Int(int64(t.at(len(t.a), len(t.b))))
}

// lcsRun is a run of matching bytes, both ends included.
type lcsRun struct {
	open                   bool
	aFrom, aTo, bFrom, bTo int
}

// extend adds the match of a[i] and b[j] in front of the run, or opens one.
// False means that it does not fit there.
func (r *lcsRun) extend(i, j int) bool {
	switch {
	case !r.open:
		*r = lcsRun{open: true, aFrom: i, aTo: i, bFrom: j, bTo: j}
	case r.aFrom == i+1 && r.bFrom == j+1:
		r.aFrom, r.bFrom = i, j
	default:
		return false
	}
	return true
}

// reply writes the run if it is long enough and closes it.
func (r *lcsRun) reply(c *Context, opts lcsOptions) int {
	r.open = false
	n := int64(r.aTo - r.aFrom + 1)
	if n < opts.minMatch {
		return 0
	}
	if opts.matchLengths {
		c.Out.Array(3)
	} else {
		c.Out.Array(2)
	}
	c.Out.Array(2)
	c.Out.Int(int64(r.aFrom))
	c.Out.Int(int64(r.aTo))
	c.Out.Array(2)
	c.Out.Int(int64(r.bFrom))
	c.Out.Int(int64(r.bTo))
	if opts.matchLengths {
		c.Out.Int(n)
	}
	return 1
}
