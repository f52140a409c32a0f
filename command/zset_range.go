package command

import "math"

// rangeBy says what the ends of a range are.
type rangeBy uint8

const (
	byAny rangeBy = iota // as the options say
	byRank
	byScore
	byLex
)

// direction is the order of a range.
type direction uint8

const (
	anyDirection direction = iota // as the options say
	forwards
	backwards
)

// rangeQuery is a command of the ZRANGE family.
type rangeQuery struct {
	by            rangeBy
	dir           direction
	store         bool
	scores        bool
	offset, limit int64

	start, stop int64  // byRank
	span        zrange // byScore, byLex
}

func zsetRange(c *Context)           { replyRange(c, rangeQuery{}) }
func zsetRangeByScore(c *Context)    { replyRange(c, rangeQuery{by: byScore, dir: forwards}) }
func zsetRangeByLex(c *Context)      { replyRange(c, rangeQuery{by: byLex, dir: forwards}) }
func zsetRevRange(c *Context)        { replyRange(c, rangeQuery{by: byRank, dir: backwards}) }
func zsetRevRangeByScore(c *Context) { replyRange(c, rangeQuery{by: byScore, dir: backwards}) }
func zsetRevRangeByLex(c *Context)   { replyRange(c, rangeQuery{by: byLex, dir: backwards}) }

// parse reads key, ends and options from argument at on; false means that the
// error is replied.
func (q *rangeQuery) parse(c *Context, at int) bool {
	q.limit = -1
	for i := at + 3; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case !q.store && isOption(arg, "withscores"):
			q.scores = true
		case isOption(arg, "limit") && i+2 < len(c.Args):
			var ok bool
			if q.offset, ok = c.argInt(i + 1); !ok {
				return false
			}
			if q.limit, ok = c.argInt(i + 2); !ok {
				return false
			}
			i += 2
		case q.dir == anyDirection && isOption(arg, "rev"):
			q.dir = backwards
		case q.by == byAny && isOption(arg, "bylex"):
			q.by = byLex
		case q.by == byAny && isOption(arg, "byscore"):
			q.by = byScore
		default:
			c.Out.Error(msgSyntax)
			return false
		}
	}
	if q.by == byAny {
		q.by = byRank
	}
	switch {
	case q.limit != -1 && q.by == byRank:
		c.Out.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")
		return false
	case q.scores && q.by == byLex:
		c.Out.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX")
		return false
	}
	return q.parseEnds(c, at+1)
}

// parseEnds reads the ends; those of scores and names come in the order of the
// direction.
func (q *rangeQuery) parseEnds(c *Context, at int) (ok bool) {
	if q.by == byRank {
		if q.start, ok = c.argInt(at); ok {
			q.stop, ok = c.argInt(at + 1)
		}
		return ok
	}
	min, max := c.Args[at], c.Args[at+1]
	if q.dir == backwards {
		min, max = max, min
	}
	if q.by == byScore {
		if q.span, ok = parseScoreRange(min, max); !ok {
			c.Out.Error(msgBadScoreRange)
		}
	} else if q.span, ok = parseLexRange(min, max); !ok {
		c.Out.Error(msgBadLexRange)
	}
	return ok
}

// ranks returns which members of the sorted set at key the query asks for.
func (q *rangeQuery) ranks(c *Context, key []byte, size int) (from, to int) {
	if q.by == byRank {
		from, to = rankRange(q.start, q.stop, size)
		if q.dir == backwards && from < to {
			from, to = size-to, size-from
		}
		return from, to
	}
	from, to = ranks(c, key, q.span)
	n := int64(to - from)
	skip, limit := q.offset, q.limit
	if skip < 0 || skip > n { // Redis counts a negative offset down for ever
		skip = n
	}
	if limit < 0 || limit > n-skip {
		limit = n - skip
	}
	if q.dir == backwards {
		return to - int(skip+limit), to - int(skip)
	}
	return from + int(skip), from + int(skip+limit)
}

func replyRange(c *Context, q rangeQuery) {
	if !q.parse(c, 1) {
		return
	}
	key := c.Args[1]
	size, err := c.Tx.ZSetLen(key)
	if err != nil {
		c.Error(err)
		return
	}
	from, to := q.ranks(c, key, size)
	membersHeader(c, to-from, q.scores)
	write := writeMembers(c, q.scores)
	_ = c.Tx.ZSetRange(key, from, to, q.dir == backwards, write)
}

// zsetRangeStore runs ZRANGESTORE dst src min max [options].
func zsetRangeStore(c *Context) {
	q := rangeQuery{store: true}
	if !q.parse(c, 2) {
		return
	}
	size, err := c.Tx.ZSetLen(c.Args[2])
	if err != nil {
		c.Error(err)
		return
	}
	from, to := q.ranks(c, c.Args[2], size)
	var list memberList
	_ = c.Tx.ZSetRange(c.Args[2], from, to, false, list.add)
	list.store(c, c.Args[1], c.Cmd.Name)
}

// memberList collects copies of members and their scores.
type memberList struct {
	names  byteList
	scores []float64
}

func (l *memberList) add(member []byte, score float64) bool {
	l.names.add(member)
	l.scores = append(l.scores, score)
	return true
}

// store replaces the key by the members and replies their number.
func (l *memberList) store(c *Context, key []byte, event string) {
	was := c.Tx.ZSetStore(key, l.names.slices(), l.scores)
	c.eventStore(evZSet, event, key, len(l.scores), was)
	c.Out.Int(int64(len(l.scores)))
}

