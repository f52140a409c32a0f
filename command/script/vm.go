package script

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Limits of a VM.
const (
	maxCalls     = 16000   // Lua calls in each other
	maxRegisters = 1 << 20 // values on the stack
	maxString    = 512 << 20
	maxArray     = 1 << 18 // elements from here on are hashed, see lengthOf
	keepProtos   = 256     // compiled functions a VM keeps
	maxReplyNest = 1000
	maxUnpack    = 7999
	maxThreads   = 1000
	maxSpend     = 128 << 20 // bytes of strings after which memory is looked at
)

// The names of the two kinds of code in errors.
const (
	scriptChunk   = "user_script"
	functionChunk = "user_function"
)

func init() { lua.MaxArrayIndex = maxArray }

// Host is what a script can reach outside of Lua.
type Host interface {
	// Call runs one command and appends its reply, in the protocol version
	// proto, to dst. args are valid during the call. An error reply that the
	// command did not write itself is just appended as well.
	Call(dst []byte, args [][]byte, proto int) []byte
	// Crowded reports whether the script takes too much memory. It is asked
	// now and then.
	Crowded() bool
	// Random returns a number to begin a run's random numbers with.
	Random() uint64
	// Log writes to the server's log; level is 0 (debug) to 3 (warning).
	Log(level int, text string)
	// MayRun says whether the user may run a command: redis.acl_check_cmd.
	// known is false for a command that does not exist.
	MayRun(args [][]byte) (allowed, known bool)
}

// VM is a Lua state with the sandbox in it.
type VM struct {
	l      *lua.LState
	env    *lua.LTable                 // globals
	seen   *lua.LTable                 // those that a script may see; behind _G
	locked map[*lua.LTable]*lua.LTable // a proxy and the table behind it
	protos map[*lua.FunctionProto]*lua.LFunction
	fail   *lua.LFunction // the error handler
	guard  *lua.LFunction // see protected

	host      Host
	chunk     string // scriptChunk or functionChunk
	proto     int    // of redis.call's replies
	killed    killSwitch
	random    rand48
	json      jsonOptions
	line      int           // where the last error was raised
	dead      bool          // not to be used again
	killable  bool          // the run looks whether it was killed
	freeSteps int           // see goOn and matcher
	freeBytes int           // see spend
	threads   int           // coroutines made
	nested    int           // calls of Lua from Go that stand in each other
	handling  int           // handlers of xpcall among them
	spent     int           // bytes of strings made since Crowded was last asked
	resumed   []*lua.LState // coroutines, each resumed by the one before
	guards    []guarded     // of pcalls, each inside the one before
	spare     []*lua.LState // for guards, by their place
	makeCo    lua.LGFunction
	switchCo  lua.LGFunction
	null      *lua.LUserData
	none      *lua.LTable // KEYS and ARGV of no run
	args      [][]byte
	argbuf    []byte
	lib       *libraries // nil: it runs scripts
	scratch   []byte
}

// Result is what a run ends with: the value it returned, or an error reply.
type Result struct {
	value lua.LValue
	err   string
	vm    *VM
}

// NewVM returns a VM with all libraries.
func NewVM() *VM {
	vm := &VM{chunk: scriptChunk, locked: map[*lua.LTable]*lua.LTable{}, protos: map[*lua.FunctionProto]*lua.LFunction{}}
	vm.l = lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxCalls, MinimizeStackMemory: true,
		RegistrySize: 1024, RegistryMaxSize: maxRegisters, RegistryGrowStep: 4096,
	})
	vm.killed.done = make(chan struct{})
	vm.openLibraries()
	vm.fail = vm.l.NewFunction(vm.onError)
	vm.guard = vm.l.NewFunction(vm.onGuard)
	vm.none = vm.l.NewTable()
	return vm
}

// Usable reports whether the VM may run another script.
func (vm *VM) Usable() bool { return !vm.dead && vm.killed.why.Load() == nil }

