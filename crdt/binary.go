package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
)

// Scores are doubles. A binary Number is a sum of doubles, exactly: a count of
// 2^-1074, the smallest of them. So what several replicas add to one score sums
// up the same in any order, and is rounded to a double only when it is shown.

// binaryUnit is the exponent of the unit of binary numbers.
const binaryUnit = 1074

// binaryNumber returns a finite double as a Number.
func binaryNumber(f float64) Number {
	if i := int64(f); f > -1<<62 && f < 1<<62 && float64(i) == f {
		return Int(i)
	}
	bits := math.Float64bits(f)
	exp, mant := int(bits>>52&0x7ff), int64(bits&(1<<52-1))
	if exp > 0 {
		exp, mant = exp-1, mant|1<<52
	}
	if f < 0 {
		mant = -mant
	}
	v := big.NewInt(mant)
	return Number{big: v.Lsh(v, uint(exp)), bin: true}.normalBinary()
}

// binaryUnits returns the value in units of 2^-1074. The caller must not change
// it.
func (n Number) binaryUnits() *big.Int {
	switch {
	case n.bin:
		return n.big
	case n.big == nil:
		v := big.NewInt(n.i)
		return v.Lsh(v, binaryUnit)
	}
	v := new(big.Int).Quo(n.big, unit) // sums of scores never have decimals
	return v.Lsh(v, binaryUnit)
}

// normalBinary returns the same value as an integer if it is one of 64 bits.
func (n Number) normalBinary() Number {
	if n.big.Sign() == 0 {
		return Number{}
	}
	if n.big.BitLen() <= binaryUnit+64 && n.big.TrailingZeroBits() >= binaryUnit {
		if q := new(big.Int).Rsh(n.big, binaryUnit); q.IsInt64() { // exact
			return Number{i: q.Int64()}
		}
	}
	return n
}

// Double returns the double nearest to the number, infinite beyond the largest.
func (n Number) Double() float64 {
	if n.big == nil && n.i > -1<<53 && n.i < 1<<53 {
		return float64(n.i)
	}
	f := new(big.Float).SetInt(n.binaryUnits())
	d, _ := f.SetMantExp(f, -binaryUnit).Float64()
	return d
}

// appendBinaryText appends a text that is the same for equal values: that of an
// integer, else mantissa and exponent.
func (n Number) appendBinaryText(b []byte) []byte {
	zeros := n.big.TrailingZeroBits()
	if zeros >= binaryUnit {
		return new(big.Int).Rsh(n.big, binaryUnit).Append(b, 10)
	}
	b = new(big.Int).Rsh(n.big, zeros).Append(b, 10)
	return fmt.Appendf(b, "p%d", int(zeros)-binaryUnit)
}

func appendBinary(b []byte, n Number) []byte {
	sign := byte(0)
	if n.big.Sign() < 0 {
		sign = 1
	}
	zeros := n.big.TrailingZeroBits()
	mag := new(big.Int).Rsh(new(big.Int).Abs(n.big), zeros).Bytes()
	b = append(b, numberBinary, sign)
	b = binary.AppendUvarint(b, uint64(zeros))
	b = binary.AppendUvarint(b, uint64(len(mag)))
	return append(b, mag...)
}

func decodeBinary(b []byte, limit int) (Number, []byte, error) {
	d := opDecoder{b: b[2:]}
	zeros, mag := d.uvarint(), d.bytes()
	if d.err != nil || b[1] > 1 || zeros > uint64(8*limit) || len(mag) == 0 || mag[0] == 0 || mag[len(mag)-1]&1 == 0 ||
		len(mag)+int(zeros/8) > limit {
		return Number{}, nil, fmt.Errorf("%w: binary number", ErrCorrupt)
	}
	v := new(big.Int).SetBytes(mag)
	if b[1] == 1 {
		v.Neg(v)
	}
	n := Number{big: v.Lsh(v, uint(zeros)), bin: true}
	if n.normalBinary().big == nil {
		return Number{}, nil, fmt.Errorf("%w: binary number is not in normal form", ErrCorrupt)
	}
	return n, d.b, nil
}
