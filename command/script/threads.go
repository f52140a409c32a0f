package script

import lua "github.com/yuin/gopher-lua"

// Limits of the states beside a VM's first one: a coroutine, and what pcall runs its
// function on. At most maxNested of them, and an eighth more, stand in each other. Go ends
// the process of a goroutine whose stack is larger than 1 GiB: all their calls must fit.
const (
	coCalls     = 2000
	coRegisters = 1 << 16
	deepPcalls  = 4 // so many pcalls in each other may go as deep as the script itself
)

// newThread calls create, which makes a state by l's options and leaves it on the stack,
// with options of its own.
func (vm *VM) newThread(l *lua.LState, calls, registers int, create lua.LGFunction) int {
	options := l.Options
	l.Options.CallStackSize, l.Options.RegistryMaxSize = calls, registers
	l.Options.RegistrySize, l.Options.RegistryGrowStep = 128, 4096
	l.RemoveContext() // with one, each state would come with a goroutine
	n := create(l)
	l.Options = options
	vm.watch(l)
	vm.watch(l.Get(-1).(*lua.LState))
	return n
}

// watch makes code on a state look whether the run was killed, if it may take long.
func (vm *VM) watch(l *lua.LState) {
	if vm.killable {
		l.SetContext(&vm.killed)
	} else {
		l.RemoveContext()
	}
}

// guarded is a state that pcall runs a function on, and the one that pcall was called on.
type guarded struct{ state, below *lua.LState }

// enter returns a state for a function that l protects.
//
// gopher-lua would let the function fail on l itself, but parts all functions on it from
// the locals they share with the functions around them whenever an error is raised.
func (vm *VM) enter(l *lua.LState) *lua.LState {
	depth := len(vm.guards)
	if depth == len(vm.spare) {
		calls, registers := maxCalls, maxRegisters
		if depth >= deepPcalls {
			calls, registers = coCalls, coRegisters
		}
		vm.newThread(l, calls, registers, func(l *lua.LState) int {
			state, _ := l.NewThread()
			l.Push(state)
			return 1
		})
		vm.spare = append(vm.spare, l.Get(-1).(*lua.LState))
		l.Pop(1)
	}
	state := vm.spare[depth]
	vm.watch(state)
	vm.guards = append(vm.guards, guarded{state, l})
	return state
}

// leave puts the state back that enter returned.
func (vm *VM) leave() {
	vm.guards = vm.guards[:len(vm.guards)-1]
}

// below returns the state that a state of pcall was entered from.
func (vm *VM) below(l *lua.LState) *lua.LState {
	for _, g := range vm.guards {
		if g.state == l {
			return g.below
		}
	}
	return nil
}
