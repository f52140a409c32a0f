package command

import "encoding/binary"

// bitOp runs BITOP operation destination key [key ...]. Shorter strings are
// taken as if zeros followed.
func bitOp(c *Context) {
	op, keys := c.Args[1], c.Args[3:]
	var combine func(a, b uint64) uint64
	switch {
	case isOption(op, "and"):
		combine = func(a, b uint64) uint64 { return a & b }
	case isOption(op, "or"):
		combine = func(a, b uint64) uint64 { return a | b }
	case isOption(op, "xor"):
		combine = func(a, b uint64) uint64 { return a ^ b }
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
			sum = bitwise(make([]byte, len(val)), val, func(_, b uint64) uint64 { return ^b })
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

// combineBits combines two strings, of which the shorter one ends with zeros.
func combineBits(sum, val []byte, combine func(a, b uint64) uint64) []byte {
	if more := len(val) - len(sum); more > 0 {
		sum = append(sum, make([]byte, more)...)
	}
	if combine(1, 0) == 0 { // AND: zeros are not as if nothing followed
		clear(sum[len(val):])
	}
	return bitwise(sum, val, combine)
}

// bitwise combines the first bytes of sum, in place, with val, which is not longer:
// eight at a time, since strings may be long.
func bitwise(sum, val []byte, combine func(a, b uint64) uint64) []byte {
	i := 0
	for ; i+8 <= len(val); i += 8 {
		at := sum[i : i+8]
		binary.LittleEndian.PutUint64(at, combine(binary.LittleEndian.Uint64(at), binary.LittleEndian.Uint64(val[i:])))
	}
	for ; i < len(val); i++ {
		sum[i] = byte(combine(uint64(sum[i]), uint64(val[i])))
	}
	return sum
}
