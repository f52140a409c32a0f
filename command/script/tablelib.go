package script

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) tableLibrary() map[string]lua.LValue {
	return vm.functions(map[string]lua.LGFunction{
		"insert": vm.tableInsert, "remove": vm.tableRemove, "sort": vm.tableSort, "concat": vm.tableConcat,
		"foreach": vm.tableForEach, "foreachi": vm.tableForEachI, "getn": vm.tableLength, "maxn": vm.tableLargest,
		"setn": func(l *lua.LState) int {
			vm.checkTable(l, 1)
			raise(l, "'setn' is obsolete")
			return 0
		},
	})
}

// item is t[i]: what gopher-lua keeps in its array has a short way there.
func item(t *lua.LTable, i int) lua.LValue {
	if 0 < i && i < maxArray {
		return t.RawGetInt(i)
	}
	return t.RawGet(lua.LNumber(i))
}

// tableLength is table.getn.
func (vm *VM) tableLength(l *lua.LState) int {
	l.Push(lua.LNumber(vm.checkTable(l, 1).Len()))
	return 1
}

// tableLargest is table.maxn: the largest number that is a key.
func (vm *VM) tableLargest(l *lua.LState) int {
	t, most := vm.behind(vm.checkTable(l, 1)), lua.LNumber(0)
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		if n, ok := k.(lua.LNumber); ok && n > most {
			most = n
		}
	}
	l.Push(most)
	return 1
}

// tableInsert is table.insert. A place before the first moves all elements up,
// too, as in Lua.
func (vm *VM) tableInsert(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	end := t.Len() + 1
	at, v := end, l.Get(2)
	switch l.GetTop() {
	case 2:
	case 3:
		at, v = vm.checkInt(l, 2), l.Get(3)
	default:
		raise(l, "wrong number of arguments to 'insert'")
	}
	vm.writable(l, t)
	for i := max(at, end); i > at; i-- {
		if i < 1 && i%stepsPerLook == 0 { // there is no end of such places
			vm.goOn(l, stepsPerLook)
		}
		t.RawSetInt(i, item(t, i-1))
	}
	t.RawSetInt(at, v)
	return 0
}

func (vm *VM) tableRemove(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	end := t.Len()
	at := vm.optInt(l, 2, end)
	if at < 1 || at > end {
		return 0
	}
	vm.writable(l, t)
	l.Push(t.Remove(at))
	return 1
}

func (vm *VM) tableConcat(l *lua.LState) int {
	t, sep := vm.checkTable(l, 1), ""
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		sep = vm.checkText(l, 2)
	}
	i, j := vm.optInt(l, 3, 1), vm.optInt(l, 4, t.Len())
	var b []byte
	for k := i; k <= j; k++ {
		switch v := item(t, k).(type) {
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
