package script

import (
	"errors"
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
	if n := int64(f); f > -1e14 && f < 1e14 && float64(n) == f && (n != 0 || !math.Signbit(f)) {
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
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" {
		return 0, false
	}
	lower := strings.ToLower(digits)
	if strings.ContainsAny(s, "_") {
		return 0, false
	}
	if lower == "nan" {
		sign := 1.0
		if s[0] == '-' {
			sign = -1
		}
		return lua.LNumber(math.Copysign(math.NaN(), sign)), true
	}
	if strings.HasPrefix(lower, "0x") {
		if n, err := strconv.ParseUint(lower[2:], 16, 64); err == nil {
			if s[0] == '-' {
				return -lua.LNumber(n), true
			}
			return lua.LNumber(n), true
		}
		if !strings.Contains(lower, "p") {
			s += "p0"
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return lua.LNumber(f), true
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
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
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
