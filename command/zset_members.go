package command

import (
	"encoding/binary"
	"math"

	"crdb/engine"
	"crdb/resp"
)

// addOptions are the options of ZADD and GEOADD.
type addOptions struct {
	rule     engine.ScoreRule
	ch, incr bool
}

// word takes one option; false means that it is none.
func (o *addOptions) word(arg []byte) bool {
	switch {
	case isOption(arg, "nx"):
		o.rule.NX = true
	case isOption(arg, "xx"):
		o.rule.XX = true
	case isOption(arg, "gt"):
		o.rule.GT = true
	case isOption(arg, "lt"):
		o.rule.LT = true
	case isOption(arg, "ch"):
		o.ch = true
	case isOption(arg, "incr"):
		o.incr = true
	default:
		return false
	}
	return true
}

func zsetAdd(c *Context)    { addScores(c, addOptions{}) }
func zsetIncrBy(c *Context) { addScores(c, addOptions{incr: true}) }

// addScores runs ZADD key [options] score member [score member ...].
func addScores(c *Context, o addOptions) {
	i := 2
	for i < len(c.Args) && o.word(c.Args[i]) {
		i++
	}
	pairs := c.Args[i:]
	switch r := o.rule; {
	case len(pairs) == 0 || len(pairs)%2 != 0:
		c.Out.Error(msgSyntax)
	case r.NX && r.XX:
		c.Out.Error("ERR XX and NX options at the same time are not compatible")
	case r.GT && r.NX, r.LT && r.NX, r.GT && r.LT:
		c.Out.Error("ERR GT, LT, and/or NX options at the same time are not compatible")
	case o.incr && len(pairs) > 2:
		c.Out.Error("ERR INCR option supports a single increment-element pair")
	default:
		addPairs(c, o, pairs)
	}
}

func addPairs(c *Context, o addOptions, pairs [][]byte) {
	members, scores := make([][]byte, 0, len(pairs)/2), make([]float64, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		score, ok := parseFloat(pairs[i])
		if !ok {
			c.Out.Error(msgNotFloat)
			return
		}
		members, scores = append(members, pairs[i+1]), append(scores, score)
	}
	if o.incr {
		score, ok, err := c.Tx.ZSetIncr(c.Args[1], members[0], scores[0], o.rule)
		if ok && !c.Tx.Quiet() {
			c.event(evZSet, "zincr", c.Args[1])
		}
		replyScore(c, score, ok, err)
		return
	}
	added, changed, err := c.Tx.ZSetAdd(c.Args[1], members, scores, o.rule)
	if added+changed > 0 {
		c.event(evZSet, "zadd", c.Args[1])
	}
	if o.ch {
		added += changed
	}
	replyCount(c, added, err)
}

// replyScore replies a score, null or the error.
func replyScore(c *Context, score float64, ok bool, err error) {
	switch {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	default:
		c.Out.Double(score)
	}
}

func zsetCard(c *Context) {
	n, err := c.Tx.ZSetLen(c.Args[1])
	replyCount(c, n, err)
}

func zsetScore(c *Context) {
	score, ok, err := c.Tx.ZSetScore(c.Args[1], c.Args[2])
	replyScore(c, score, ok, err)
}

func zsetMScore(c *Context) {
	if _, err := c.Tx.ZSetLen(c.Args[1]); err != nil {
		c.Error(err)
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		score, ok, err := c.Tx.ZSetScore(c.Args[1], member)
		replyScore(c, score, ok, err)
	}
}

func zsetRank(c *Context)    { replyRank(c, false) }
func zsetRevRank(c *Context) { replyRank(c, true) }

func replyRank(c *Context, backwards bool) {
	rank, size, ok, err := c.Tx.ZSetRank(c.Args[1], c.Args[2])
	switch {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	case backwards:
		c.Out.Int(int64(size - 1 - rank))
	default:
		c.Out.Int(int64(rank))
	}
}

