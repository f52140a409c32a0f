package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// # Patterns
//
// The matcher of gopher-lua's string library does not look up from its work, so
// a pattern that tries everything there is could not be ended. This one counts
// its steps, looks now and then whether the run is to end, and knows Lua 5.1's
// patterns to the letter: a pattern ends at its first zero byte, and what is
// malformed is an error only once the match comes to it.

const (
	maxCaptures   = 32
	maxMatchDepth = 200_000 // calls of match in each other
	stepsPerLook  = 1 << 12 // steps of a match between two looks at who wants to end it
	freeSteps     = 1 << 20 // what the matches of a run on the spot may take besides
)

// Lengths of captures that are no length.
const (
	openCapture  = -1
	placeCapture = -2
)

// noMatch is an end that there is not.
const noMatch = -1

type capture struct{ start, length int }

// matcher matches one pattern against one text, as often as it is asked to.
type matcher struct {
	vm       *VM
	l        *lua.LState
	src, pat string
	captures [maxCaptures]capture
	level    int // captures begun
	depth    int
	steps    int // since the last look
	left     int // steps that the lengths of the texts allow to a match that nobody can end
}

// newMatcher takes the pattern up to its first zero byte.
func (vm *VM) newMatcher(l *lua.LState, src, pat string) *matcher {
	pat = cut(pat)
	return &matcher{vm: vm, l: l, src: src, pat: pat, left: (len(src) + 1) * (len(pat) + 4)}
}

// step accounts for a step, and raises an error if there may be no more.
func (m *matcher) step() {
	if m.steps++; m.steps < stepsPerLook {
		return
	}
	m.steps = 0
	if why := m.vm.killed.why.Load(); why != nil {
		raise(m.l, "%s", *why)
	}
	if m.vm.killable {
		return
	}
	if m.left -= stepsPerLook; m.left < 0 {
		if m.vm.freeSteps -= stepsPerLook; m.vm.freeSteps < 0 {
			raise(m.l, "pattern too complex")
		}
	}
}

// start matches the pattern from p on at one place of the text, and returns
// where the match ends.
func (m *matcher) start(s, p int) (end int) {
	m.level, m.depth = 0, 0
	return m.match(s, p)
}

// at is the byte of the pattern at p, zero at its end.
func (m *matcher) at(p int) byte {
	if p < len(m.pat) {
		return m.pat[p]
	}
	return 0
}

// byteAt is the byte of the text at s, zero before and behind it.
func (m *matcher) byteAt(s int) byte {
	if s >= 0 && s < len(m.src) {
		return m.src[s]
	}
	return 0
}

// match matches the rest of the pattern.
func (m *matcher) match(s, p int) (end int) {
	if m.depth++; m.depth > maxMatchDepth {
		raise(m.l, "pattern too complex")
	}
	end = m.items(s, p)
	m.depth--
	return end
}

// items matches one piece of the pattern after the other.
func (m *matcher) items(s, p int) int {
	for p < len(m.pat) {
		m.step()
		switch c, next := m.pat[p], m.at(p+1); {
		case c == '(' && next == ')':
			return m.open(s, p+2, placeCapture)
		case c == '(':
			return m.open(s, p+1, openCapture)
		case c == ')':
			return m.closing(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			if s != len(m.src) {
				return noMatch
			}
			return s
		case c == '%' && next == 'b':
			s, p = m.balance(s, p+2), p+4
		case c == '%' && next == 'f':
			s, p = m.frontier(s, p+2)
		case c == '%' && isDigit(next):
			s, p = m.again(s, next), p+2
		default:
			end := m.classEnd(p)
			switch m.at(end) {
			case '?':
				if m.single(s, p, end) {
					if e := m.match(s+1, end+1); e != noMatch {
						return e
					}
				}
				p = end + 1
			case '*':
				return m.most(s, p, end)
			case '+':
				if !m.single(s, p, end) {
					return noMatch
				}
				return m.most(s+1, p, end)
			case '-':
				return m.least(s, p, end)
			default:
				if !m.single(s, p, end) {
					return noMatch
				}
				s, p = s+1, end
			}
		}
		if s == noMatch {
			return noMatch
		}
	}
	return s
}

// open begins a capture.
func (m *matcher) open(s, p, length int) int {
	if m.level >= maxCaptures {
		raise(m.l, "too many captures")
	}
	m.captures[m.level] = capture{s, length}
	m.level++
	end := m.match(s, p)
	if end == noMatch {
		m.level--
	}
	return end
}

// closing ends the innermost capture that is open.
func (m *matcher) closing(s, p int) int {
	i := m.level - 1
	for i >= 0 && m.captures[i].length != openCapture {
		i--
	}
	if i < 0 {
		raise(m.l, "invalid pattern capture")
	}
	m.captures[i].length = s - m.captures[i].start
	end := m.match(s, p)
	if end == noMatch {
		m.captures[i].length = openCapture
	}
	return end
}

// again matches what a capture has matched: %1.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.captures[i].length == openCapture {
		raise(m.l, "invalid capture index")
	}
	c := m.captures[i]
	if c.length == placeCapture || !strings.HasPrefix(m.src[s:], m.src[c.start:c.start+c.length]) {
		return noMatch
	}
	m.steps += c.length / 16
	return s + c.length
}

// balance matches %bxy, whose two letters are at p.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		raise(m.l, "unbalanced pattern")
	}
	first, last := m.pat[p], m.pat[p+1]
	if s >= len(m.src) || m.src[s] != first {
		return noMatch
	}
	for deep := 1; ; {
		if s++; s >= len(m.src) {
			return noMatch
		}
		m.step()
		switch m.src[s] {
		case last:
			if deep--; deep == 0 {
				return s + 1
			}
		case first:
			deep++
		}
	}
}

// frontier matches %f[set], whose set is at p.
func (m *matcher) frontier(s, p int) (int, int) {
	if m.at(p) != '[' {
		raise(m.l, "missing '[' after '%%f' in pattern")
	}
	end := m.classEnd(p)
	if m.inSet(m.byteAt(s-1), p, end-1) || !m.inSet(m.byteAt(s), p, end-1) {
		return noMatch, end
	}
	return s, end
}

// most matches as many of a class as there are from here on, and fewer if the
// rest does not match then.
func (m *matcher) most(from, p, end int) int {
	s := from
	for m.single(s, p, end) {
		m.step()
		s++
	}
	for ; s >= from; s-- {
		if e := m.match(s, end+1); e != noMatch {
			return e
		}
	}
	return noMatch
}

// least matches as few of a class as the rest allows.
func (m *matcher) least(s, p, end int) int {
	for {
		if e := m.match(s, end+1); e != noMatch {
			return e
		}
		if !m.single(s, p, end) {
			return noMatch
		}
		m.step()
		s++
	}
}
