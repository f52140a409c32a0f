package script

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// maxNested is how many calls of Lua from Go may stand in each other, as in Lua. The
// metamethods that gopher-lua calls by itself are not counted.
const maxNested = 200

// nest calls the function on the stack with its nargs arguments and leaves nret results
// there.
func (vm *VM) nest(l *lua.LState, nargs, nret int) {
	depth := vm.depth(l)
	if *depth+1 >= maxNested {
		l.Error(lua.LString("C stack overflow"), 0)
	}
	*depth++ // an error leaves it so: who catches it puts it back
	l.Call(nargs, nret)
	*depth--
}

// depth counts the calls that stand in each other. A coroutine has a count of its own, as
// in Lua: an error ends it, and nobody could put back what it has left.
func (vm *VM) depth(l *lua.LState) *int {
	if l == vm.l {
		return &vm.nested
	}
	if vm.nestedIn[l] == nil {
		if vm.nestedIn == nil { // never emptied: a VM that made coroutines is thrown away
			vm.nestedIn = map[*lua.LState]*int{}
		}
		vm.nestedIn[l] = new(int)
	}
	return vm.nestedIn[l]
}

// protected does the same, with all results, and returns an error, as PCall does. PCall
// alone would write a traceback of the whole stack for each error, at a cost that
// is quadratic in its depth, and nobody reads it.
func (vm *VM) protected(l *lua.LState, nargs int) error {
	depth := vm.depth(l)
	was := *depth
	l.Insert(vm.guard, l.GetTop()-nargs)
	err := l.PCall(nargs+1, lua.MultRet, nil)
	*depth = was
	return err
}

// onGuard stands between PCall and the function that it calls.
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
	err.StackTrace = "none"
	return err
}

// fullStack is what gopher-lua panics with when calls stand too deep in each other.
const fullStack = "lua callstack overflow"
