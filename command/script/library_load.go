package script

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// libraries is what a VM for functions has besides one for scripts. The code of
// libraries runs in an environment of its own: an empty table, behind which
// stands, while a library is loaded, the little that Redis allows then, and
// afterwards everything.
type libraries struct {
	env       *lua.LTable
	load, run *lua.LTable // metatables of env
	loading   bool
	functions []*Function // of the library that is being loaded
}

// NewFunctionVM returns a VM that runs functions of libraries.
func NewFunctionVM() *VM {
	vm := NewVM()
	l := vm.l
	x := &libraries{env: l.NewTable(), load: l.NewTable(), run: l.NewTable()}
	vm.chunk, vm.lib = functionChunk, x
	missing := l.NewTable()
	missing.RawSetString("__index", l.NewFunction(vm.missingInLoad))
	api, few := l.NewTable(), l.NewTable()
	for name, v := range vm.redisLibrary() {
		if name == "log" || strings.HasPrefix(name, "LOG_") || strings.HasPrefix(name, "REDIS_") {
			api.RawSetString(name, v)
			few.RawSetString(hiddenPrefix+"redis."+name, v)
		}
	}
	api.RawSetString("register_function", l.NewFunction(vm.registerFunction))
	api.Metatable, few.Metatable = missing, missing
	few.RawSetString("redis", vm.lock(api))
	for _, name := range []string{hiddenConcat, hiddenMod, hiddenPow, hiddenNumber, hiddenLength} {
		few.RawSetString(name, vm.env.RawGetString(name))
	}
	for mt, behind := range map[*lua.LTable]*lua.LTable{x.load: few, x.run: vm.env} {
		mt.RawSetString("__index", behind)
		mt.RawSetString("__newindex", l.NewFunction(vm.refuseWrite))
	}
	return vm
}

// Load runs the code of a library, which registers its functions. Errors are
// replies without their code.
func (vm *VM) Load(lib *Library, host Host) ([]*Function, error) {
	x := vm.lib
	x.loading, x.functions, x.env.Metatable = true, nil, x.load
	defer func() { x.loading, x.functions, x.env.Metatable = false, nil, x.run }()
	fn := vm.l.NewFunctionFromProto(lib.proto)
	fn.Env = x.env
	vm.begin(host, true)
	if _, err := vm.call(fn); err != nil {
		return nil, errors.New("Error registering functions: " + vm.errorText(err))
	}
	if len(x.functions) == 0 {
		return nil, errors.New("No functions registered")
	}
	for _, f := range x.functions {
		f.bound(lib.bounds)
	}
	return x.functions, nil
}

// missingInLoad raises the error about a global that is not there yet.
func (vm *VM) missingInLoad(l *lua.LState) int {
	name := l.ToString(2)
	if rest, ok := strings.CutPrefix(name, hiddenPrefix); ok { // put in by the rewriter for lib.field
		lib, field, _ := strings.Cut(rest, ".")
		if name = lib; lib == "redis" {
			name = field
		}
	}
	raise(l, "Script attempted to access nonexistent global variable '%s'", name)
	return 0
}

// registerFunction is redis.register_function.
func (vm *VM) registerFunction(l *lua.LState) int {
	f := &Function{}
	why := "redis.register_function can only be called on FUNCTION LOAD command"
	if vm.lib.loading {
		if t, ok := l.Get(1).(*lua.LTable); ok && l.GetTop() == 1 {
			why = f.named(t)
		} else {
			why = f.positional(l)
		}
	}
	if why == "" {
		why = vm.lib.add(f)
	}
	if why != "" {
		vm.raiseTable(l, "ERR "+why)
	}
	return 0
}

func (x *libraries) add(f *Function) (why string) {
	if !goodName(f.Name) {
		return badName
	}
	for _, other := range x.functions {
		if other.Name == f.Name {
			return "Function already exists in the library"
		}
	}
	x.functions = append(x.functions, f)
	return ""
}

// stringOf takes what Lua takes for a string.
func stringOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return numberText(v), true
	}
	return "", false
}

// positional reads register_function(name, callback).
func (f *Function) positional(l *lua.LState) (why string) {
	ok := false
	switch n := l.GetTop(); {
	case n < 1 || n > 2:
		return "wrong number of arguments to redis.register_function"
	case n == 1:
		return "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments)."
	}
	if f.Name, ok = stringOf(l.Get(1)); !ok {
		return "first argument to redis.register_function must be a string"
	}
	if f.fn, ok = l.Get(2).(*lua.LFunction); !ok {
		return "second argument to redis.register_function must be a function"
	}
	return ""
}

// named reads register_function{function_name=..., callback=..., ...}.
func (f *Function) named(t *lua.LTable) (why string) {
	given := false
	t.ForEach(func(k, v lua.LValue) {
		if why != "" {
			return
		}
		ok := false
		key, isString := stringOf(k)
		switch {
		case !isString:
			why = "named argument key given to redis.register_function is not a string"
		case strings.EqualFold(key, "function_name"):
			if f.Name, given = stringOf(v); !given {
				why = "function_name argument given to redis.register_function must be a string"
			}
		case strings.EqualFold(key, "description"):
			if f.Description, ok = stringOf(v); !ok {
				why = "description argument given to redis.register_function must be a string"
			}
		case strings.EqualFold(key, "callback"):
			if f.fn, ok = v.(*lua.LFunction); !ok {
				why = "callback argument given to redis.register_function must be a function"
			}
		case strings.EqualFold(key, "flags"):
			why = f.readFlags(v)
		default:
			why = "unknown argument given to redis.register_function"
		}
	})
	switch {
	case why != "":
		return why
	case !given:
		return "redis.register_function must get a function name argument"
	case f.fn == nil:
		return "redis.register_function must get a callback argument"
	}
	return ""
}

func (f *Function) readFlags(v lua.LValue) (why string) {
	t, ok := v.(*lua.LTable)
	if !ok {
		return "flags argument to redis.register_function must be a table representing function flags"
	}
	for i := 1; t.RawGetInt(i) != lua.LNil; i++ {
		name, _ := stringOf(t.RawGetInt(i))
		flag, known := flagNames[strings.ToLower(name)] // of scripts, case counts
		if !known {
			return "unknown flag given"
		}
		f.Flags |= flag
	}
	return ""
}
