package crdt

import (
	"bytes"
	"math/big"
)

// longDouble is the precision of the x87 extended type that Redis computes
// INCRBYFLOAT with, in bits of mantissa.
const longDouble = 64

// maxLongDoubleExp bounds binary exponents, as the x87 extended type does.
const maxLongDoubleExp = 16384

// minLongDoubleExp is the exponent, of a mantissa in [0.5, 1), below which a
// number is less than half of the smallest denormal and reads as zero.
const minLongDoubleExp = -16445

// maxFloatText is the length from which Redis refuses a float, in bytes.
const maxFloatText = 5 * 1024

// ParseInt parses a 64-bit integer as strictly as Redis does: no sign +, no
// leading zeros, no spaces.
func ParseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	neg := b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var u uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if u > (1<<64-1-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	if neg {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// parseLongDouble parses text as strtold does, rounded to a long double; ok is
// false for what Redis calls no valid float. Infinities are valid.
func parseLongDouble(text []byte) (f *big.Float, ok bool) {
	if len(text) == 0 || len(text) >= maxFloatText || bytes.IndexByte(text, '_') >= 0 {
		return nil, false
	}
	s := text
	if s[0] == '+' || s[0] == '-' {
		s = s[1:]
	}
	switch string(bytes.ToLower(s)) {
	case "inf", "infinity":
		return new(big.Float).SetPrec(longDouble).SetInf(text[0] == '-'), true
	}
	if len(s) == 0 || s[0] != '.' && (s[0] < '0' || s[0] > '9') {
		return nil, false
	}
	base := 10
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		base = 0
	} else if bytes.ContainsAny(s, "pP") { // a binary exponent needs hexadecimal digits
		return nil, false
	}
	f, _, err := big.ParseFloat(string(text), base, longDouble, big.ToNearestEven)
	if err != nil && hugeExponent(s) && zeroDigits(s, base == 0) {
		return new(big.Float).SetPrec(longDouble), true // 0e99999999999: zero all the same
	}
	if err != nil || f.IsInf() || f.MantExp(nil) > maxLongDoubleExp {
		return nil, false
	}
	if f.MantExp(nil) < minLongDoubleExp || f.Sign() == 0 && !zeroDigits(s, base == 0) {
		return nil, false // strtold: underflow
	}
	return f, true
}

// zeroDigits reports whether an unsigned number has no digits but 0 before its
// exponent.
func zeroDigits(s []byte, hex bool) bool {
	exp := "eE"
	if hex {
		exp = "pP"
		s = s[2:]
	}
	if i := bytes.IndexAny(s, exp); i >= 0 {
		s = s[:i]
	}
	return len(bytes.Trim(s, ".0")) == 0
}

// hugeExponent reports whether text is a decimal mantissa and an exponent of
// decimal digits only, however many.
func hugeExponent(text []byte) bool {
	i := bytes.IndexAny(text, "eE")
	if i < 0 || len(bytes.Trim(text[:i], "0123456789.")) > 0 {
		return false
	}
	exp := text[i+1:]
	if len(exp) > 0 && (exp[0] == '+' || exp[0] == '-') {
		exp = exp[1:]
	}
	return len(exp) > 0 && len(bytes.Trim(exp, "0123456789")) == 0 && bytes.Count(text[:i], []byte{'.'}) <= 1
}

// parseNumber parses a value as the base of a counter: an integer, or a float
// as Redis would read and print it.
func parseNumber(text []byte) (Number, bool) {
	if i, ok := ParseInt(text); ok {
		return Int(i), true
	}
	f, ok := parseLongDouble(text)
	if !ok || f.IsInf() {
		return Number{}, false
	}
	return roundedNumber(f), true
}

// roundedNumber returns f rounded to 17 decimals, as Redis prints it.
func roundedNumber(f *big.Float) Number {
	if f.MantExp(nil) < -60 { // less than half a unit
		return Number{float: true}
	}
	text := f.Text('f', 17)
	digits := make([]byte, 0, len(text))
	for i := range len(text) {
		if text[i] != '.' {
			digits = append(digits, text[i])
		}
	}
	v, _ := new(big.Int).SetString(string(digits), 10)
	return Number{big: v, float: true}.normal()
}

// addFloat returns what Redis stores for value + incr: both read as long
// doubles, added as such, rounded to 17 decimals.
func addFloat(value, incr []byte) (Number, error) {
	v, ok := parseLongDouble(value)
	if !ok {
		return Number{}, ErrNotFloat
	}
	d, ok := parseLongDouble(incr)
	if !ok {
		return Number{}, ErrNotFloat
	}
	if v.IsInf() || d.IsInf() {
		return Number{}, ErrNaN
	}
	sum := new(big.Float).SetPrec(longDouble).Add(v, d)
	if sum.MantExp(nil) > maxLongDoubleExp {
		return Number{}, ErrNaN
	}
	n := roundedNumber(sum)
	n.float = true
	return n, nil
}