func zsetRemove(c *Context) {
	n, err := c.Tx.ZSetRemove(c.Args[1], c.Args[2:])
	if n > 0 {
		c.eventRemoval(evZSet, "zrem", c.Args[1])
	}
	replyCount(c, n, err)
}

// writeMembers returns what writes members to the reply. In RESP3 a member and
// its score are an array of their own; in RESP2 they follow each other.
func writeMembers(c *Context, scores bool) func(member []byte, score float64) bool {
	return func(member []byte, score float64) bool {
		if scores && c.Out.Proto >= 3 {
			c.Out.Array(2)
		}
		c.Out.Bulk(member)
		if scores {
			c.Out.Double(score)
		}
		return true
	}
}

// membersHeader begins a reply of n members by writeMembers.
func membersHeader(c *Context, n int, scores bool) {
	if scores && c.Out.Proto < 3 {
		n *= 2
	}
	c.Out.Array(n)
}

// zsetRandMember runs ZRANDMEMBER key [count [WITHSCORES]].
func zsetRandMember(c *Context) {
	key := c.Args[1]
	if len(c.Args) == 2 {
		member, _, ok, err := c.Tx.ZSetRandom(key)
		replyMember(c, member, ok, err)
		return
	}
	count, ok := c.argCount(2)
	if !ok {
		return
	}
	scores := len(c.Args) == 4
	if len(c.Args) > 4 || scores && !isOption(c.Args[3], "withscores") {
		c.Out.Error(msgSyntax)
		return
	}
	if scores && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		c.Out.Error(msgOutOfRange)
		return
	}
	size, err := c.Tx.ZSetLen(key)
	if err != nil {
		c.Error(err)
		return
	}
	replyRandomMembers(c, zsetCollection(c, key, size), count, scores)
}

// zsetCollection is the sorted set at key, whose type has been checked.
func zsetCollection(c *Context, key []byte, size int) *collection {
	return &collection{
		size: size,
		draw: func() (name, value []byte) {
			member, score, _, _ := c.Tx.ZSetRandom(key)
			return member, scoreBytes(score)
		},
		each: func(fn func(name, value []byte) bool) {
			_ = c.Tx.ZSetRange(key, 0, size, false, func(member []byte, score float64) bool {
				return fn(member, scoreBytes(score))
			})
		},
	}
}

// scoreBytes and bytesScore let a score pass as the value of a collection.
func scoreBytes(score float64) []byte {
	return binary.BigEndian.AppendUint64(nil, math.Float64bits(score))
}

func bytesScore(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

func replyRandomMembers(c *Context, z *collection, count int64, scores bool) {
	width := 1
	if scores && c.Out.Proto < 3 {
		width = 2
	}
	writeScore := writeMembers(c, scores)
	write := func(member, score []byte) { writeScore(member, bytesScore(score)) }
	switch {
	case z.size == 0 || count == 0:
		c.Out.Array(0)
	case count < 0:
		repeat(c, -count, width, func() { write(z.draw()) })
	case count >= int64(z.size):
		c.Out.Array(z.size * width)
		z.each(func(member, score []byte) bool { write(member, score); return true })
	default:
		c.Out.Array(int(count) * width)
		z.sample(int(count), write)
	}
}

func zsetScan(c *Context) {
	scanElements(c, c.Tx.ZSetLen, func(key []byte, cursor uint64, o *scanOptions) (next uint64, n int, err error) {
		var digits [32]byte
		add := func(member []byte, score float64) {
			if o.accepts(member) {
				c.Out.Bulk(member)
				c.Out.Bulk(resp.AppendDouble(digits[:0], score))
				n += 2
			}
		}
		if o.whole { // in the order of the scores
			err = c.Tx.ZSetRange(key, 0, math.MaxInt32, false, func(m []byte, s float64) bool { add(m, s); return true })
			return 0, n, err
		}
		next, err = c.Tx.ZSetScan(key, cursor, o.count, add)
		return next, n, err
	})
}
