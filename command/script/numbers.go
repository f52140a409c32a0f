package script

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// appendNumber appends f as C's "%.*g" prints it.
func appendNumber(dst []byte, f float64, digits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case math.IsNaN(f):
		if math.Signbit(f) {
			return append(dst, "-nan"...)
		}
		return append(dst, "nan"...)
	}
	if n := int64(f); digits >= 14 && f > -1e14 && f < 1e14 && float64(n) == f && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, n, 10)
	}
	return strconv.AppendFloat(dst, f, 'g', digits, 64)
}

// numberText is Lua's tostring of a number.
func numberText(n lua.LNumber) string {
	var buf [32]byte
	return string(appendNumber(buf[:0], float64(n), 14))
}

// parseNumber reads a number as Lua 5.1 does with strtod, to which a text ends
// at its first zero byte.
func parseNumber(s string) (lua.LNumber, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.Trim(s, " \t\n\v\f\r")
	f, n := strtod(s)
	if n == 0 || n != len(s) {
		return 0, false
	}
	return lua.LNumber(f), true
}

// strtod reads the number that a text begins with, as C does: decimal, hexadecimal,
// infinite, or none. n is its length, 0 if there is no number.
func strtod(s string) (f float64, n int) {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		n = 1
	}
	rest := s[n:]
	if len(rest) == 0 || !isDigit(rest[0]) && rest[0] != '.' {
		for _, word := range []string{"infinity", "inf", "nan"} {
			if len(rest) >= len(word) && strings.EqualFold(rest[:len(word)], word) {
				f = math.Inf(1)
				if n += len(word); word == "nan" {
					f = -noNumber
					n += len(payload(s[n:]))
				}
				if s[0] == '-' {
					f = -f
				}
				return f, n
			}
		}
		return 0, 0
	}
	if m := hexNumber(rest); m > 0 {
		text := s[:n+m]
		if !strings.ContainsAny(text, "pP") {
			text += "p0"
		}
		f, _ = strconv.ParseFloat(text, 64)
		return f, n + m
	}
	m := decimalNumber(rest)
	if m == 0 {
		return 0, 0
	}
	f, _ = strconv.ParseFloat(s[:n+m], 64)
	return f, n + m
}

// payload is what may stand behind nan: letters, digits and underscores in brackets.
func payload(s string) string {
	end := strings.IndexByte(s, ')')
	if end < 0 || s[0] != '(' || strings.Trim(strings.ToLower(s[1:end]), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return ""
	}
	return s[:end+1]
}

// decimalNumber returns the length of the decimal number, without a sign, that a text
// begins with.
func decimalNumber(s string) int {
	n := numberDigits(s, isDigit)
	if n == 0 {
		return 0
	}
	return n + exponentLength(s[n:], 'e')
}

// hexNumber is decimalNumber for a hexadecimal one.
func hexNumber(s string) int {
	if len(s) < 3 || s[0] != '0' || s[1]|0x20 != 'x' {
		return 0
	}
	n := numberDigits(s[2:], func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' })
	if n == 0 {
		return 0
	}
	return 2 + n + exponentLength(s[2+n:], 'p')
}

// numberDigits returns the length of digits with one point among them, 0 without a digit.
func numberDigits(s string, digit func(byte) bool) int {
	n, digits, point := 0, 0, false
	for ; n < len(s); n++ {
		if digit(s[n]) {
			digits++
		} else if s[n] != '.' || point {
			break
		} else {
			point = true
		}
	}
	if digits == 0 {
		return 0
	}
	return n
}

func exponentLength(s string, letter byte) int {
	if s == "" || s[0]|0x20 != letter {
		return 0
	}
	first := 1
	if len(s) > 1 && (s[1] == '+' || s[1] == '-') {
		first = 2
	}
	end := first
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if end == first {
		return 0
	}
	return end
}

// parseBase reads a number of another base, as strtoul does: what is too large is the
// largest, and a sign counts from the other end.
func parseBase(s string, base int) (lua.LNumber, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	s = strings.ToLower(strings.Trim(s, " \t\n\v\f\r"))
	minus := strings.HasPrefix(s, "-")
	if minus || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 {
		s = strings.TrimPrefix(s, "0x")
	}
	for _, c := range []byte(s) { // of what is too large, the rest would not be looked at
		if digit := strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz", c); digit < 0 || digit >= base {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, base, 64)
	if s == "" {
		return 0, false
	}
	if minus && err == nil {
		n = -n
	}
	return lua.LNumber(n), true
}

// toInt64 truncates as x86 does: what does not fit is the smallest number.
func toInt64(f float64) int64 {
	if f >= -9.223372036854775808e18 && f < 9.223372036854775808e18 {
		return int64(f)
	}
	return math.MinInt64
}

// rand48 is the generator behind math.random: the sequence that scripts get
// from redis.
type rand48 struct{ x uint64 }

func (r *rand48) seed(s int32) { r.x = uint64(uint32(s))<<16 | 0x330E }

func (r *rand48) next() int32 {
	r.x = (r.x*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(r.x >> 17)
}
