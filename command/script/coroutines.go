package script

import (
	"runtime"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// coroutineLibrary is written here but for the switching itself: gopher-lua lets a
// coroutine resume one that waits for it, without end, and lets one yield from inside a
// metamethod, whose caller goes on with whatever is there.
func (vm *VM) coroutineLibrary() map[string]lua.LValue {
	stock := vm.stock(lua.OpenCoroutine, lua.CoroutineLibName, "create", "resume")
	vm.makeCo = stock["create"].(*lua.LFunction).GFunction
	vm.switchCo = stock["resume"].(*lua.LFunction).GFunction
	return vm.functions(map[string]lua.LGFunction{
		"create": vm.coCreate, "resume": vm.coResume, "wrap": vm.coWrap,
		"running": vm.coRunning, "status": vm.coStatus, "yield": vm.coYield,
	})
}

func (vm *VM) coCreate(l *lua.LState) int {
	if fn, ok := l.Get(1).(*lua.LFunction); !ok || fn.IsG {
		l.ArgError(1, "Lua function expected")
	}
	if vm.threads++; vm.threads > maxThreads {
		raise(l, "too many coroutines")
	}
	return vm.newThread(l, coCalls, coRegisters, vm.makeCo)
}

func (vm *VM) coResume(l *lua.LState) int {
	co := checkCoroutine(l)
	l.Remove(1)
	return vm.resume(l, co)
}

// coWrap returns a function that resumes a coroutine, and raises what the coroutine fails
// with.
func (vm *VM) coWrap(l *lua.LState) int {
	vm.coCreate(l)
	co := l.Get(-1).(*lua.LState)
	l.Push(l.NewFunction(func(l *lua.LState) int {
		n := vm.resume(l, co)
		if l.Get(-n) == lua.LTrue {
			return n - 1
		}
		err := l.Get(-1)
		if lua.LVCanConvToString(err) {
			err = lua.LString(vm.position(l, 1) + vm.textOf(l, err))
		}
		l.Error(err, 0)
		return 0
	}))
	return 1
}

// resume gives what is on the stack to a coroutine and leaves there whether it went well,
// and what the coroutine returns, yields or fails with.
func (vm *VM) resume(l, co *lua.LState) int {
	refusal := ""
	if status := vm.statusOf(co); status != "suspended" {
		refusal = "cannot resume " + status + " coroutine"
	} else if vm.tooDeep() {
		refusal = "C stack overflow"
	}
	if refusal != "" {
		l.Push(lua.LFalse)
		l.Push(lua.LString(refusal))
		return 2
	}
	l.Insert(co, 1)
	depth := len(vm.resumed)
	vm.resumed = append(vm.resumed, co)
	vm.nested++
	n := vm.switchCo(l)
	vm.nested--
	vm.resumed = vm.resumed[:depth]
	vm.stillAlive(l)
	if text, ok := l.Get(-1).(lua.LString); ok && n == 2 && l.Get(-2) == lua.LFalse {
		l.Pop(1)
		l.Push(lua.LString(luaText(string(text))))
	}
	return n
}

func (vm *VM) coRunning(l *lua.LState) int {
	if n := len(vm.resumed); n > 0 {
		l.Push(vm.resumed[n-1])
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

func (vm *VM) coStatus(l *lua.LState) int {
	l.Push(lua.LString(vm.statusOf(checkCoroutine(l))))
	return 1
}

func (vm *VM) statusOf(co *lua.LState) string {
	if co.Dead {
		return "dead"
	}
	for i, r := range vm.resumed {
		if r == co && i == len(vm.resumed)-1 {
			return "running"
		} else if r == co {
			return "normal"
		}
	}
	return "suspended"
}

func (vm *VM) coYield(l *lua.LState) int {
	if !mayYield() {
		l.Error(lua.LString("attempt to yield across metamethod/C-call boundary"), 0)
	}
	return -1 // what gopher-lua switches at
}

// mayYield reports whether nothing but Lua stands between this and the switch to the
// coroutine. gopher-lua calls metamethods by itself: only Go's own stack knows of that.
func mayYield() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasSuffix(frame.Function, ".threadRun"):
			return true
		case !more || strings.HasSuffix(frame.Function, ".callR"):
			return false
		}
	}
}

func checkCoroutine(l *lua.LState) *lua.LState {
	co, ok := l.Get(1).(*lua.LState)
	if !ok {
		l.ArgError(1, "coroutine expected")
	}
	return co
}
