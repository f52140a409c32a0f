package command

import "math"

// setCollection is the set at key, whose type has been checked.
func setCollection(c *Context, key []byte, size int) *collection {
	return &collection{
		size: size,
		draw: func() (name, value []byte) {
			name, _, _ = c.Tx.SetRandom(key)
			return name, nil
		},
		each: func(fn func(name, value []byte) bool) {
			_ = c.Tx.SetEach(key, func(member []byte) bool { return fn(member, nil) })
		},
	}
}

func setPop(c *Context) {
	if len(c.Args) > 3 {
		c.Out.Error(msgSyntax)
		return
	}
	if len(c.Args) == 3 {
		setPopCount(c)
		return
	}
	switch ok, err := c.Tx.SetPop(c.Args[1], c.Out.Bulk); {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	default:
		c.eventRemoval(evSet, "spop", c.Args[1])
	}
}

// setPopCount removes the members as one op.
func setPopCount(c *Context) {
	key := c.Args[1]
	count, ok := c.argRange(2, 0, math.MaxInt64, msgNotPositive)
	if !ok {
		return
	}
	size, err := c.Tx.SetLen(key)
	if err != nil {
		c.Error(err)
		return
	}
	if count >= int64(size) {
		setMembers(c)
		if c.Tx.Delete(key) {
			c.eventRemoval(evSet, "spop", key)
		}
		return
	}
	c.Out.Set(int(count))
	if count == 0 {
		return
	}
	var popped byteList
	setCollection(c, key, size).sample(int(count), func(member, _ []byte) {
		c.Out.Bulk(member)
		popped.add(member)
	})
	_, _ = c.Tx.SetRemove(key, popped.slices())
	c.event(evSet, "spop", key)
}

// replyMember replies one member, null or the error, and says whether there
// was a member.
func replyMember(c *Context, member []byte, ok bool, err error) bool {
	switch {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	default:
		c.Out.Bulk(member)
		return true
	}
	return false
}

func setRandMember(c *Context) {
	if len(c.Args) > 3 {
		c.Out.Error(msgSyntax)
		return
	}
	key := c.Args[1]
	if len(c.Args) == 2 {
		member, ok, err := c.Tx.SetRandom(key)
		replyMember(c, member, ok, err)
		return
	}
	count, ok := c.argCount(2)
	if !ok {
		return
	}
	size, err := c.Tx.SetLen(key)
	if err != nil {
		c.Error(err)
		return
	}
	write := func(member, _ []byte) { c.Out.Bulk(member) }
	set := setCollection(c, key, size)
	switch {
	case size == 0 || count == 0:
		c.Out.Array(0)
	case count < 0:
		repeat(c, -count, 1, func() { write(set.draw()) })
	case count >= int64(size):
		c.Out.Array(size)
		set.each(func(member, _ []byte) bool { write(member, nil); return true })
	default:
		c.Out.Array(int(count))
		set.sample(int(count), write)
	}
}
