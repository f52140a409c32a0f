package script

import (
	lua "github.com/yuin/gopher-lua"
)

const readOnly = "Attempt to modify a readonly table"

// libraryNames are the globals that are tables of functions; libraryFields
// their fields, "redis.call". They are the same in every VM.
var (
	libraryNames  = map[string]bool{}
	libraryFields = map[string]bool{}
)

func init() {
	vm := &VM{locked: map[*lua.LTable]*lua.LTable{}}
	vm.l = lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: 16, RegistrySize: 256})
	for name, lib := range vm.libraries() {
		libraryNames[name] = true
		for field := range lib {
			libraryFields[name+"."+field] = true
		}
	}
	vm.l.Close()
}

// openLibraries fills a fresh state. The global environment of functions (env)
// can be read by their code but not be written: the rewriter sees to it, and
// _G is only a view of it.
func (vm *VM) openLibraries() {
	l := vm.l
	libs := vm.libraries()
	vm.env = l.NewTable()
	vm.seen = l.NewTable()
	for name, v := range vm.baseLibrary() {
		vm.define(name, v)
	}
	for name, lib := range libs {
		real := l.NewTable()
		for field, v := range lib {
			real.RawSetString(field, v)
			vm.env.RawSetString(hiddenPrefix+name+"."+field, v)
		}
		vm.define(name, vm.lock(real))
		if name == "string" {
			mt := l.NewTable()
			mt.RawSetString("__index", real)
			for event, f := range vm.arithmetic() {
				mt.RawSetString(event, f)
			}
			l.SetMetatable(lua.LString(""), mt)
			vm.locked[mt] = mt
		}
	}
	vm.env.RawSetString(hiddenConcat, l.NewFunction(vm.concat))
	vm.env.RawSetString(hiddenMod, l.NewFunction(vm.operator("__mod", mod)))
	vm.env.RawSetString(hiddenPow, l.NewFunction(vm.operator("__pow", power)))
	vm.env.RawSetString(hiddenNumber, l.NewFunction(number))
	vm.env.RawSetString(hiddenLength, l.NewFunction(length))
	missing := l.NewTable()
	missing.RawSetString("__index", l.NewFunction(vm.missingGlobal))
	missing.RawSetString("__newindex", l.NewFunction(vm.refuseWrite))
	vm.env.Metatable = missing
	globals := vm.lock(vm.seen)
	mt := l.NewTable()
	mt.RawSetString("__index", l.NewFunction(vm.viewGlobal))
	mt.RawSetString("__newindex", l.NewFunction(vm.refuseWrite))
	globals.Metatable = mt
	vm.define("_G", globals)
	l.G.Global = vm.env
	l.Env = vm.env
}

// define gives a global that scripts may see a value.
func (vm *VM) define(name string, v lua.LValue) {
	vm.env.RawSetString(name, v)
	vm.seen.RawSetString(name, v)
}

// lock returns an empty table through which real can be read only.
func (vm *VM) lock(real *lua.LTable) *lua.LTable {
	proxy := vm.lockOnce(real)
	vm.locked[proxy] = real
	return proxy
}

// writable raises an error if a function is about to write to a locked table.
func (vm *VM) writable(l *lua.LState, t *lua.LTable) {
	if vm.locked[t] != nil {
		l.Error(lua.LString(readOnly), 0)
	}
}

// behind returns the table to read when a script asks for t's own fields.
func (vm *VM) behind(t *lua.LTable) *lua.LTable {
	if real := vm.locked[t]; real != nil {
		return real
	}
	return t
}

func (vm *VM) refuseWrite(l *lua.LState) int {
	raise(l, readOnly)
	return 0
}

func (vm *VM) missingGlobal(l *lua.LState) int {
	raise(l, "Script attempted to access nonexistent global variable '%s'", l.ToString(2))
	return 0
}

// viewGlobal is _G[name].
func (vm *VM) viewGlobal(l *lua.LState) int {
	name, ok := l.Get(2).(lua.LString)
	if ok && (len(name) == 0 || name[0] != 0) {
		if v := vm.env.RawGetString(string(name)); v != lua.LNil {
			l.Push(v)
			return 1
		}
	}
	return vm.missingGlobal(l)
}

func (vm *VM) functions(fns map[string]lua.LGFunction) map[string]lua.LValue {
	out := make(map[string]lua.LValue, len(fns))
	for name, f := range fns {
		out[name] = vm.l.NewFunction(f)
	}
	return out
}

func (vm *VM) libraries() map[string]map[string]lua.LValue {
	return map[string]map[string]lua.LValue{
		"redis": vm.redisLibrary(), "string": vm.stringLibrary(), "table": vm.tableLibrary(),
		"math": vm.mathLibrary(), "coroutine": vm.coroutineLibrary(),
		"bit": vm.bitLibrary(), "cjson": vm.jsonLibrary(), "cmsgpack": vm.msgpackLibrary(), "struct": vm.structLibrary(),
	}
}

// stock takes functions of one of gopher-lua's libraries.
func (vm *VM) stock(open lua.LGFunction, name string, fields ...string) map[string]lua.LValue {
	l := vm.l
	l.Push(l.NewFunction(open))
	l.Push(lua.LString(name))
	l.Call(1, 1)
	var lib *lua.LTable
	if name == lua.BaseLibName {
		lib = l.G.Global
	} else {
		lib = l.Get(-1).(*lua.LTable)
	}
	out := make(map[string]lua.LValue)
	for _, f := range fields {
		out[f] = lib.RawGetString(f)
	}
	l.SetTop(0)
	return out
}
