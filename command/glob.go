package command

// The pattern language of KEYS, SCAN, PSUBSCRIBE and CONFIG GET. Redis matches
// it by recursion; here one loop keeps the place of the last star and goes back
// there, which decides the same: once the text behind a star has matched
// somewhere, starting an earlier star later cannot help.
//
// A hostile pattern still costs len(pattern) * len(s). So every call has a
// budget of steps, far above what an honest pattern needs, and a pattern that
// uses it up does not match.
const (
	globBaseSteps     = 1 << 14
	globStepsPerByte  = 16
	globCountedLength = 1 << 16 // pattern bytes that add to the budget
)

// globMatch says whether s matches pattern: * ? [a-z] [^a-z] and \ before a
// character that is to be taken as it is. As in Redis, an empty s matches only
// the empty pattern.
func globMatch(pattern, s []byte) bool { return globRun(pattern, s, false) }

// globMatchFold is globMatch where the case of ASCII letters does not count.
func globMatchFold(pattern, s []byte) bool { return globRun(pattern, s, true) }

func globRun(pattern, s []byte, fold bool) bool {
	g := globber{pattern: pattern, s: s, fold: fold, star: -1}
	g.steps = globBaseSteps + globStepsPerByte*(len(s)+min(len(pattern), globCountedLength))
	if len(s) == 0 {
		return len(pattern) == 0
	}
	return g.run()
}

type globber struct {
	pattern, s []byte
	fold       bool
	p, i       int // where we are in pattern and s
	star       int // pattern position behind the last star, -1: none
	from       int // where in s the text behind that star is being tried
	steps      int
}

func (g *globber) run() bool {
	for g.steps > 0 {
		g.steps--
		switch {
		case g.i == len(g.s):
			// Only stars may remain. Going back to the last star would leave
			// even less of s for the same text, but the text may then end
			// earlier, so it has to be tried.
			g.skipStars()
			if g.p == len(g.pattern) {
				return true
			}
		case g.p < len(g.pattern) && g.pattern[g.p] == '*':
			g.skipStars()
			if g.p == len(g.pattern) {
				return true
			}
			g.star, g.from = g.p, g.i
			continue
		case g.p < len(g.pattern) && g.one():
			g.i++
			continue
		}
		if !g.back() {
			return false
		}
	}
	return false
}

func (g *globber) skipStars() {
	for g.p < len(g.pattern) && g.pattern[g.p] == '*' {
		g.p++
		g.steps--
	}
}

// back tries the text behind the last star one byte further on.
func (g *globber) back() bool {
	if g.star < 0 || g.from+1 >= len(g.s) {
		return false
	}
	g.from++
	g.p, g.i = g.star, g.from
	return true
}

// one matches a single byte of s and moves behind what it matched with.
func (g *globber) one() bool {
	ch := g.s[g.i]
	switch want := g.pattern[g.p]; want {
	case '?':
		g.p++
		return true
	case '[':
		return g.class(ch)
	case '\\':
		if g.p+1 < len(g.pattern) {
			g.p++
		}
	}
	want := g.pattern[g.p]
	g.p++
	return want == ch || g.fold && lower(want) == lower(ch)
}

// class matches ch with [...]. It keeps Redis's habits: an unclosed class ends
// with the pattern, ranges may be backwards and compare signed bytes, and an
// escaped character is compared exactly even when folding.
func (g *globber) class(ch byte) bool {
	pat, p := g.pattern, g.p+1
	not := p < len(pat) && pat[p] == '^'
	if not {
		p++
	}
	found := false
	for p < len(pat) && pat[p] != ']' {
		g.steps--
		switch left := len(pat) - p; {
		case pat[p] == '\\' && left >= 2:
			p++
			found = found || pat[p] == ch
		case left >= 3 && pat[p+1] == '-':
			found = found || g.inRange(pat[p], pat[p+2], ch)
			p += 2
		default:
			found = found || pat[p] == ch || g.fold && lower(pat[p]) == lower(ch)
		}
		p++
	}
	if p < len(pat) {
		p++ // the bracket
	}
	g.p = p
	return found != not
}

func (g *globber) inRange(a, b, ch byte) bool {
	lo, hi, x := int8(a), int8(b), int8(ch)
	if lo > hi {
		lo, hi = hi, lo
	}
	if g.fold {
		lo, hi, x = int8(lower(byte(lo))), int8(lower(byte(hi))), int8(lower(byte(x)))
	}
	return lo <= x && x <= hi
}

func lower(ch byte) byte {
	if 'A' <= ch && ch <= 'Z' {
		ch += 'a' - 'A'
	}
	return ch
}
