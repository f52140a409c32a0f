package script

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) tableLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenTable, lua.TabLibName, "getn", "maxn")
	insert := vm.stock(lua.OpenTable, lua.TabLibName, "insert", "remove", "sort")
	for name, f := range insert {
		fn := f.(*lua.LFunction).GFunction
		lib[name] = vm.l.NewFunction(func(l *lua.LState) int {
			t := vm.checkTable(l, 1)
			vm.writable(l, t)
			if n := l.GetTop(); name == "insert" && n != 2 && n != 3 {
				raise(l, "wrong number of arguments to 'insert'")
			} else if n == 3 && name == "insert" {
				l.Replace(2, lua.LNumber(vm.checkInt(l, 2)))
			}
			if length := t.Len(); name == "remove" {
				at := vm.optInt(l, 2, length)
				if at < 1 || at > length {
					return 0
				}
				l.SetTop(1)
				l.Push(lua.LNumber(at))
			}
			return fn(l)
		})
	}
	for name, f := range vm.functions(map[string]lua.LGFunction{
		"concat": vm.tableConcat, "foreach": vm.tableForEach, "foreachi": vm.tableForEachI,
		"setn": func(l *lua.LState) int { raise(l, "'setn' is obsolete"); return 0 },
	}) {
		lib[name] = f
	}
	return lib
}

func (vm *VM) tableConcat(l *lua.LState) int {
	t, sep := vm.checkTable(l, 1), ""
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		sep = vm.checkText(l, 2)
	}
	i, j := vm.optInt(l, 3, 1), vm.optInt(l, 4, t.Len())
	var b []byte
	for k := i; k <= j; k++ {
		switch v := t.RawGetInt(k).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v), 14)
		default:
			raise(l, "invalid value (%s) at index %s in table for 'concat'", v.Type(), strconv.Itoa(k))
		}
		if k < j {
			b = append(b, sep...)
		}
		if len(b) > maxString {
			raise(l, "string length overflow")
		}
	}
	vm.spend(l, len(b))
	l.Push(lua.LString(b))
	return 1
}

func (vm *VM) tableForEach(l *lua.LState) int {
	t, f := vm.behind(vm.checkTable(l, 1)), l.CheckFunction(2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if vm.each(l, f, k, v) {
			return 1
		}
	}
	return 0
}

func (vm *VM) tableForEachI(l *lua.LState) int {
	t, f := vm.checkTable(l, 1), l.CheckFunction(2)
	for i := 1; i <= t.Len(); i++ {
		if vm.each(l, f, lua.LNumber(i), t.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

func (vm *VM) each(l *lua.LState, f *lua.LFunction, k, v lua.LValue) bool {
	l.Push(f)
	l.Push(k)
	l.Push(v)
	vm.nest(l, 2, 1)
	if l.Get(-1) != lua.LNil {
		return true
	}
	l.Pop(1)
	return false
}
