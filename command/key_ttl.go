package command

// What the TTL family replies for a key that is missing or has no deadline.
const (
	ttlNoKey      = -2
	ttlNoDeadline = -1
)

func keyTTL(c *Context)         { replyDeadline(c, c.Tx.Now(), 1000) }
func keyPTTL(c *Context)        { replyDeadline(c, c.Tx.Now(), 1) }
func keyExpireTime(c *Context)  { replyDeadline(c, 0, 1000) }
func keyPExpireTime(c *Context) { replyDeadline(c, 0, 1) }

// replyDeadline replies the deadline of the key as a distance from a time, in
// units of so many milliseconds, rounded.
func replyDeadline(c *Context, from, unit int64) {
	var at int64
	var exists bool
	c.untouched(func() { at, exists = c.Tx.Deadline(c.Args[1]) })
	switch {
	case !exists:
		c.Out.Int(ttlNoKey)
	case at == 0:
		c.Out.Int(ttlNoDeadline)
	default:
		left := max(at-from, 0)
		if unit > 1 {
			left = int64((uint64(left) + uint64(unit)/2) / uint64(unit))
		}
		c.Out.Int(left)
	}
}
