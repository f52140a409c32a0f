package command

import "math"

// hashCollection is the hash at key, whose type has been checked.
func hashCollection(c *Context, key []byte, size int) *collection {
	return &collection{
		size: size,
		draw: func() (name, value []byte) {
			name, value, _, _ = c.Tx.HashRandom(key)
			return name, value
		},
		each: func(fn func(name, value []byte) bool) { _ = c.Tx.HashEach(key, fn) },
	}
}

func hashRandField(c *Context) {
	if len(c.Args) == 2 {
		field, _, ok, err := c.Tx.HashRandom(c.Args[1])
		replyMember(c, field, ok, err)
		return
	}
	count, ok := c.argCount(2)
	if !ok {
		return
	}
	withValues := len(c.Args) == 4
	if len(c.Args) > 4 || withValues && !isOption(c.Args[3], "withvalues") {
		c.Out.Error(msgSyntax)
		return
	}
	if withValues && (count < -math.MaxInt64/2 || count > math.MaxInt64/2) {
		c.Out.Error(msgOutOfRange)
		return
	}
	size, err := c.Tx.HashLen(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	replyFields(c, hashCollection(c, c.Args[1], size), count, withValues)
}

// replyFields replies the fields HRANDFIELD asks for. In RESP3 a field and its
// value are an array of their own; in RESP2 they follow each other.
func replyFields(c *Context, hash *collection, count int64, withValues bool) {
	pairs := withValues && c.Out.Proto >= 3
	width := 1 // elements of the reply for each field
	if withValues && !pairs {
		width = 2
	}
	write := func(field, val []byte) {
		if pairs {
			c.Out.Array(2)
		}
		c.Out.Bulk(field)
		if withValues {
			c.Out.Bulk(val)
		}
	}
	switch {
	case hash.size == 0 || count == 0:
		c.Out.Array(0)
	case count < 0:
		repeat(c, -count, width, func() { write(hash.draw()) })
	case count >= int64(hash.size):
		c.Out.Array(hash.size * width)
		hash.each(func(field, val []byte) bool { write(field, val); return true })
	default:
		c.Out.Array(int(count) * width)
		hash.sample(int(count), write)
	}
}
