package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// Number is an exact decimal: an integer, or a count of 10^-17 units. Redis
// prints floats with at most 17 decimals, so every value it can print is a
// Number; sums of Numbers are exact and need no order.
//
// The zero value is the integer 0. Numbers are immutable and may be shared.
type Number struct {
	i     int64
	big   *big.Int // in units of 10^-17, or of 2^-1074 if bin; nil: the value is i
	float bool     // a float took part: the value is not limited to 64 bits
	bin   bool     // big is binary: the score of a sorted set (binary.go)
}

// maxNumberBytes bounds an encoded Number: a long double has at most 4933
// digits before the point and 17 behind it.
const maxNumberBytes = 2304

// maxOpNumber bounds the Numbers in operations, so that what Apply computes
// from them stays within maxNumberBytes.
const maxOpNumber = maxNumberBytes - 8

var unit = new(big.Int).Exp(big.NewInt(10), big.NewInt(17), nil)

// counts reports whether a counter of type t can hold n, whose encoding has at most
// limit bytes: scores are binary, or whole where all that was added is, and other
// counters decimal. Apply subtracts what an op brings; of a decimal and a binary
// number the difference, in the units of both, can be longer than any number may be.
func (n Number) counts(t Type, limit int) bool {
	if t != TypeZSet {
		return !n.bin
	}
	return !n.float && (n.big == nil || n.bin || (n.big.BitLen()+binaryUnit)/8 < limit)
}

// Int returns the Number of an integer.
func Int(i int64) Number { return Number{i: i} }

// Add returns n + o.
func (n Number) Add(o Number) Number {
	if n.big == nil && o.big == nil {
		if s := n.i + o.i; (s > n.i) == (o.i > 0) {
			return Number{i: s, float: n.float || o.float}
		}
	}
	if n.bin || o.bin {
		return Number{big: new(big.Int).Add(n.binaryUnits(), o.binaryUnits()), bin: true}.normal()
	}
	return Number{big: new(big.Int).Add(n.units(), o.units()), float: n.float || o.float}.normal()
}

// Sub returns n - o.
func (n Number) Sub(o Number) Number {
	if n.big == nil && o.big == nil {
		if s := n.i - o.i; (s < n.i) == (o.i > 0) {
			return Number{i: s, float: n.float || o.float}
		}
	}
	if n.bin || o.bin {
		return Number{big: new(big.Int).Sub(n.binaryUnits(), o.binaryUnits()), bin: true}.normal()
	}
	return Number{big: new(big.Int).Sub(n.units(), o.units()), float: n.float || o.float}.normal()
}

// Equal reports whether both have the same value.
func (n Number) Equal(o Number) bool {
	if n.big == nil && o.big == nil {
		return n.i == o.i
	}
	if n.bin || o.bin {
		return n.binaryUnits().Cmp(o.binaryUnits()) == 0
	}
	return n.units().Cmp(o.units()) == 0
}

// Int64 returns the value as a 64-bit integer; ok is false if it is none.
func (n Number) Int64() (i int64, ok bool) { return n.i, n.big == nil }

// units returns the value in units of 10^-17. The caller must not change it.
func (n Number) units() *big.Int {
	if n.big != nil {
		return n.big
	}
	return new(big.Int).Mul(big.NewInt(n.i), unit)
}

// normal returns the same value as an integer if it is one of 64 bits.
func (n Number) normal() Number {
	if n.bin {
		return n.normalBinary()
	}
	q, r := new(big.Int).QuoRem(n.big, unit, new(big.Int))
	if r.Sign() == 0 && q.IsInt64() {
		return Number{i: q.Int64(), float: n.float}
	}
	return n
}

// whole reports whether the value has no decimals.
func (n Number) whole() bool {
	return n.big == nil || new(big.Int).Rem(n.big, unit).Sign() == 0
}

// saturated returns the value a counter shows: sums of integers stop at the
// limits of 64 bits.
func (n Number) saturated() Number {
	if n.big == nil || n.float || n.bin {
		return n
	}
	if n.big.Sign() > 0 {
		return Int(math.MaxInt64)
	}
	return Int(math.MinInt64)
}

// Append appends the decimal text as Redis prints it: no exponent, at most 17
// decimals, no trailing zeros.
func (n Number) Append(b []byte) []byte {
	if n.big == nil {
		return fmt.Appendf(b, "%d", n.i)
	}
	if n.bin {
		return n.appendBinaryText(b)
	}
	q, r := new(big.Int).QuoRem(n.big, unit, new(big.Int))
	if n.big.Sign() < 0 {
		b = append(b, '-')
		q.Neg(q)
		r.Neg(r)
	}
	b = q.Append(b, 10)
	if r.Sign() == 0 {
		return b
	}
	b = append(b, '.')
	b = fmt.Appendf(b, "%017d", r)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// Encoded numbers start with a tag.
const (
	numberInt      = 0 // varint
	numberIntFloat = 1 // varint, a float took part
	numberBig      = 2 // sign byte, uvarint length, big-endian magnitude in units
	numberBigFloat = 3
	numberBinary   = 4 // sign byte, uvarint exponent, uvarint length, big-endian odd mantissa (binary.go)
)

// appendNumber appends the encoded number.
func appendNumber(b []byte, n Number) []byte {
	tag := byte(0)
	if n.float {
		tag = 1
	}
	if n.big == nil {
		return binary.AppendVarint(append(b, tag), n.i)
	}
	if n.bin {
		return appendBinary(b, n)
	}
	sign := byte(0)
	if n.big.Sign() < 0 {
		sign = 1
	}
	mag := n.big.Bytes()
	b = append(b, tag+numberBig, sign)
	b = binary.AppendUvarint(b, uint64(len(mag)))
	return append(b, mag...)
}

// decodeNumber decodes a number of at most limit bytes of magnitude from the
// start of b and returns the rest. A value has one encoding.
func decodeNumber(b []byte, limit int) (Number, []byte, error) {
	if len(b) < 2 {
		return Number{}, nil, fmt.Errorf("%w: number", ErrCorrupt)
	}
	tag := b[0]
	switch tag {
	case numberInt, numberIntFloat:
		i, k := binary.Varint(b[1:])
		if k <= 0 || k > 1 && b[k] == 0 {
			return Number{}, nil, fmt.Errorf("%w: number", ErrCorrupt)
		}
		return Number{i: i, float: tag == numberIntFloat}, b[1+k:], nil
	case numberBinary:
		return decodeBinary(b, limit)
	case numberBig, numberBigFloat:
		sign := b[1]
		n, k := binary.Uvarint(b[2:])
		if k <= 0 || k > 1 && b[1+k] == 0 || n == 0 || n > uint64(limit) || sign > 1 || uint64(len(b)-2-k) < n {
			return Number{}, nil, fmt.Errorf("%w: number", ErrCorrupt)
		}
		mag := b[2+k : 2+k+int(n)]
		v := new(big.Int).SetBytes(mag)
		if sign == 1 {
			v.Neg(v)
		}
		num := Number{big: v, float: tag == numberBigFloat}
		if mag[0] == 0 || num.normal().big == nil || !num.float && !num.whole() {
			return Number{}, nil, fmt.Errorf("%w: number is not in normal form", ErrCorrupt)
		}
		return num, b[2+k+int(n):], nil
	}
	return Number{}, nil, fmt.Errorf("%w: number tag %d", ErrCorrupt, tag)
}
