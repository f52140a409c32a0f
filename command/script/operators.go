package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// callMeta returns what the operands' metatables make of an operator. If they
// make nothing of it, what is said is the fault of bad.
func (vm *VM) callMeta(l *lua.LState, event string, a, b lua.LValue, what string, bad lua.LValue) lua.LValue {
	f := l.GetMetaField(a, event)
	if f == lua.LNil {
		f = l.GetMetaField(b, event)
	}
	if f == lua.LNil {
		raise(l, "attempt to %s a %s value", what, bad.Type())
	}
	l.Push(f)
	l.Push(a)
	l.Push(b)
	vm.nest(l, 2, 1)
	v := l.Get(-1)
	l.Pop(1)
	return v
}

// mod is the operator %, which Lua 5.1 makes of a division: what is not exact
// there is not exact here. The conversion keeps the two steps apart.
func (vm *VM) mod(l *lua.LState) int {
	a, b := l.Get(1), l.Get(2)
	x, okA := numeric(a)
	y, okB := numeric(b)
	if okA && okB {
		l.Push(lua.LNumber(x - float64(math.Floor(x/y)*y)))
		return 1
	}
	bad := a
	if okA {
		bad = b
	}
	l.Push(vm.callMeta(l, "__mod", a, b, "perform arithmetic on", bad))
	return 1
}

// numeric takes what Lua takes for a number in arithmetic.
func numeric(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		n, ok := parseNumber(string(v))
		return float64(n), ok
	}
	return 0, false
}