// Kill stops the run that is going on, from any goroutine. cause becomes part
// of the error. The VM is of no use afterwards.
func (vm *VM) Kill(cause string) {
	if vm.killed.why.CompareAndSwap(nil, &cause) {
		close(vm.killed.done)
	}
}

// Discard ends what a VM that is not used any more still has.
func (vm *VM) Discard() { vm.Kill("discarded") }

// spotBytes is how many bytes of strings a run may make that nobody can end.
var spotBytes = 4 << 30

// spend accounts for a string that is about to be made.
func (vm *VM) spend(l *lua.LState, size int) {
	if vm.freeBytes -= size; vm.freeBytes < 0 && !vm.killable {
		raise(l, "too many steps")
	}
	vm.account(l, size)
}

// account accounts for a string, a table or a reply.
func (vm *VM) account(l *lua.LState, size int) {
	if size > maxString {
		raise(l, "string length overflow")
	}
	if why := vm.killed.why.Load(); why != nil {
		raise(l, "%s", *why)
	}
	if vm.spent += size; vm.spent > maxSpend {
		vm.spent = 0
		if vm.host != nil && vm.host.Crowded() {
			raise(l, "not enough memory")
		}
	}
}

// goOn accounts for steps of a function that may take long, and raises an error
// if the run is to end. One that nobody can end has some steps free.
func (vm *VM) goOn(l *lua.LState, steps int) {
	if why := vm.killed.why.Load(); why != nil {
		raise(l, "%s", *why)
	}
	if vm.killable {
		return
	}
	if vm.freeSteps -= steps; vm.freeSteps < 0 {
		raise(l, "too many steps")
	}
}

// killSwitch is the context that gopher-lua looks at before each instruction.
type killSwitch struct {
	done chan struct{}
	why  atomic.Pointer[string]
}

func (k *killSwitch) Deadline() (time.Time, bool) { return time.Time{}, false }
func (k *killSwitch) Done() <-chan struct{}       { return k.done }
func (k *killSwitch) Value(any) any               { return nil }

