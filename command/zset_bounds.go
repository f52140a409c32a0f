package command

import (
	"bytes"
	"math"
	"strconv"
)

const (
	msgBadScoreRange = "ERR min or max is not a float"
	msgBadLexRange   = "ERR min or max not valid string range item"
)

// zrange is a range of ranks of a sorted set: from the first that is not before
// it to the first that is behind it.
type zrange interface {
	// before reports whether a member lies before the range, within whether it
	// does not lie behind it.
	before(score float64, member []byte) bool
	within(score float64, member []byte) bool
}

// scoreRange is a range of scores; an open end excludes its score.
type scoreRange struct {
	min, max         float64
	minOpen, maxOpen bool
}

func (r *scoreRange) before(s float64, _ []byte) bool { return s < r.min || r.minOpen && s == r.min }
func (r *scoreRange) within(s float64, _ []byte) bool { return s < r.max || !r.maxOpen && s == r.max }

// parseScoreRange reads the ends of a range of scores.
func parseScoreRange(min, max []byte) (*scoreRange, bool) {
	r, ok, okMax := &scoreRange{}, false, false
	r.min, r.minOpen, ok = parseScoreEnd(min)
	r.max, r.maxOpen, okMax = parseScoreEnd(max)
	return r, ok && okMax
}

// parseScoreEnd reads one end, behind ( an open one. Redis gives it to strtod:
// blanks before it are allowed, it ends at a zero byte, nothing is 0, and
// numbers too large are infinite.
func parseScoreEnd(b []byte) (f float64, open, ok bool) {
	if len(b) > 0 && b[0] == '(' {
		open, b = true, b[1:]
	}
	if b = cString(b); len(b) == 0 {
		return 0, open, true
	}
	b = bytes.TrimLeft(b, " \t\n\v\f\r")
	switch k := floatKind(b); {
	case k == floatBad:
		return 0, open, false
	case k == floatInf && b[0] == '-':
		return math.Inf(-1), open, true
	case k == floatInf:
		return math.Inf(1), open, true
	default:
		f, _ = strconv.ParseFloat(goFloat(b, k), 64) // out of range: infinite, or zero
		return f, open, true
	}
}

// lexEnd is one end of a range of names: the least (-1) or the greatest (1)
// possible, or a name that is in the range or not.
type lexEnd struct {
	inf  int
	name []byte
	open bool
}

// cmp compares a name with the end, leaving out whether it is open.
func (e *lexEnd) cmp(name []byte) int {
	if e.inf != 0 {
		return -e.inf
	}
	return bytes.Compare(name, e.name)
}

// lexRange is a range of names, for members of one score.
type lexRange struct{ min, max lexEnd }

func (r *lexRange) before(_ float64, m []byte) bool {
	x := r.min.cmp(m)
	return x < 0 || r.min.open && x == 0
}

func (r *lexRange) within(_ float64, m []byte) bool {
	x := r.max.cmp(m)
	return x < 0 || !r.max.open && x == 0
}

// parseLexRange reads the ends of a range of names.
func parseLexRange(min, max []byte) (*lexRange, bool) {
	r, ok, okMax := &lexRange{}, false, false
	r.min, ok = parseLexEnd(min)
	r.max, okMax = parseLexEnd(max)
	return r, ok && okMax
}

func parseLexEnd(b []byte) (e lexEnd, ok bool) {
	if len(b) == 0 {
		return e, false
	}
	switch b[0] {
	case '-':
		return lexEnd{inf: -1}, len(cString(b)) == 1
	case '+':
		return lexEnd{inf: 1}, len(cString(b)) == 1
	case '(':
		return lexEnd{name: b[1:], open: true}, true
	case '[':
		return lexEnd{name: b[1:]}, true
	}
	return e, false
}

// ranks returns the ranks [from, to) that a range takes in the sorted set at
// key, whose type has been checked.
func ranks(c *Context, key []byte, r zrange) (from, to int) {
	from, _ = c.Tx.ZSetFind(key, r.before)
	to, _ = c.Tx.ZSetFind(key, r.within)
	return from, max(from, to)
}

// rankRange makes of Redis's first and last rank, negative from the end, the
// ranks [from, to).
func rankRange(start, stop int64, size int) (from, to int) {
	n := int64(size)
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	if start > stop || start >= n {
		return 0, 0
	}
	return int(start), int(min(stop, n-1) + 1)
}
