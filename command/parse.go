package command

import (
	"fmt"
	"math"
)

// Error texts that several commands share. They are Redis's, letter by letter.
const (
	msgSyntax        = "ERR syntax error"
	msgNotInteger    = "ERR value is not an integer or out of range"
	msgNotPositive   = "ERR value is out of range, must be positive"
	msgOutOfRange    = "ERR value is out of range"
	msgNotFloat      = "ERR value is not a valid float"
	msgNoSuchKey     = "ERR no such key"
	msgInvalidCursor = "ERR invalid cursor"
	msgSameObject    = "ERR source and destination objects are the same"
	msgDBIndex       = "ERR DB index is out of range"
	msgStringTooLong = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
)

// parseInt reads a 64-bit integer as strictly as Redis: no sign but one minus,
// no leading zeros, no spaces, nothing behind it, and not "-0".
func parseInt(b []byte) (int64, bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var u uint64 // 19 digits cannot overflow it
	for _, ch := range b {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		u = u*10 + uint64(ch-'0')
	}
	if negative {
		return int64(-u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// parseCursor reads the cursor of the SCAN family, which Redis gives to
// strtoul: a sign is allowed, and nothing at all is 0.
func parseCursor(b []byte) (uint64, bool) {
	b = cString(b)
	if len(b) == 0 {
		return 0, true
	}
	return parseUnsigned(b)
}

// parseUnsigned reads what strtoul takes whole: digits behind a sign, if any,
// that do not overflow. A minus wraps around.
func parseUnsigned(b []byte) (uint64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative || len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	var u uint64
	for _, ch := range b {
		d := uint64(ch - '0')
		if d > 9 || u > (math.MaxUint64-d)/10 {
			return 0, false
		}
		u = u*10 + d
	}
	if negative {
		u = -u
	}
	return u, true
}

// cString cuts b at its first zero byte, where the C library stops reading.
func cString(b []byte) []byte {
	for i, ch := range b {
		if ch == 0 {
			return b[:i]
		}
	}
	return b
}

// isOption says whether b is the option name, given in lower case. As in
// Redis, letters' case does not count and a zero byte ends the word.
func isOption(b []byte, name string) bool {
	if len(b) < len(name) || len(b) > len(name) && b[len(name)] != 0 {
		return false
	}
	for i := 0; i < len(name); i++ {
		ch := b[i]
		if 'A' <= ch && ch <= 'Z' {
			ch += 'a' - 'A'
		}
		if ch != name[i] {
			return false
		}
	}
	return true
}

// argInt reads argument i as an integer; false means that the error is replied.
func (c *Context) argInt(i int) (int64, bool) {
	n, ok := parseInt(c.Args[i])
	if !ok {
		c.Out.Error(msgNotInteger)
	}
	return n, ok
}

// argRange reads argument i as an integer from lo to hi. A non-empty msg is
// the reply for anything else; otherwise it is Redis's usual one.
func (c *Context) argRange(i int, lo, hi int64, msg string) (int64, bool) {
	n, ok := parseInt(c.Args[i])
	switch {
	case ok && lo <= n && n <= hi:
		return n, true
	case msg != "":
		c.Out.Error(msg)
	case !ok:
		c.Out.Error(msgNotInteger)
	default:
		c.Out.Error(fmt.Sprintf("ERR value is out of range, value must between %d and %d", lo, hi))
	}
	return 0, false
}

// argCount reads argument i as the signed count of SRANDMEMBER and HRANDFIELD.
// The smallest integer is refused: it has no opposite.
func (c *Context) argCount(i int) (int64, bool) {
	return c.argRange(i, -math.MaxInt64, math.MaxInt64, "")
}

// errorArity replies that the number of arguments is wrong, for commands whose
// arity the table cannot express.
func (c *Context) errorArity() {
	c.Out.Error("ERR wrong number of arguments for '" + c.Cmd.Name + "' command")
}

// maxBulk is the longest string there may be (proto-max-bulk-len).
func (c *Context) maxBulk() int64 { return int64(c.S.set.limits.MaxBulk) }