func (k *killSwitch) Err() error {
	if why := k.why.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

var _ context.Context = (*killSwitch)(nil)

// Run runs a script. keys and args are copied. The result is valid until the
// next run.
func (vm *VM) Run(s *Script, host Host, keys, args [][]byte) Result {
	vm.begin(host, !s.Short(len(keys)+len(args)))
	vm.define("KEYS", vm.list(keys))
	vm.define("ARGV", vm.list(args))
	fn := vm.protos[s.proto]
	if fn == nil {
		if len(vm.protos) >= keepProtos {
			clear(vm.protos)
		}
		fn = vm.l.NewFunctionFromProto(s.proto)
		fn.Env = vm.env
		vm.protos[s.proto] = fn
	}
	v, err := vm.call(fn)
	vm.define("KEYS", vm.none) // lets go of them, and keeps their places
	vm.define("ARGV", vm.none)
	return vm.result(s.SHA, v, err)
}

// begin readies the VM for a run; loops says that it may have to be killed.
func (vm *VM) begin(host Host, loops bool) {
	vm.host, vm.proto, vm.line = host, 2, 0
	vm.threads, vm.spent, vm.nested, vm.handling = 0, 0, 1, 0
	vm.random.x = host.Random() >> 16
	vm.json = defaultJSON
	vm.killable, vm.freeSteps, vm.freeBytes = loops, freeSteps, spotBytes
	vm.watch(vm.l)
}

// call runs a function and ends the run.
func (vm *VM) call(fn *lua.LFunction, args ...lua.LValue) (v lua.LValue, err error) {
	vm.l.Push(fn)
	for _, a := range args {
		vm.l.Push(a)
	}
	err = vm.l.PCall(len(args), 1, vm.fail)
	vm.host = nil
	if vm.threads > 0 { // what failed in one inside of gopher-lua cannot be told from an error
		vm.dead = true
	}
	vm.guards, vm.resumed = vm.guards[:0], vm.resumed[:0]
	if len(vm.spare) > 1 {
		vm.spare = slices.Clone(vm.spare[:1])
	}
	if err == nil {
		v = vm.l.Get(-1)
	}
	vm.l.SetTop(0)
	return v, err
}

// result is what a run of a name ends with: an error names it and the line.
func (vm *VM) result(name string, v lua.LValue, err error) Result {
	if err == nil {
		return Result{value: v, vm: vm}
	}
	text := vm.errorText(err)
	if vm.line == 0 {
		vm.line = lineOf(text)
	}
	if vm.line == 0 {
		return Result{err: text + " script: " + name + ".", vm: vm}
	}
	return Result{err: fmt.Sprintf("%s script: %s, on @%s:%d.", text, name, vm.chunk, vm.line), vm: vm}
}

// list makes a table of strings.
func (vm *VM) list(items [][]byte) *lua.LTable {
	t := vm.l.CreateTable(len(items), 0)
	for i, b := range items {
		t.RawSetInt(i+1, lua.LString(b))
	}
	return t
}

// onError is the error handler: it notes the line while the stack stands, and
// makes a table of whatever was raised.
func (vm *VM) onError(l *lua.LState) int {
	vm.line = currentLine(l)
	v := l.Get(1)
	if _, ok := v.(*lua.LTable); !ok {
		text := "nil"
		if v != lua.LNil {
			text = named(l, 1, vm.textOf(l, v))
		}
		t := l.CreateTable(0, 1)
		t.RawSetString("err", lua.LString("ERR "+text))
		v = t
	}
	l.Push(v)
	return 1
}

// currentLine returns the line that the innermost Lua function is at.
func currentLine(l *lua.LState) int {
	for level := 1; level < 4; level++ {
		dbg, ok := l.GetStack(level)
		if !ok {
			return 0
		}
		if _, err := l.GetInfo("Sl", dbg, lua.LNil); err == nil && dbg.What != "Go" && dbg.CurrentLine > 0 {
			return dbg.CurrentLine
		}
	}
	return 0
}

// errorText turns what a run failed with into the beginning of a reply.
func (vm *VM) errorText(err error) string {
	if vm.killed.why.Load() != nil {
		vm.dead = true
		vm.line = max(vm.line, 1)
		return "ERR " + *vm.killed.why.Load()
	}
	text := ""
	var ae *lua.ApiError
	if !errors.As(err, &ae) {
		vm.dead = true
		return "ERR internal error"
	}
	switch v := ae.Object.(type) {
	case *lua.LTable:
		if e, ok := v.RawGetString("err").(lua.LString); ok {
			text = string(e)
		} else {
			text = "ERR unknown error"
		}
	case lua.LString:
		text = "ERR " + luaText(string(v))
	default: // a panic inside: the state may be broken
		vm.dead = true
		text = "ERR " + luaText(firstLine(err.Error()))
	}
	return text
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// lineOf reads the line out of "... user_script:12: ..." or of a function's.
func lineOf(text string) int {
	_, rest, found := strings.Cut(text, scriptChunk+":")
	if !found {
		_, rest, found = strings.Cut(text, functionChunk+":")
	}
	n := 0
	for i := 0; found && i < len(rest) && rest[i] >= '0' && rest[i] <= '9' && i < 9; i++ {
		n = n*10 + int(rest[i]-'0')
	}
	return n
}

// raise raises a string with the position of the Lua code that is running.
func raise(l *lua.LState, format string, args ...any) {
	at := ""
	for level := 1; at == ""; level++ {
		dbg, ok := l.GetStack(level)
		if !ok {
			break
		}
		at = lineAt(l, dbg)
	}
	l.Error(lua.LString(at+fmt.Sprintf(format, args...)), 0)
}

// raiseTable raises an error of redis.call: a table with the error as reply.
func (vm *VM) raiseTable(l *lua.LState, text string) {
	t := l.CreateTable(0, 3)
	t.RawSetString("err", lua.LString(text))
	t.RawSetString("source", lua.LString("@"+vm.chunk))
	if line := currentLine(l); line > 0 {
		t.RawSetString("line", lua.LNumber(line))
	}
	l.Error(t, 0)
}
