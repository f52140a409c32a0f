package command

// bitCommands are the commands on the bits of a string. Each that writes
// writes the whole new value: of concurrent ones, the newest shows.
var bitCommands = []*Command{
	{Name: "bitcount", Summary: "Returns how many bits of a string are set.", Handler: bitCount},
	{Name: "bitfield", Summary: "Reads and changes integers of any width inside a string.", Handler: bitField},
	{Name: "bitfield_ro", Summary: "Reads integers of any width inside a string.", Handler: bitFieldRO},
	{Name: "bitop", Summary: "Combines the bits of strings and stores the result.", Handler: bitOp},
	{Name: "bitpos", Summary: "Returns the position of the first bit that is set, or clear.", Handler: bitPos},
	{Name: "getbit", Summary: "Returns one bit of a string.", Handler: bitGet},
	{Name: "setbit", Summary: "Sets or clears one bit of a string. Creates the key if it is missing.", Handler: bitSet},
}

const (
	msgBitOffset = "ERR bit offset is not an integer or out of range"
	msgBitValue  = "ERR bit is not an integer or out of range"
)

// argBit reads argument i as the position of a bit, which must be inside the
// longest string there may be. For a field of that many bits, "#n" is the n-th
// of them; bits 0 knows no "#". False means that the error is replied.
func (c *Context) argBit(i int, bits int64) (int64, bool) {
	arg, unit := c.Args[i], int64(1)
	if bits > 0 && len(arg) > 0 && arg[0] == '#' {
		arg, unit = arg[1:], bits
	}
	n, ok := parseInt(arg)
	n *= unit // wraps around as in Redis
	if !ok || n < 0 || n>>3 >= c.maxBulk() {
		c.Out.Error(msgBitOffset)
		return 0, false
	}
	return n, true
}

// growTo returns a copy of old that has a byte for bit last.
func growTo(old []byte, last int64) []byte {
	val := make([]byte, max(int64(len(old)), last>>3+1))
	copy(val, old)
	return val
}

func bitSet(c *Context) {
	at, ok := c.argBit(2, 0)
	if !ok {
		return
	}
	on, ok := c.argRange(3, 0, 1, msgBitValue)
	if !ok {
		return
	}
	key := c.Args[1]
	old, _, err := c.Tx.Peek(key)
	if err != nil {
		c.Error(err)
		return
	}
	was, place := bitAt(old, at), int(at>>3)
	if was == byte(on) && place < len(old) {
		c.Tx.PutAgain(key, old, place)
	} else {
		mask := byte(0x80) >> (at & 7)
		switch gap := place - len(old); {
		case gap >= minGap:
			putBehind(c, old, gap, []byte{mask * byte(on)})
		case gap < 0 && c.Tx.Editable():
			c.Tx.Edit(place, []byte{old[place] ^ mask})
		default:
			val := growTo(old, at)
			val[place] = val[place]&^mask | mask*byte(on)
			c.Tx.PutEdited(key, val, place, 1)
		}
		c.event(evString, "setbit", key)
	}
	c.Out.Int(int64(was))
}

func bitGet(c *Context) {
	at, ok := c.argBit(2, 0)
	if !ok {
		return
	}
	val, _, err := c.Tx.Peek(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Int(int64(bitAt(val, at)))
}

// bitAt returns a bit of val; beyond the end all are 0.
func bitAt(val []byte, at int64) byte {
	if at>>3 >= int64(len(val)) {
		return 0
	}
	return val[at>>3] >> (7 - at&7) & 1
}
