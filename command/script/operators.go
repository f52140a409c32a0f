package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// callMeta returns what the operands' metatables make of an operator. If they
// make nothing of it, the complaint is raised.
func (vm *VM) callMeta(l *lua.LState, event string, a, b lua.LValue, complaint func() string) lua.LValue {
	f := metaField(l, a, event)
	if f == lua.LNil {
		f = metaField(l, b, event)
	}
	if f == lua.LNil {
		raise(l, "%s", complaint())
	}
	l.Push(f)
	l.Push(a)
	l.Push(b)
	vm.nest(l, 2, 1)
	v := l.Get(-1)
	l.Pop(1)
	return v
}

// metaField leaves out what arithmetic says of strings.
func metaField(l *lua.LState, v lua.LValue, event string) lua.LValue {
	if v.Type() == lua.LTString {
		return lua.LNil
	}
	return l.GetMetaField(v, event)
}

// mod is the operator %, which Lua 5.1 makes of a division: what is not exact
// there is not exact here. The conversion keeps the two steps apart.
func mod(x, y float64) float64 { return x - float64(math.Floor(x/y)*y) }

// power is the operator ^.
func power(x, y float64) float64 { return orNaN(pow(x, y), noNumber, x, y) }

// length is the operator #: gopher-lua's would ask a table's metatable, and not see what is
// hashed.
func length(l *lua.LState) int {
	switch v := l.Get(1).(type) {
	case *lua.LTable:
		l.Push(lua.LNumber(lengthOf(v)))
	case lua.LString:
		l.Push(lua.LNumber(len(v)))
	default:
		raise(l, "%s", blame(l, "get length of", 0, v))
	}
	return 1
}

// arithmetic are the operators of strings: gopher-lua asks a string's metatable before it
// makes a number of it, and would read "010" as 8.
func (vm *VM) arithmetic() map[string]lua.LValue {
	return vm.functions(map[string]lua.LGFunction{
		"__add": vm.operator("__add", func(x, y float64) float64 { return x + y }),
		"__sub": vm.operator("__sub", func(x, y float64) float64 { return x - y }),
		"__mul": vm.operator("__mul", func(x, y float64) float64 { return x * y }),
		"__div": vm.operator("__div", func(x, y float64) float64 { return x / y }),
		"__pow": vm.operator("__pow", power),
		"__unm": func(l *lua.LState) int {
			x, ok := numeric(l.Get(1))
			if !ok {
				raise(l, "%s", blame(l, "perform arithmetic on", 0, l.Get(1)))
			}
			l.Push(lua.LNumber(-x))
			return 1
		},
	})
}

func (vm *VM) operator(event string, of func(x, y float64) float64) lua.LGFunction {
	return func(l *lua.LState) int {
		a, b := l.Get(1), l.Get(2)
		x, okA := numeric(a)
		y, okB := numeric(b)
		switch {
		case okA && okB:
			l.Push(lua.LNumber(of(x, y)))
		default:
			l.Push(vm.callMeta(l, event, a, b, func() string {
				if okA {
					return blame(l, "perform arithmetic on", 1, b)
				}
				return blame(l, "perform arithmetic on", 0, a)
			}))
		}
		return 1
	}
}

// number makes a number of what is taken for one.
func number(l *lua.LState) int {
	v := l.Get(1)
	if n, ok := numeric(v); ok {
		v = lua.LNumber(n)
	}
	l.Push(v)
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
