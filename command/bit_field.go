package command

import (
	"math"

	"crdb/engine"
)

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	kind   fieldKind
	over   overflow
	signed bool
	bits   int64 // width, 1 to 64, for unsigned ones to 63
	at     int64 // position of the first bit
	arg    int64 // SET: the value, INCRBY: the increment
}

type fieldKind uint8

const (
	fieldGet fieldKind = iota
	fieldSet
	fieldIncr
)

// overflow says what happens to a value that does not fit.
type overflow uint8

const (
	overflowWrap overflow = iota
	overflowSat
	overflowFail
)

func bitField(c *Context)   { runBitField(c, false) }
func bitFieldRO(c *Context) { runBitField(c, true) }

func runBitField(c *Context, readOnly bool) {
	ops, last, ok := parseFieldOps(c)
	if !ok {
		return
	}
	if last >= 0 && readOnly {
		c.Out.Error("ERR BITFIELD_RO only supports the GET subcommand")
		return
	}
	key := c.Args[1]
	if last >= 0 {
		c.Tx.OnMiss(nil)
		c.Tx.Count(engine.LooksNone)
	}
	old, _, err := c.Tx.Peek(key)
	if err != nil {
		c.Error(err)
		return
	}
	val, grown, inPlace, tells, again := old, false, false, false, false
	if last >= 0 {
		grown = last>>3 >= int64(len(old))
		if inPlace = !grown && c.Tx.Editable(); !inPlace {
			val = growTo(old, last)
		}
	}
	c.Out.Array(len(ops))
	for i := range ops {
		switch reply, ok, wrote := ops[i].run(val); {
		case !ok:
			c.Out.Null()
		default:
			c.Out.Int(reply)
			tells = tells || wrote || grown && ops[i].kind != fieldGet
			again = again || ops[i].kind != fieldGet
		}
	}
	if grown || again {
		switch first, end := firstWritten(ops), int(last>>3)+1; {
		case !grown && !tells:
			c.Tx.PutAgain(key, old, first) // no byte has changed
		case first-len(old) >= minGap:
			putBehind(c, old, first-len(old), val[first:])
		case inPlace:
			c.Tx.Edit(first, val[first:end])
		default:
			c.Tx.PutEdited(key, val, first, end-first)
		}
	}
	if tells { // as in Redis not when all that was written overflowed and failed
		c.event(evString, "setbit", key)
	}
}

// firstWritten returns the first byte that an operation writes.
func firstWritten(ops []fieldOp) int {
	first := int64(math.MaxInt64)
	for i := range ops {
		if ops[i].kind != fieldGet {
			first = min(first, ops[i].at>>3)
		}
	}
	return int(first)
}

// parseFieldOps reads the operations and the last bit that they write, -1 if
// none does. False means that the error is replied.
func parseFieldOps(c *Context) (ops []fieldOp, last int64, ok bool) {
	last = -1
	over := overflowWrap
	for i := 2; i < len(c.Args); {
		arg, left := c.Args[i], len(c.Args)-i-1
		op := fieldOp{over: over}
		switch {
		case isOption(arg, "get") && left >= 2:
		case isOption(arg, "set") && left >= 3:
			op.kind = fieldSet
		case isOption(arg, "incrby") && left >= 3:
			op.kind = fieldIncr
		case isOption(arg, "overflow") && left >= 1:
			if over, ok = argOverflow(c, i+1); !ok {
				return nil, 0, false
			}
			i += 2
			continue
		default:
			c.Out.Error(msgSyntax)
			return nil, 0, false
		}
		if !op.parse(c, i+1) {
			return nil, 0, false
		}
		i += 3
		if op.kind != fieldGet {
			i++
			last = max(last, op.at+op.bits-1)
		}
		ops = append(ops, op)
	}
	return ops, last, true
}

