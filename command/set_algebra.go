package command

import (
	"cmp"
	"math"
	"slices"
)

// algebra calls fn for each member of a combination of sets, once, until fn
// says false. The keys' types have been checked.
type algebra func(c *Context, keys [][]byte, fn func(member []byte) bool)

// setKeysOK checks that every key holds a set or nothing. Otherwise the error
// is replied.
func setKeysOK(c *Context, keys [][]byte) bool {
	for _, key := range keys {
		if _, err := c.Tx.SetLen(key); err != nil {
			c.Error(err)
			return false
		}
	}
	return true
}

// inAny says whether a member is in one of the sets.
func inAny(c *Context, keys [][]byte, member []byte) bool {
	for _, key := range keys {
		if has, _ := c.Tx.SetHas(key, member); has {
			return true
		}
	}
	return false
}

// manySets is from how many sets on it pays to remember members rather than to look for
// each in all the other sets.
const manySets = 4

func union(c *Context, keys [][]byte, fn func(member []byte) bool) {
	keys = distinct(keys)
	if len(keys) >= manySets {
		remembering(c, keys, fn)
		return
	}
	more := true
	for i := 0; i < len(keys) && more; i++ {
		_ = c.Tx.SetEach(keys[i], func(member []byte) bool {
			more = inAny(c, keys[:i], member) || fn(member)
			return more
		})
	}
}

// remembering is union of many sets.
func remembering(c *Context, keys [][]byte, fn func(member []byte) bool) {
	met, more := map[string]struct{}{}, true
	for i := 0; i < len(keys) && more; i++ {
		_ = c.Tx.SetEach(keys[i], func(member []byte) bool {
			if _, ok := met[string(member)]; !ok {
				met[string(member)] = struct{}{}
				more = fn(member)
			}
			return more
		})
	}
}

// difference asks the other sets for each member, or, where those are many and small,
// walks them first. As in Redis, what is less work is done.
func difference(c *Context, keys [][]byte, fn func(member []byte) bool) {
	others := distinct(keys[1:])
	gone := func(member []byte) bool { return inAny(c, others, member) }
	if len(others) >= manySets && askingIsMore(c, keys[0], others) {
		met := map[string]struct{}{}
		for _, key := range others {
			_ = c.Tx.SetEach(key, func(member []byte) bool {
				met[string(member)] = struct{}{}
				return true
			})
		}
		gone = func(member []byte) bool { _, ok := met[string(member)]; return ok }
	}
	_ = c.Tx.SetEach(keys[0], func(member []byte) bool { return gone(member) || fn(member) })
}

// askingIsMore reports whether all members of the other sets are fewer than the questions
// whether these have a member of the first.
func askingIsMore(c *Context, first []byte, others [][]byte) bool {
	all := 0
	for _, key := range others {
		n, _ := c.Tx.SetLen(key)
		all += n
	}
	n, _ := c.Tx.SetLen(first)
	return n*len(others) > all
}

// intersection walks the smallest set and asks the others, small ones first.
func intersection(c *Context, keys [][]byte, fn func(member []byte) bool) {
	bySize := distinct(keys)
	size := func(key []byte) int { n, _ := c.Tx.SetLen(key); return n }
	slices.SortStableFunc(bySize, func(a, b []byte) int { return cmp.Compare(size(a), size(b)) })
	if size(bySize[0]) == 0 {
		return
	}
	_ = c.Tx.SetEach(bySize[0], func(member []byte) bool {
		for _, key := range bySize[1:] {
			if has, _ := c.Tx.SetHas(key, member); !has {
				return true
			}
		}
		return fn(member)
	})
}

// distinct returns the keys in their order, each once, as a slice of its own.
func distinct(keys [][]byte) [][]byte {
	out := make([][]byte, 0, len(keys))
	if len(keys) <= manySets {
		for _, key := range keys {
			if !slices.ContainsFunc(out, func(k []byte) bool { return string(k) == string(key) }) {
				out = append(out, key)
			}
		}
		return out
	}
	met := make(map[string]struct{}, len(keys))
	for _, key := range keys {
		if _, ok := met[string(key)]; !ok {
			met[string(key)] = struct{}{}
			out = append(out, key)
		}
	}
	return out
}

func setUnion(c *Context) { replyAlgebra(c, union) }
func setInter(c *Context) { replyAlgebra(c, intersection) }
func setDiff(c *Context)  { replyAlgebra(c, difference) }

func replyAlgebra(c *Context, combine algebra) {
	keys := c.Args[1:]
	if !setKeysOK(c, keys) {
		return
	}
	start, n, order := len(c.Out.Buf), 0, c.ascending()
	combine(c, keys, func(member []byte) bool {
		c.Out.Bulk(member)
		order.note(member)
		n++
		return true
	})
	order.rewrite(c.Out, start)
	end := len(c.Out.Buf)
	c.Out.Set(n)
	headerFirst(c.Out, start, end)
}

func setUnionStore(c *Context) { storeAlgebra(c, union) }
func setInterStore(c *Context) { storeAlgebra(c, intersection) }
func setDiffStore(c *Context)  { storeAlgebra(c, difference) }

// storeAlgebra replaces the first key by the combination of the others. The
// members are copied, since the target may be one of the sources.
func storeAlgebra(c *Context, combine algebra) {
	dst, keys := c.Args[1], c.Args[2:]
	if !setKeysOK(c, keys) {
		return
	}
	var members byteList
	combine(c, keys, func(member []byte) bool {
		members.add(member)
		return true
	})
	was := c.Tx.SetStore(dst, members.slices())
	c.eventStore(evSet, c.Cmd.Name, dst, len(members.ends), was)
	c.Out.Int(int64(len(members.ends)))
}

// setInterCard runs SINTERCARD numkeys key [key ...] [LIMIT limit].
func setInterCard(c *Context) {
	numKeys, ok := c.argRange(1, 1, math.MaxInt64, "ERR numkeys should be greater than 0")
	if !ok {
		return
	}
	if numKeys > int64(len(c.Args)-2) {
		c.Out.Error("ERR Number of keys can't be greater than number of args")
		return
	}
	keys := c.Args[2 : 2+numKeys]
	limit := int64(0)
	for i := 2 + int(numKeys); i < len(c.Args); i += 2 {
		if !isOption(c.Args[i], "limit") || i+1 == len(c.Args) {
			c.Out.Error(msgSyntax)
			return
		}
		if limit, ok = c.argRange(i+1, 0, math.MaxInt64, "ERR LIMIT can't be negative"); !ok {
			return
		}
	}
	if !setKeysOK(c, keys) {
		return
	}
	n := int64(0)
	intersection(c, keys, func([]byte) bool {
		n++
		return n != limit
	})
	c.Out.Int(n)
}
