package script

// classEnd returns where the class at p ends: a letter, an escape, a set.
func (m *matcher) classEnd(p int) int {
	end, fault := classEnd(m.pat, p)
	if fault != "" {
		raise(m.l, "malformed pattern (%s)", fault)
	}
	return end
}

func classEnd(pat string, p int) (end int, fault string) {
	switch pat[p] {
	case '%':
		if p+1 >= len(pat) {
			return p, "ends with '%'"
		}
		return p + 2, ""
	case '[':
		if p++; p < len(pat) && pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(pat) || pat[p] != ']'; first = false { // a bracket at the beginning is one of the set
			if p >= len(pat) {
				return p, "missing ']'"
			}
			if pat[p] == '%' && p+1 < len(pat) {
				p++
			}
			p++
		}
	}
	return p + 1, ""
}

// single reports whether the class from p to end has the byte of the text at s.
func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.src) {
		return false
	}
	switch c := m.pat[p]; c {
	case '.':
		return true
	case '%':
		return inClass(m.src[s], m.pat[p+1])
	case '[':
		return m.inSet(m.src[s], p, end-1)
	default:
		return c == m.src[s]
	}
}

// inSet reports whether the set from the bracket at p to that at end has c.
func (m *matcher) inSet(c byte, p, end int) bool {
	has := true
	if m.pat[p+1] == '^' {
		has = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			if p++; inClass(c, m.pat[p]) {
				return has
			}
		case m.pat[p+1] == '-' && p+2 < end:
			if p += 2; m.pat[p-2] <= c && c <= m.pat[p] {
				return has
			}
		case m.pat[p] == c:
			return has
		}
	}
	return !has
}

// inClass reports whether %class has c. Of a letter in upper case it is what is
// not in the class.
func inClass(c, class byte) bool {
	var in bool
	switch class | 0x20 {
	case 'a':
		in = isLetter(c)
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'd':
		in = isDigit(c)
	case 'l':
		in = 'a' <= c && c <= 'z'
	case 'p':
		in = c > ' ' && c < 0x7f && !isLetter(c) && !isDigit(c)
	case 's':
		in = c == ' ' || '\t' <= c && c <= '\r'
	case 'u':
		in = 'A' <= c && c <= 'Z'
	case 'w':
		in = isLetter(c) || isDigit(c)
	case 'x':
		in = isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if !isLetter(class) { // such as a byte that only looks like one once its case is folded
		return class == c
	}
	return in == (class&0x20 != 0)
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
