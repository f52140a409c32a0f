package command

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"crdb/engine"
)

// zsource is one input of ZUNION and its kin: a sorted set, a set, whose
// members all score 1, or nothing.
type zsource struct {
	key    []byte
	set    bool
	size   int
	weight float64
}

func (s *zsource) each(c *Context, fn func(member []byte, score float64) bool) {
	if s.set {
		_ = c.Tx.SetEach(s.key, func(member []byte) bool { return fn(member, 1) })
		return
	}
	_ = c.Tx.ZSetRange(s.key, 0, s.size, false, fn)
}

func (s *zsource) score(c *Context, member []byte) (float64, bool) {
	if s.set {
		has, _ := c.Tx.SetHas(s.key, member)
		return 1, has
	}
	score, ok, _ := c.Tx.ZSetScore(s.key, member)
	return score, ok
}

// zalgebra is a command that combines sorted sets.
type zalgebra struct {
	op        byte // u(nion), i(ntersection), d(ifference)
	store     bool
	card      bool // ZINTERCARD
	sources   []zsource
	scores    bool
	limit     int64
	aggregate func(a, b float64) float64
}

func zsetUnion(c *Context)      { combineZSets(c, &zalgebra{op: 'u'}) }
func zsetInter(c *Context)      { combineZSets(c, &zalgebra{op: 'i'}) }
func zsetDiff(c *Context)       { combineZSets(c, &zalgebra{op: 'd'}) }
func zsetUnionStore(c *Context) { combineZSets(c, &zalgebra{op: 'u', store: true}) }
func zsetInterStore(c *Context) { combineZSets(c, &zalgebra{op: 'i', store: true}) }
func zsetDiffStore(c *Context)  { combineZSets(c, &zalgebra{op: 'd', store: true}) }
func zsetInterCard(c *Context)  { combineZSets(c, &zalgebra{op: 'i', card: true}) }

// aggregateSum adds; opposite infinities are 0.
func aggregateSum(a, b float64) float64 {
	if s := a + b; !math.IsNaN(s) {
		return s
	}
	return 0
}

func aggregateMin(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

func aggregateMax(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// weigh multiplies; infinity times zero is 0.
func weigh(score, weight float64) float64 {
	if p := score * weight; !math.IsNaN(p) {
		return p
	}
	return 0
}

// readSources finds the inputs, whose number is argument at. The index of what
// follows them is next.
func (z *zalgebra) readSources(c *Context, at int) (next int, ok bool) {
	n, ok := c.argInt(at)
	switch {
	case !ok:
		return 0, false
	case n < 1:
		c.Out.Error(fmt.Sprintf("ERR at least 1 input key is needed for '%s' command", c.Cmd.Name))
		return 0, false
	case n > int64(len(c.Args)-at-1):
		c.Out.Error(msgSyntax)
		return 0, false
	}
	for _, key := range c.Args[at+1 : at+1+int(n)] {
		s := zsource{key: key, weight: 1}
		var err error
		if s.set = c.Tx.Type(key) == engine.TypeSet; s.set {
			s.size, err = c.Tx.SetLen(key)
		} else {
			s.size, err = c.Tx.ZSetLen(key)
		}
		if err != nil {
			c.Error(err)
			return 0, false
		}
		z.sources = append(z.sources, s)
	}
	return at + 1 + int(n), true
}

// options reads the arguments from i on.
func (z *zalgebra) options(c *Context, i int) (ok bool) {
	combines := z.op != 'd' && !z.card
	for i < len(c.Args) {
		left := len(c.Args) - i
		switch arg := c.Args[i]; {
		case combines && left > len(z.sources) && isOption(arg, "weights"):
			for j := range z.sources {
				if z.sources[j].weight, ok = parseFloat(c.Args[i+1+j]); !ok {
					c.Out.Error("ERR weight value is not a float")
					return false
				}
			}
			i += 1 + len(z.sources)
		case combines && left >= 2 && isOption(arg, "aggregate"):
			if !z.setAggregate(c.Args[i+1]) {
				c.Out.Error(msgSyntax)
				return false
			}
			i += 2
		case !z.store && !z.card && isOption(arg, "withscores"):
			z.scores = true
			i++
		case z.card && left >= 2 && isOption(arg, "limit"):
			if z.limit, ok = c.argRange(i+1, 0, math.MaxInt64, "ERR LIMIT can't be negative"); !ok {
				return false
			}
			i += 2
		default:
			c.Out.Error(msgSyntax)
			return false
		}
	}
	return true
}

func (z *zalgebra) setAggregate(word []byte) bool {
	switch {
	case isOption(word, "sum"):
		z.aggregate = aggregateSum
	case isOption(word, "min"):
		z.aggregate = aggregateMin
	case isOption(word, "max"):
		z.aggregate = aggregateMax
	default:
		return false
	}
	return true
}

func combineZSets(c *Context, z *zalgebra) {
	at := 1
	if z.store {
		at = 2
	}
	z.aggregate = aggregateSum
	next, ok := z.readSources(c, at)
	if !ok || !z.options(c, next) {
		return
	}
	if z.op != 'd' { // also the order in which scores are added
		sort.SliceStable(z.sources, func(i, j int) bool { return z.sources[i].size < z.sources[j].size })
	}
	if z.card {
		n := int64(0)
		z.inter(c, func([]byte, float64) bool {
			n++
			return n != z.limit
		})
		c.Out.Int(n)
		return
	}
	var list memberList
	switch z.op {
	case 'u':
		z.union(c, &list)
	case 'i':
		z.inter(c, list.add)
	default:
		z.diff(c, list.add)
	}
	if z.store {
		list.store(c, c.Args[1], c.Cmd.Name)
		return
	}
	membersHeader(c, len(list.scores), z.scores)
	list.sorted(writeMembers(c, z.scores))
}

// sorted calls fn for the members in the order of a sorted set.
func (l *memberList) sorted(fn func(member []byte, score float64) bool) {
	names := l.names.slices()
	order := make([]int32, len(names))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if l.scores[a] != l.scores[b] {
			return cmp.Compare(l.scores[a], l.scores[b])
		}
		return bytes.Compare(names[a], names[b])
	})
	for _, i := range order {
		fn(names[i], l.scores[i])
	}
}

func (z *zalgebra) union(c *Context, list *memberList) {
	at := map[string]int{}
	for i := range z.sources {
		s := &z.sources[i]
		s.each(c, func(member []byte, score float64) bool {
			score = weigh(score, s.weight)
			if j, ok := at[string(member)]; ok {
				list.scores[j] = z.aggregate(list.scores[j], score)
				return true
			}
			if len(z.sources) > 1 {
				at[string(member)] = len(list.scores)
			}
			return list.add(member, score)
		})
	}
}

func (z *zalgebra) inter(c *Context, fn func(member []byte, score float64) bool) {
	first := &z.sources[0]
	first.each(c, func(member []byte, own float64) bool {
		score := weigh(own, first.weight)
		for i := range z.sources[1:] {
			s := &z.sources[1+i]
			other, ok := s.score(c, member)
			if !ok {
				return true
			}
			score = z.aggregate(score, other*s.weight)
		}
		return fn(member, score)
	})
}

func (z *zalgebra) diff(c *Context, fn func(member []byte, score float64) bool) {
	z.sources[0].each(c, func(member []byte, score float64) bool {
		for i := range z.sources[1:] {
			if _, ok := z.sources[1+i].score(c, member); ok {
				return true
			}
		}
		return fn(member, score)
	})
}
