package command

import (
	"encoding/binary"
	"math/bits"
)

// bitRange is a part of a string in bits, the end excluded.
type bitRange struct {
	from, to int64
	endGiven bool
}

// parseBitRange reads [start [end [BYTE|BIT]]] from argument i on, for a string
// of size bytes. needEnd is how BITCOUNT differs from BITPOS. False means that
// the reply is written.
func parseBitRange(c *Context, i int, size int64, needEnd bool) (r bitRange, ok bool) {
	n := len(c.Args) - i
	if n == 0 {
		return bitRange{0, 8 * size, false}, true
	}
	if n > 3 || needEnd && n < 2 {
		c.Out.Error(msgSyntax)
		return r, false
	}
	start, ok := c.argInt(i)
	if !ok {
		return r, false
	}
	unit := int64(8)
	if n == 3 && !needEnd { // BITPOS looks at the unit first
		if unit, ok = argBitUnit(c, i+2); !ok {
			return r, false
		}
	}
	end := int64(-1)
	if n > 1 {
		if end, ok = c.argInt(i + 1); !ok {
			return r, false
		}
		r.endGiven = true
	}
	if needEnd {
		if start < 0 && end < 0 && start > end {
			return r, true
		}
		if n == 3 {
			if unit, ok = argBitUnit(c, i+2); !ok {
				return r, false
			}
		}
	}
	total := size * 8 / unit
	if start < 0 {
		start = max(start+total, 0)
	}
	if end < 0 {
		end = max(end+total, 0)
	}
	if end = min(end, total-1); start <= end {
		r.from, r.to = start*unit, (end+1)*unit
	}
	return r, true
}

// argBitUnit reads argument i as BYTE or BIT and returns the bits of a unit.
func argBitUnit(c *Context, i int) (int64, bool) {
	switch arg := c.Args[i]; {
	case isOption(arg, "bit"):
		return 1, true
	case isOption(arg, "byte"):
		return 8, true
	}
	c.Out.Error(msgSyntax)
	return 0, false
}

func bitCount(c *Context) {
	val, ok, err := c.Tx.Peek(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	if !ok {
		c.Out.Int(0)
		return
	}
	if r, ok := parseBitRange(c, 2, int64(len(val)), true); ok {
		c.Out.Int(countBits(val, r.from, r.to))
	}
}

// countBits counts the set bits from one position to before another.
func countBits(val []byte, from, to int64) int64 {
	if from >= to {
		return 0
	}
	first, last := from>>3, (to-1)>>3
	n := -bits.OnesCount8(val[first] &^ (0xff >> (from & 7)))
	if to&7 != 0 {
		n -= bits.OnesCount8(val[last] & (0xff >> (to & 7)))
	}
	b := val[first : last+1]
	for ; len(b) >= 8; b = b[8:] {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for _, ch := range b {
		n += bits.OnesCount8(ch)
	}
	return int64(n)
}

func bitPos(c *Context) {
	bit, ok := c.argInt(2)
	if !ok {
		return
	}
	if bit != 0 && bit != 1 {
		c.Out.Error("ERR The bit argument must be 1 or 0.")
		return
	}
	val, ok, err := c.Tx.Peek(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	if !ok {
		c.Out.Int(-bit) // a missing key is all zeros
		return
	}
	r, ok := parseBitRange(c, 3, int64(len(val)), false)
	if !ok {
		return
	}
	at := findBit(val, byte(bit), r.from, r.to)
	if at < 0 && bit == 0 && !r.endGiven && r.from < r.to {
		at = r.to // the first of the zeros behind the string
	}
	c.Out.Int(at)
}

// findBit returns the first position of a bit in a part of val, -1 for none.
func findBit(val []byte, bit byte, from, to int64) int64 {
	if from >= to {
		return -1
	}
	flip := bit - 1 // looking for a 0 is looking for a 1 in the opposite
	ch := (val[from>>3] ^ flip) & (0xff >> (from & 7))
	at := from &^ 7
	for ch == 0 {
		if at += 8; at >= to {
			return -1
		}
		for to-at >= 64 && binary.LittleEndian.Uint64(val[at>>3:]) == -uint64(flip&1) {
			at += 64
		}
		if at >= to {
			return -1
		}
		ch = val[at>>3] ^ flip
	}
	if at += int64(bits.LeadingZeros8(ch)); at >= to {
		return -1
	}
	return at
}