func zsetCount(c *Context) {
	r, ok := parseScoreRange(c.Args[2], c.Args[3])
	countRange(c, r, ok, msgBadScoreRange)
}

func zsetLexCount(c *Context) {
	r, ok := parseLexRange(c.Args[2], c.Args[3])
	countRange(c, r, ok, msgBadLexRange)
}

func countRange(c *Context, r zrange, ok bool, msg string) {
	if from, to, ok := rankSpan(c, r, ok, msg); ok {
		c.Out.Int(int64(to - from))
	}
}

// rankSpan returns the ranks of a range of members that was parsed, or replies
// what is wrong.
func rankSpan(c *Context, r zrange, parsed bool, msg string) (from, to int, ok bool) {
	if !parsed {
		c.Out.Error(msg)
		return 0, 0, false
	}
	if _, err := c.Tx.ZSetLen(c.Args[1]); err != nil {
		c.Error(err)
		return 0, 0, false
	}
	from, to = ranks(c, c.Args[1], r)
	return from, to, true
}

func zsetRemoveByScore(c *Context) {
	r, ok := parseScoreRange(c.Args[2], c.Args[3])
	removeSpan(c, r, ok, msgBadScoreRange)
}

func zsetRemoveByLex(c *Context) {
	r, ok := parseLexRange(c.Args[2], c.Args[3])
	removeSpan(c, r, ok, msgBadLexRange)
}

func removeSpan(c *Context, r zrange, ok bool, msg string) {
	if from, to, ok := rankSpan(c, r, ok, msg); ok {
		c.removeRange(from, to)
	}
}

// removeRange removes members by rank and replies their number.
func (c *Context) removeRange(from, to int) {
	n, _ := c.Tx.ZSetCut(c.Args[1], from, to, false, nil) // the type has been seen
	if n > 0 {
		c.eventRemoval(evZSet, c.Cmd.Name, c.Args[1])
	}
	c.Out.Int(int64(n))
}

func zsetRemoveByRank(c *Context) {
	start, ok := c.argInt(2)
	if !ok {
		return
	}
	stop, ok := c.argInt(3)
	if !ok {
		return
	}
	size, err := c.Tx.ZSetLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	from, to := rankRange(start, stop, size)
	c.removeRange(from, to)
}

func zsetPopMin(c *Context) { popMembers(c, false) }
func zsetPopMax(c *Context) { popMembers(c, true) }

// popMembers runs ZPOPMIN key [count]. With a count, members and scores are
// pairs in RESP3; without, and in RESP2, they follow each other.
func popMembers(c *Context, highest bool) {
	if len(c.Args) > 3 {
		c.Out.Error(msgSyntax)
		return
	}
	count, nested := int64(1), false
	if len(c.Args) == 3 {
		var ok bool
		if count, ok = c.argRange(2, 0, math.MaxInt64, msgNotPositive); !ok {
			return
		}
		nested = c.Out.Proto >= 3
	}
	size, err := c.Tx.ZSetLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	n := int(min(count, int64(size)))
	if nested || n == 0 {
		c.Out.Array(n)
	} else {
		c.Out.Array(2 * n)
	}
	popRanks(c, c.Args[1], size, n, highest, nested)
}

// popRanks writes n members from one end and removes them.
func popRanks(c *Context, key []byte, size, n int, highest, nested bool) {
	from, to, event := 0, n, "zpopmin"
	if highest {
		from, to, event = size-n, size, "zpopmax"
	}
	removed, _ := c.Tx.ZSetCut(key, from, to, highest, func(member []byte, score float64) {
		if nested {
			c.Out.Array(2)
		}
		c.Out.Bulk(member)
		c.Out.Double(score)
	})
	if removed > 0 {
		c.eventRemoval(evZSet, event, key)
	}
}

// zsetMPop runs ZMPOP numkeys key [key ...] MIN|MAX [COUNT count].
func zsetMPop(c *Context) {
	keys, highest, count, ok := parseMPop(c, 1)
	if !ok {
		return
	}
	for _, key := range keys {
		size, err := c.Tx.ZSetLen(key)
		if err != nil {
			c.Error(err)
			return
		}
		if size > 0 {
			replyMPop(c, key, size, count, highest)
			return
		}
	}
	c.Out.NullArray()
}

// parseMPop reads the arguments of ZMPOP from the number of keys on.
func parseMPop(c *Context, at int) (keys [][]byte, highest bool, count int64, ok bool) {
	n, ok := c.argRange(at, 1, math.MaxInt64, "ERR numkeys should be greater than 0")
	if !ok {
		return nil, false, 0, false
	}
	if n >= int64(len(c.Args)-at-1) {
		c.Out.Error(msgSyntax)
		return nil, false, 0, false
	}
	where := at + 1 + int(n)
	highest = isOption(c.Args[where], "max")
	if !highest && !isOption(c.Args[where], "min") {
		c.Out.Error(msgSyntax)
		return nil, false, 0, false
	}
	for i := where + 1; i < len(c.Args); i += 2 {
		if count != 0 || !isOption(c.Args[i], "count") || i+1 == len(c.Args) {
			c.Out.Error(msgSyntax)
			return nil, false, 0, false
		}
		if count, ok = c.argRange(i+1, 1, math.MaxInt64, "ERR count should be greater than 0"); !ok {
			return nil, false, 0, false
		}
	}
	return c.Args[at+1 : where], highest, max(count, 1), true
}

func replyMPop(c *Context, key []byte, size int, count int64, highest bool) {
	n := int(min(count, int64(size)))
	c.Out.Array(2)
	c.Out.Bulk(key)
	c.Out.Array(n)
	popRanks(c, key, size, n, highest, true)
}
