package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// maxNested is how many calls of Lua from Go may stand in each other, as in Lua, those of
// coroutines that resumed each other together. The metamethods that gopher-lua calls by
// itself are not counted.
const maxNested = 200

// nest calls the function on the stack with its nargs arguments and leaves nret results
// there.
func (vm *VM) nest(l *lua.LState, nargs, nret int) {
	if vm.tooDeep() {
		l.Error(lua.LString("C stack overflow"), 0)
	}
	vm.nested++ // an error leaves it so: who catches it puts it back
	l.Call(nargs, nret)
	vm.nested--
}

// tooDeep reports whether no more calls may stand in each other. A handler of errors gets
// some more, since the error may be this one.
func (vm *VM) tooDeep() bool {
	most := maxNested
	if vm.handling > 0 {
		most += maxNested / 8
	}
	return vm.nested+1 >= most
}

// protected does the same, with all results, and returns an error, as PCall does.
func (vm *VM) protected(l *lua.LState, nargs int) error {
	nested, resumed := vm.nested, len(vm.resumed)
	state := vm.enter(l)
	state.Push(vm.guard)
	l.XMoveTo(state, nargs+1)
	err := state.PCall(nargs+1, lua.MultRet, nil)
	vm.leave()
	vm.nested, vm.resumed = nested, vm.resumed[:resumed]
	if err == nil {
		state.XMoveTo(l, state.GetTop())
	}
	return err
}

// onGuard stands between PCall and the function that it calls. PCall alone would write a
// traceback of the whole stack for each error, at a cost that is quadratic in its depth,
// and nobody reads it.
func (vm *VM) onGuard(l *lua.LState) int {
	defer func() {
		if cause := recover(); cause != nil {
			panic(vm.untraced(l, cause))
		}
	}()
	vm.nest(l, l.GetTop()-1, lua.MultRet)
	return l.GetTop()
}

// untraced returns what was raised with something in place of a traceback.
func (vm *VM) untraced(l *lua.LState, cause any) *lua.ApiError {
	err, ok := cause.(*lua.ApiError)
	switch {
	case cause == fullStack:
		err = &lua.ApiError{Type: lua.ApiErrorRun, Object: lua.LString(vm.position(l, 0) + "stack overflow")}
	case !ok:
		err = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(cause))}
	}
	if text, isText := err.Object.(lua.LString); isText {
		err.Object = lua.LString(named(l, 0, string(text)))
	}
	err.StackTrace = "none"
	return err
}

// fullStack is what gopher-lua panics with when calls stand too deep in each other.
const fullStack = "lua callstack overflow"