func argOverflow(c *Context, i int) (overflow, bool) {
	switch arg := c.Args[i]; {
	case isOption(arg, "wrap"):
		return overflowWrap, true
	case isOption(arg, "sat"):
		return overflowSat, true
	case isOption(arg, "fail"):
		return overflowFail, true
	}
	c.Out.Error("ERR Invalid OVERFLOW type specified")
	return 0, false
}

// parse reads type, offset and value from argument i on.
func (op *fieldOp) parse(c *Context, i int) (ok bool) {
	typ := cString(c.Args[i])
	if len(typ) > 0 {
		op.bits, ok = parseInt(typ[1:])
		op.signed = typ[0] == 'i'
		limit := int64(63)
		if op.signed {
			limit = 64
		}
		ok = ok && (op.signed || typ[0] == 'u') && 1 <= op.bits && op.bits <= limit
	}
	if !ok {
		c.Out.Error("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
		return false
	}
	if op.at, ok = c.argBit(i+1, op.bits); !ok {
		return false
	}
	if op.kind != fieldGet {
		op.arg, ok = c.argInt(i + 2)
	}
	return ok
}

// run executes the operation on val, which is long enough for what it writes.
// ok is false if it must fail because of an overflow.
func (op *fieldOp) run(val []byte) (reply int64, ok, wrote bool) {
	old := readField(val, op.at, op.bits)
	if op.signed {
		old = uint64(int64(old<<(64-op.bits)) >> (64 - op.bits))
	}
	if op.kind == fieldGet {
		return int64(old), true, false
	}
	base, incr := uint64(op.arg), int64(0)
	if op.kind == fieldIncr {
		base, incr = old, op.arg
	}
	now, fits := op.add(base, incr)
	if !fits && op.over == overflowFail {
		return 0, false, false
	}
	writeField(val, op.at, op.bits, now)
	if op.kind == fieldIncr {
		return int64(now), true, now != old
	}
	return int64(old), true, now != old
}

// add returns the sum that fits the field: itself, its low bits, or the
// nearest limit.
func (op *fieldOp) add(base uint64, incr int64) (sum uint64, fits bool) {
	var over, under bool
	var lo, hi uint64
	if op.signed {
		top := int64(1)<<(op.bits-1) - 1
		bottom, value := -top-1, int64(base)
		up, down := top-value, bottom-value // they wrap around as in Redis
		over = value > top || incr > up && (op.bits != 64 || value >= 0 && incr > 0)
		under = !over && (value < bottom || incr < down && (op.bits != 64 || value < 0 && incr < 0))
		lo, hi = uint64(bottom), uint64(top)
	} else {
		hi = 1<<op.bits - 1
		over = base > hi || incr > 0 && incr > int64(hi-base)
		under = !over && incr < 0 && incr < -int64(base)
	}
	sum = base + uint64(incr)
	switch {
	case !over && !under:
		return sum, true
	case op.over == overflowSat && over:
		return hi, false
	case op.over == overflowSat:
		return lo, false
	case op.signed:
		return uint64(int64(sum<<(64-op.bits)) >> (64 - op.bits)), false
	}
	return sum & hi, false
}

// readField reads bits from position at; beyond the end all are 0.
func readField(val []byte, at, bits int64) (n uint64) {
	for last := at + bits; at < last; {
		take := min(8-at&7, last-at)
		var ch byte
		if at>>3 < int64(len(val)) {
			ch = val[at>>3]
		}
		n = n<<take | uint64(ch<<(at&7)>>(8-take))
		at += take
	}
	return n
}

// writeField writes the low bits of n at position at, inside val.
func writeField(val []byte, at, bits int64, n uint64) {
	for left := bits; left > 0; {
		take := min(8-at&7, left)
		shift := 8 - at&7 - take
		mask := byte(1<<take-1) << shift
		val[at>>3] = val[at>>3]&^mask | byte(n>>(left-take))<<shift&mask
		at += take
		left -= take
	}
}
