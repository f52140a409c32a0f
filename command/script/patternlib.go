package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// specials are the bytes that make a text a pattern.
const specials = "^$*+?.([%-"

func (vm *VM) find(l *lua.LState) int  { return vm.search(l, true) }
func (vm *VM) match(l *lua.LState) int { return vm.search(l, false) }

// search is string.find, which returns where the match is, and string.match.
func (vm *VM) search(l *lua.LState, find bool) int {
	src, pat := vm.checkText(l, 1), vm.checkText(l, 2)
	from := vm.optPlace(l, 3, len(src))
	if find && (lua.LVAsBool(l.Get(4)) || !strings.ContainsAny(cut(pat), specials)) {
		i := strings.Index(src[from:], pat)
		if i < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(from + i + 1))
		l.Push(lua.LNumber(from + i + len(pat)))
		return 2
	}
	m := vm.newMatcher(l, src, pat)
	p := 0
	anchored := m.at(0) == '^'
	if anchored {
		p = 1
	}
	for s := from; s <= len(src); s++ {
		if end := m.start(s, p); end != noMatch {
			if find {
				l.Push(lua.LNumber(s + 1))
				l.Push(lua.LNumber(end))
				return 2 + m.pushCaptures(0, noMatch)
			}
			return m.pushCaptures(s, end)
		}
		if anchored {
			break
		}
	}
	l.Push(lua.LNil)
	return 1
}

// optPlace reads an optional place in a text of n bytes, counted from 1 or from
// the end, and returns it counted from 0.
func (vm *VM) optPlace(l *lua.LState, i, n int) int {
	if l.Get(i) == lua.LNil {
		return 0
	}
	at := toInt64(float64(vm.checkNumber(l, i)))
	if at < 0 {
		at = max(at+int64(n)+1, 0)
	}
	return int(min(max(at-1, 0), int64(n)))
}

// pushCaptures pushes what was captured, the whole match if there are no
// captures and it has an end.
func (m *matcher) pushCaptures(s, end int) int {
	if m.level == 0 && end != noMatch {
		m.l.Push(m.captured(0, s, end))
		return 1
	}
	for i := range m.level {
		m.l.Push(m.captured(i, s, end))
	}
	return m.level
}

// captured returns a capture, the whole match for the first if there is none.
func (m *matcher) captured(i, s, end int) lua.LValue {
	if i >= m.level {
		if i > 0 {
			raise(m.l, "invalid capture index")
		}
		return lua.LString(m.src[s:end])
	}
	switch c := m.captures[i]; c.length {
	case openCapture:
		raise(m.l, "unfinished capture")
		return lua.LNil
	case placeCapture:
		return lua.LNumber(c.start + 1)
	default:
		return lua.LString(m.src[c.start : c.start+c.length])
	}
}

// gmatch is string.gmatch.
func (vm *VM) gmatch(l *lua.LState) int {
	src, pat := vm.checkText(l, 1), vm.checkText(l, 2)
	m, from := vm.newMatcher(l, src, pat), 0
	l.Push(l.NewFunction(func(l *lua.LState) int {
		m.l = l
		for s := from; s <= len(src); s++ {
			if end := m.start(s, 0); end != noMatch {
				if from = end; end == s {
					from++
				}
				return m.pushCaptures(s, end)
			}
		}
		from = len(src) + 1
		return 0
	}))
	return 1
}

// gsub is string.gsub.
func (vm *VM) gsub(l *lua.LState) int {
	src, pat, repl := vm.checkText(l, 1), vm.checkText(l, 2), l.Get(3)
	most := len(src) + 1
	if l.Get(4) != lua.LNil {
		most = int(int32(toInt64(float64(vm.checkNumber(l, 4)))))
	}
	switch repl.Type() {
	case lua.LTNumber, lua.LTString, lua.LTFunction, lua.LTTable:
	default:
		l.ArgError(3, "string/function/table expected")
	}
	m := vm.newMatcher(l, src, pat)
	p := 0
	if m.at(0) == '^' {
		p = 1
	}
	var out []byte
	s, n, kept := 0, 0, 0 // out has all before kept
	for n < most {
		end := m.start(s, p)
		if end != noMatch {
			n++
			out = append(out, src[kept:s]...)
			before := len(out)
			out = m.replace(out, s, end, repl)
			vm.spend(l, len(out)-before)
			if kept = end; len(out) > maxString {
				raise(l, "string length overflow")
			}
		}
		if end > s {
			s = end
		} else if s++; s > len(src) {
			break
		}
		if p == 1 {
			break
		}
	}
	if n == 0 {
		l.Push(lua.LString(src))
	} else {
		vm.spend(l, len(src))
		l.Push(lua.LString(append(out, src[kept:]...)))
	}
	l.Push(lua.LNumber(n))
	return 2
}

// replace appends what takes the place of a match.
func (m *matcher) replace(out []byte, s, end int, repl lua.LValue) []byte {
	var v lua.LValue
	switch repl := repl.(type) {
	case *lua.LFunction:
		m.l.Push(repl)
		m.vm.nest(m.l, m.pushCaptures(s, end), 1)
		v = m.l.Get(-1)
		m.l.Pop(1)
	case *lua.LTable:
		v = m.l.GetTable(repl, m.captured(0, s, end))
	default:
		return m.expand(out, s, end, m.vm.textOf(m.l, repl))
	}
	switch v.Type() {
	case lua.LTString, lua.LTNumber:
		return append(out, m.vm.textOf(m.l, v)...)
	}
	if lua.LVAsBool(v) {
		raise(m.l, "invalid replacement value (a %s)", v.Type())
	}
	return append(out, m.src[s:end]...)
}

// expand appends a text with captures put in.
func (m *matcher) expand(out []byte, s, end int, text string) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			out = append(out, text[i])
			continue
		}
		c := byte(0) // behind the text
		if i++; i < len(text) {
			c = text[i]
		}
		switch {
		case !isDigit(c):
			out = append(out, c)
		case c == '0':
			out = append(out, m.src[s:end]...)
		default:
			out = append(out, m.vm.textOf(m.l, m.captured(int(c-'1'), s, end))...)
		}
		if len(out) > maxString {
			raise(m.l, "string length overflow")
		}
	}
	return out
}
