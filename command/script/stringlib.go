package script

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) stringLibrary() map[string]lua.LValue {
	return vm.functions(map[string]lua.LGFunction{
		"len": func(l *lua.LState) int {
			l.Push(lua.LNumber(len(vm.checkText(l, 1))))
			return 1
		},
		"reverse": vm.reversed, "dump": vm.dump, "format": vm.format, "rep": vm.rep, "char": vm.stringChar, "sub": vm.sub,
		"lower": vm.mapBytes('A', 'Z'), "upper": vm.mapBytes('a', 'z'),
		"byte": vm.byteOf,
		"find": vm.find, "match": vm.match, "gmatch": vm.gmatch, "gfind": vm.gmatch, "gsub": vm.gsub,
	})
}

func (vm *VM) reversed(l *lua.LState) int {
	text := []byte(vm.checkText(l, 1))
	vm.spend(l, len(text))
	reverse(text)
	l.Push(lua.LString(text))
	return 1
}

// dump is string.dump, of which nothing comes: there is no bytecode.
func (vm *VM) dump(l *lua.LState) int {
	if l.Get(1).Type() != lua.LTFunction {
		vm.badType(l, 1, "function")
	}
	raise(l, "unable to dump given function")
	return 0
}

// mapBytes makes string.lower and upper: the case of ASCII letters from first to
// last changes, and no other byte, whatever the text is.
func (vm *VM) mapBytes(first, last byte) lua.LGFunction {
	return func(l *lua.LState) int {
		text := []byte(vm.checkText(l, 1))
		vm.spend(l, len(text))
		for i, ch := range text {
			if first <= ch && ch <= last {
				text[i] = ch ^ ' '
			}
		}
		l.Push(lua.LString(text))
		return 1
	}
}

// sub is string.sub, whose positions may be texts as all numbers may.
func (vm *VM) sub(l *lua.LState) int {
	text := vm.checkText(l, 1)
	from, to := vm.span(l, len(text), toInt64(float64(vm.checkNumber(l, 2))), -1)
	l.Push(lua.LString(text[from:to]))
	return 1
}

// byteOf is string.byte.
func (vm *VM) byteOf(l *lua.LState) int {
	text, at := vm.checkText(l, 1), int64(1)
	if l.Get(2) != lua.LNil {
		at = toInt64(float64(vm.checkNumber(l, 2)))
	}
	from, to := vm.span(l, len(text), at, at)
	if to-from > maxUnpack {
		raise(l, "string slice too long")
	}
	for _, b := range []byte(text[from:to]) {
		l.Push(lua.LNumber(b))
	}
	return to - from
}

// span is what of a text of n bytes lies between two positions, which count from the end
// if they are below zero. The second is the third argument, last if there is none.
func (vm *VM) span(l *lua.LState, n int, first, last int64) (from, to int) {
	if l.Get(3) != lua.LNil {
		last = toInt64(float64(vm.checkNumber(l, 3)))
	}
	if first < 0 {
		first = max(first+int64(n)+1, 0)
	}
	if last < 0 {
		last = max(last+int64(n)+1, 0)
	}
	first, last = max(first, 1), min(last, int64(n))
	if first > last {
		return 0, 0
	}
	return int(first - 1), int(last)
}

// concat is the operator: all its operands at once.
func (vm *VM) concat(l *lua.LState) int {
	n := l.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return vm.concatMeta(l)
		}
	}
	vm.spend(l, size)
	buf := make([]byte, 0, size)
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			buf = append(buf, v...)
		case lua.LNumber:
			buf = appendNumber(buf, float64(v), 14)
		}
	}
	l.Push(lua.LString(buf))
	return 1
}

// concatMeta goes from the right, pair by pair, for the sake of metatables.
func (vm *VM) concatMeta(l *lua.LState) int {
	right := l.Get(l.GetTop())
	for i := l.GetTop() - 1; i >= 1; i-- {
		left := l.Get(i)
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			a, b := vm.textOf(l, left), vm.textOf(l, right)
			vm.spend(l, len(a)+len(b))
			right = lua.LString(a + b)
			continue
		}
		was := right
		right = vm.callMeta(l, "__concat", left, right, func() string {
			if lua.LVCanConvToString(left) {
				return blame(l, "concatenate", i, was)
			}
			return blame(l, "concatenate", i-1, left)
		})
	}
	l.Push(right)
	return 1
}

func (vm *VM) rep(l *lua.LState) int {
	s, n := vm.checkText(l, 1), vm.checkInt(l, 2)
	if n < 1 || s == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n > maxString/len(s) {
		raise(l, "resulting string too large")
	}
	vm.spend(l, len(s)*n)
	l.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// checkText is CheckString with numbers as Lua prints them.
func (vm *VM) checkText(l *lua.LState, i int) string {
	if n, ok := l.Get(i).(lua.LNumber); ok {
		return numberText(n)
	}
	if s, ok := l.Get(i).(lua.LString); ok {
		return string(s)
	}
	vm.badType(l, i, "string")
	return ""
}

// checkNumber is CheckNumber for what looks like one.
func (vm *VM) checkNumber(l *lua.LState, i int) lua.LNumber {
	if s, ok := l.Get(i).(lua.LString); ok {
		if n, ok := parseNumber(string(s)); ok {
			return n
		}
	}
	if n, ok := l.Get(i).(lua.LNumber); ok {
		return n
	}
	vm.badType(l, i, "number")
	return 0
}

// checkInt is a number, or a string of one, as the int that C makes of it.
func (vm *VM) checkInt(l *lua.LState, i int) int {
	return int(int32(toInt64(float64(vm.checkNumber(l, i)))))
}

func (vm *VM) optInt(l *lua.LState, i, otherwise int) int {
	if l.Get(i) == lua.LNil {
		return otherwise
	}
	return vm.checkInt(l, i)
}

// optInt64 is optInt for what C keeps in 64 bits.
func (vm *VM) optInt64(l *lua.LState, i int, otherwise int64) int64 {
	if l.Get(i) == lua.LNil {
		return otherwise
	}
	return toInt64(float64(vm.checkNumber(l, i)))
}

func (vm *VM) checkTable(l *lua.LState, i int) *lua.LTable {
	t, ok := l.Get(i).(*lua.LTable)
	if !ok {
		vm.badType(l, i, "table")
	}
	return t
}

// badType raises the error about an argument that is something else.
func (vm *VM) badType(l *lua.LState, i int, want string) {
	got := l.Get(i).Type().String()
	if i > l.GetTop() {
		got = "no value"
	}
	l.ArgError(i, want+" expected, got "+got)
}

// stringChar is string.char, which takes bytes only.
func (vm *VM) stringChar(l *lua.LState) int {
	b := make([]byte, l.GetTop())
	for i := range b {
		n := vm.checkInt(l, i+1)
		if n < 0 || n > 255 {
			l.ArgError(i+1, "invalid value")
		}
		b[i] = byte(n)
	}
	l.Push(lua.LString(b))
	return 1
}
