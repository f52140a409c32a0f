package command

// bitOp runs BITOP operation destination key [key ...]. Shorter strings are
// taken as if zeros followed.
func bitOp(c *Context) {
	op, keys := c.Args[1], c.Args[3:]
	var combine func(a, b byte) byte
	switch {
	case isOption(op, "and"):
		combine = func(a, b byte) byte { return a & b }
	case isOption(op, "or"):
		combine = func(a, b byte) byte { return a | b }
	case isOption(op, "xor"):
		combine = func(a, b byte) byte { return a ^ b }
	case isOption(op, "not"):
		if len(keys) != 1 {
			c.Out.Error("ERR BITOP NOT must be called with a single source key.")
			return
		}
	default:
		c.Out.Error(msgSyntax)
		return
	}
	var sum []byte
	for i, key := range keys {
		val, _, err := c.Tx.Get(key)
		switch {
		case err != nil:
			c.Error(err)
			return
		case combine == nil:
			for _, ch := range val {
				sum = append(sum, ^ch)
			}
		case i == 0:
			sum = append(sum, val...)
		default:
			sum = combineBits(sum, val, combine)
		}
	}
	if len(sum) == 0 {
		if c.Tx.Delete(c.Args[2]) {
			c.eventDel(c.Args[2])
		}
	} else {
		c.Tx.Put(c.Args[2], sum, expiryNone)
		c.event(evString, "set", c.Args[2])
	}
	c.Out.Int(int64(len(sum)))
}

func combineBits(sum, val []byte, combine func(a, b byte) byte) []byte {
	if more := len(val) - len(sum); more > 0 {
		sum = append(sum, make([]byte, more)...)
	}
	for i := range sum {
		b := byte(0)
		if i < len(val) {
			b = val[i]
		}
		sum[i] = combine(sum[i], b)
	}
	return sum
}
