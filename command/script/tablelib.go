package script

import (
	"reflect"
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

// lengthOf is the number of a table's elements, behind which there is none. What gopher-lua
// hashes it does not count: the end of that is looked for as Lua does.
func lengthOf(t *lua.LTable) int {
	n := t.Len()
	if n < maxArray-1 {
		return n
	}
	end := n + 1
	for item(t, end) != lua.LNil {
		n, end = end, 2*end
	}
	for end-n > 1 {
		if middle := (n + end) / 2; item(t, middle) != lua.LNil {
			n = middle
		} else {
			end = middle
		}
	}
	return n
}

// hasHad reports whether a table has a key, nil among them, or had it: next goes on behind
// those that were removed on the way. gopher-lua would begin anew behind one that was never
// there.
func hasHad(t *lua.LTable, k lua.LValue) bool {
	if k == lua.LNil || t.RawGet(k) != lua.LNil {
		return true
	}
	inside := reflect.ValueOf(t).Elem()
	if n, ok := k.(lua.LNumber); ok && n >= 1 && n < maxArray && lua.LNumber(int(n)) == n {
		return int(n) <= inside.FieldByName("array").Len()
	}
	places := inside.FieldByName("k2i")
	return places.Kind() != reflect.Map || places.MapIndex(reflect.ValueOf(&k).Elem()).IsValid()
}

// reach accounts for the places up to k that gopher-lua makes in a table when k is set.
func (vm *VM) reach(l *lua.LState, t *lua.LTable, k lua.LValue) {
	if n, ok := k.(lua.LNumber); ok && n < maxArray {
		if places := int(n) - t.Len(); places > nearby {
			vm.account(l, places*perPlace)
		}
	}
}

// nearby is how many places a text may make in a table without showing it, of perPlace
// bytes each.
const nearby, perPlace = 1024, 16

// newTable makes a table for what a text says, which may have many. It begins small: the
// tables of NewTable take 3 KB.
func (vm *VM) newTable(l *lua.LState, elements, fields int) *lua.LTable {
	vm.account(l, tableSize)
	return l.CreateTable(elements, fields)
}

// tableSize is about what a small table takes, in bytes.
const tableSize = 768

// item is t[i]: what gopher-lua keeps in its array has a short way there.
func item(t *lua.LTable, i int) lua.LValue {
	if 0 < i && i < maxArray {
		return t.RawGetInt(i)
	}
	return t.RawGet(lua.LNumber(i))
}

// tableLength is table.getn.
func (vm *VM) tableLength(l *lua.LState) int {
	l.Push(lua.LNumber(lengthOf(vm.checkTable(l, 1))))
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
	end := lengthOf(t) + 1
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
	vm.reach(l, t, lua.LNumber(at))
	t.RawSetInt(at, v)
	return 0
}

func (vm *VM) tableRemove(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	end := lengthOf(t)
	at := vm.optInt(l, 2, end)
	if at < 1 || at > end {
		return 0
	}
	vm.writable(l, t)
	if end < maxArray {
		l.Push(t.Remove(at))
		return 1
	}
	l.Push(item(t, at))
	for ; at < end; at++ {
		t.RawSetInt(at, item(t, at+1))
	}
	t.RawSetInt(end, lua.LNil)
	return 1
}

func (vm *VM) tableConcat(l *lua.LState) int {
	t, sep := vm.checkTable(l, 1), ""
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		sep = vm.checkText(l, 2)
	}
	i, j := vm.optInt(l, 3, 1), vm.optInt(l, 4, lengthOf(t))
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
	for i := 1; i <= lengthOf(t); i++ {
		if vm.each(l, f, lua.LNumber(i), item(t, i)) {
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
