package command

import (
	"bytes"
	"math"
)

const msgRankZero = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... " +
	"or use negative to start from the end of the list"

// posSearch is what LPOS asks for.
type posSearch struct {
	rank   int64 // the first match that counts; negative: from the end
	count  int64 // how many matches, 0: all, -1: one, replied alone
	maxLen int64 // how many elements to look at, 0: all
}

func listPos(c *Context) {
	q := posSearch{rank: 1, count: -1}
	for i := 3; i < len(c.Args); i += 2 {
		if !c.posOption(&q, i) {
			return
		}
	}
	size, err := c.Tx.ListLen(c.Args[1])
	switch {
	case err != nil:
		c.Error(err)
	case q.count < 0:
		found := false
		c.matches(&q, size, func(i int) { c.Out.Int(int64(i)); found = true })
		if !found {
			c.Out.Null()
		}
	default:
		start, n := len(c.Out.Buf), 0
		c.matches(&q, size, func(i int) { c.Out.Int(int64(i)); n++ })
		end := len(c.Out.Buf)
		c.Out.Array(n)
		headerFirst(c.Out, start, end)
	}
}

// posOption reads the option at argument i.
func (c *Context) posOption(q *posSearch, i int) (ok bool) {
	opt, more := c.Args[i], i+1 < len(c.Args)
	switch {
	case more && isOption(opt, "rank"):
		if q.rank, ok = c.argInt(i + 1); ok && q.rank == 0 {
			c.Out.Error(msgRankZero)
			ok = false
		}
	case more && isOption(opt, "count"):
		q.count, ok = c.argRange(i+1, 0, math.MaxInt64, "ERR COUNT can't be negative")
	case more && isOption(opt, "maxlen"):
		q.maxLen, ok = c.argRange(i+1, 0, math.MaxInt64, "ERR MAXLEN can't be negative")
	default:
		c.Out.Error(msgSyntax)
	}
	return ok
}

// matches calls found with the indexes of the matches, in the order in which
// they are found.
func (c *Context) matches(q *posSearch, size int, found func(i int)) {
	i, step, skip, left := 0, 1, q.rank-1, q.count
	each := c.Tx.ListEach
	if q.rank < 0 {
		i, step, skip, each = size-1, -1, -q.rank-1, c.Tx.ListEachBack
	}
	if left < 0 {
		left = 1
	}
	if q.rank == math.MinInt64 { // it has no opposite; Redis's arithmetic then counts all
		skip = 0
		if q.count >= 0 {
			left = 0
		}
	}
	seen := int64(0)
	_ = each(c.Args[1], i, func(v []byte) bool {
		if bytes.Equal(v, c.Args[2]) {
			if skip--; skip < 0 {
				found(i)
				if left--; left == 0 {
					return false
				}
			}
		}
		i += step
		seen++
		return q.maxLen == 0 || seen < q.maxLen
	})
}
