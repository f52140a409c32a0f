package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// This file is Lua's raising and catching of errors: assert, error, pcall and xpcall.

// assert raises its second argument if the first is nothing.
func (vm *VM) assert(l *lua.LState) int {
	if lua.LVIsFalse(l.CheckAny(1)) {
		text := "assertion failed!"
		if l.Get(2) != lua.LNil {
			text = vm.checkText(l, 2)
		}
		raise(l, "%s", text)
	}
	return l.GetTop()
}

// raiseValue is error.
func (vm *VM) raiseValue(l *lua.LState) int {
	v := l.Get(1)
	level := vm.optInt(l, 2, 1)
	if lua.LVCanConvToString(v) && level > 0 {
		v = lua.LString(vm.position(l, level) + vm.textOf(l, v))
	}
	l.Error(v, 0)
	return 0
}

// position is "user_script:1: ", where the function at level is; nothing for
// one that is not Lua.
func (vm *VM) position(l *lua.LState, level int) string {
	dbg, ok := l.GetStack(level)
	for below := vm.below(l); below != nil && (!ok || vm.isGuard(l, dbg)); below = vm.below(l) {
		if level > maxNested { // nobody means a function that far away
			return ""
		}
		level -= vm.callsOn(l, level)
		l = below
		dbg, ok = l.GetStack(level)
	}
	if !ok {
		return ""
	}
	return lineAt(l, dbg)
}

// lineAt is the position of a call, nothing if it is not Lua's.
func lineAt(l *lua.LState, dbg *lua.Debug) string {
	if _, err := l.GetInfo("Sl", dbg, lua.LNil); err != nil || dbg.What == "Go" || dbg.CurrentLine <= 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", dbg.Source, dbg.CurrentLine)
}

// callsOn returns how many calls stand on a state of pcall, of the script's own functions,
// not more than most.
func (vm *VM) callsOn(l *lua.LState, most int) int {
	for i := range most {
		if dbg, ok := l.GetStack(i); !ok || vm.isGuard(l, dbg) {
			return i
		}
	}
	return most
}

func (vm *VM) isGuard(l *lua.LState, dbg *lua.Debug) bool {
	fn, _ := l.GetInfo("f", dbg, lua.LNil)
	return fn == vm.guard
}

// pcall gives an error of redis.call as its text, as redis does.
func (vm *VM) pcall(l *lua.LState) int {
	if l.GetTop() == 0 { // redis says so of the true that it pushes first
		l.Push(lua.LTrue)
	}
	if fn := l.Get(1); fn.Type() != lua.LTFunction && l.GetMetaField(fn, "__call") == lua.LNil {
		l.SetTop(0)
		l.Push(lua.LFalse)
		l.Push(lua.LString("attempt to call a " + fn.Type().String() + " value"))
		return 2
	}
	if err := vm.protected(l, l.GetTop()-1); err != nil {
		vm.stillAlive(l)
		v := errorValue(err)
		l.SetTop(0)
		l.Push(lua.LFalse)
		t, ok := v.(*lua.LTable)
		if !ok {
			l.Push(v)
			return 2
		}
		text := l.GetField(t, "err")
		if lua.LVCanConvToString(text) {
			l.Push(text)
			return 2
		}
		l.Push(v) // redis leaves what it found there, too
		l.Push(text)
		return 3
	}
	l.Insert(lua.LTrue, 1)
	return l.GetTop()
}

func (vm *VM) xpcall(l *lua.LState) int {
	handler := l.CheckAny(2)
	fn := l.Get(1)
	l.SetTop(2)
	l.Push(fn)
	if err := vm.protected(l, 0); err != nil {
		vm.stillAlive(l)
		l.SetTop(0)
		l.Push(lua.LFalse)
		l.Push(vm.handled(l, handler, err))
		return 2
	}
	l.Remove(1)
	l.Remove(1)
	l.Insert(lua.LTrue, 1)
	return l.GetTop()
}

// handled is what a handler makes of an error. One that fails is given what it failed
// with, until there is no more room, as in Lua.
func (vm *VM) handled(l *lua.LState, handler lua.LValue, err error) lua.LValue {
	nested := vm.nested
	vm.nested += 2 // what failed and the handler
	vm.handling++
	defer func() { vm.nested, vm.handling = nested, vm.handling-1 }()
	for !vm.tooDeep() {
		l.SetTop(1)
		l.Push(handler)
		l.Push(errorValue(err))
		if err = vm.protected(l, 1); err == nil {
			v := l.Get(2)
			l.SetTop(1)
			return v
		}
		vm.stillAlive(l)
		vm.nested++
	}
	l.SetTop(1)
	return lua.LString("error in error handling")
}

// stillAlive keeps a script from catching its own death.
func (vm *VM) stillAlive(l *lua.LState) {
	if err := vm.killed.Err(); err != nil {
		l.Error(lua.LString(err.Error()), 0)
	}
}

func errorValue(err error) lua.LValue {
	ae, ok := err.(*lua.ApiError)
	if !ok {
		return lua.LString(luaText(firstLine(err.Error())))
	}
	switch v := ae.Object.(type) {
	case lua.LString:
		return lua.LString(luaText(string(v)))
	case nil:
		return lua.LString(luaText(firstLine(err.Error())))
	default:
		return v
	}
}
