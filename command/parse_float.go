package command

import (
	"math"
	"math/big"
	"strconv"
)

// maxFloatText is the longest text Redis tries to read as a long double.
const maxFloatText = 5*1024 - 1

// Largest and smallest exponents of two of a long double (x87, 64-bit mantissa),
// for a mantissa in [0.5, 1) as big.Float has it.
const (
	maxLongDoubleExp = 16384
	minLongDoubleExp = -16445 + 1
)

// parseFloat reads a double as Redis does with strtod: decimal or hexadecimal,
// "inf" and "infinity", no blanks before or after. Not-a-number, and numbers
// that overflow or underflow to zero, are refused.
func parseFloat(b []byte) (float64, bool) {
	switch k := floatKind(b); {
	case k == floatInf && b[0] == '-':
		return math.Inf(-1), true
	case k == floatInf:
		return math.Inf(1), true
	case k == floatDecimal || k == floatHex:
		f, err := strconv.ParseFloat(goFloat(b, k), 64)
		if err != nil || f == 0 && !zeroMantissa(b, k) {
			return 0, false
		}
		return f, true
	}
	return 0, false
}

// checkLongDouble says whether Redis's string2ld takes b, and whether the
// value is infinite. The arithmetic itself is the engine's.
func checkLongDouble(b []byte) (ok, infinite bool) {
	if len(b) > maxFloatText {
		return false, false
	}
	switch k := floatKind(b); k {
	case floatInf:
		return true, true
	case floatDecimal, floatHex:
		if zeroMantissa(b, k) { // whatever the exponent
			return true, false
		}
		f, _, err := big.ParseFloat(goFloat(b, k), 0, 64, big.ToNearestEven)
		if err != nil || f.IsInf() || f.Sign() == 0 {
			return false, false
		}
		exp := f.MantExp(nil)
		return exp <= maxLongDoubleExp && exp >= minLongDoubleExp, false
	}
	return false, false
}

type floatSyntax uint8

const (
	floatBad floatSyntax = iota
	floatDecimal
	floatHex
	floatInf
)

// floatKind judges the whole of b by the grammar of C's strtod, not-a-number
// excepted.
func floatKind(b []byte) floatSyntax {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	switch {
	case len(b) == 3 && isOption(b, "inf"), len(b) == 8 && isOption(b, "infinity"):
		return floatInf
	case len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x':
		if numberShape(b[2:], isHexDigit, 'p') {
			return floatHex
		}
	case numberShape(b, isDigit, 'e'):
		return floatDecimal
	}
	return floatBad
}

// numberShape matches digits[.digits][exponent] with at least one digit before
// the exponent.
func numberShape(b []byte, digit func(byte) bool, exponent byte) bool {
	i, digits := 0, 0
	for ; i < len(b) && digit(b[i]); i++ {
		digits++
	}
	if i < len(b) && b[i] == '.' {
		for i++; i < len(b) && digit(b[i]); i++ {
			digits++
		}
	}
	if digits == 0 || i == len(b) {
		return digits > 0
	}
	if b[i]|0x20 != exponent {
		return false
	}
	i++
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	start := i
	for ; i < len(b) && isDigit(b[i]); i++ {
	}
	return i > start && i == len(b)
}

func isDigit(ch byte) bool { return '0' <= ch && ch <= '9' }

func isHexDigit(ch byte) bool {
	return isDigit(ch) || 'a' <= ch|0x20 && ch|0x20 <= 'f'
}

// goFloat spells b for Go's parsers, which want an exponent behind a
// hexadecimal mantissa.
func goFloat(b []byte, kind floatSyntax) string {
	s := string(b)
	if kind != floatHex {
		return s
	}
	for _, ch := range b {
		if ch|0x20 == 'p' {
			return s
		}
	}
	return s + "p0"
}

// zeroMantissa says whether a well-formed number has only zeros before its
// exponent: whether it is zero by intent and not by underflow.
func zeroMantissa(b []byte, kind floatSyntax) bool {
	exponent := byte('e')
	if kind == floatHex {
		exponent = 'p'
	}
	for _, ch := range b {
		switch {
		case ch|0x20 == exponent:
			return true
		case ch == '0' || ch == '.' || ch == '-' || ch == '+' || ch|0x20 == 'x':
		default:
			return false
		}
	}
	return true
}
