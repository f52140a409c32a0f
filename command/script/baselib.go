package script

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) baseLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenBase, lua.BaseLibName, "rawequal", "type")
	for name, f := range vm.functions(map[string]lua.LGFunction{
		"tostring": vm.tostring, "tonumber": vm.tonumber, "pcall": vm.pcall, "xpcall": vm.xpcall,
		"error": vm.raiseValue, "next": vm.next, "pairs": vm.pairs, "rawget": vm.rawget, "rawset": vm.rawset,
		"getmetatable": vm.getmetatable, "setmetatable": vm.setmetatable, "unpack": vm.unpack,
		"assert": vm.assert, "select": vm.choose,
		"loadstring": vm.loadstring, "load": vm.load, "collectgarbage": vm.collectgarbage, "gcinfo": vm.gcinfo,
	}) {
		lib[name] = f
	}
	aux := vm.l.NewFunction(vm.nextIndex)
	lib["ipairs"] = vm.l.NewFunction(func(l *lua.LState) int {
		t := vm.checkTable(l, 1)
		l.Push(aux)
		l.Push(t)
		l.Push(lua.LNumber(0))
		return 3
	})
	lib["_VERSION"] = lua.LString("Lua 5.1")
	return lib
}

// textOf is Lua's tostring.
func (vm *VM) textOf(l *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return numberText(v)
	case *lua.LUserData:
		if v == vm.null {
			return "userdata: (nil)"
		}
	case *lua.LFunction:
		if v.IsG {
			return fmt.Sprintf("function: builtin: %p", v)
		}
	case *lua.LTable:
		if f, ok := l.GetMetaField(v, "__tostring").(*lua.LFunction); ok {
			l.Push(f)
			l.Push(v)
			vm.nest(l, 1, 1)
			out := l.Get(-1)
			l.Pop(1)
			if s, ok := out.(lua.LString); ok {
				return string(s)
			}
			return lua.LVAsString(out)
		}
	}
	return v.String()
}

func (vm *VM) tostring(l *lua.LState) int {
	l.Push(lua.LString(vm.textOf(l, l.CheckAny(1))))
	return 1
}

func (vm *VM) tonumber(l *lua.LState) int {
	base := vm.optInt(l, 2, 10)
	if base == 10 {
		if n, ok := numeric(l.CheckAny(1)); ok {
			l.Push(lua.LNumber(n))
		} else {
			l.Push(lua.LNil)
		}
		return 1
	}
	text := vm.checkText(l, 1)
	if base < 2 || base > 36 {
		l.ArgError(2, "base out of range")
	}
	if n, ok := parseBase(text, base); ok {
		l.Push(n)
	} else {
		l.Push(lua.LNil)
	}
	return 1
}

// choose is select.
func (vm *VM) choose(l *lua.LState) int {
	top := l.GetTop()
	if s, ok := l.Get(1).(lua.LString); ok && strings.HasPrefix(string(s), "#") {
		l.Push(lua.LNumber(top - 1))
		return 1
	}
	n := vm.checkInt(l, 1)
	if n < 0 {
		n += top
	}
	if n < 1 {
		l.ArgError(1, "index out of range")
	}
	return max(top-n, 0)
}

func (vm *VM) next(l *lua.LState) int {
	t, after := vm.behind(vm.checkTable(l, 1)), l.Get(2)
	if !hasHad(t, after) {
		l.Error(lua.LString("invalid key to 'next'"), 0)
	}
	k, v := t.Next(after)
	if k == lua.LNil {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(k)
	l.Push(v)
	return 2
}

// nextIndex is what ipairs iterates with.
func (vm *VM) nextIndex(l *lua.LState) int {
	i := vm.checkInt(l, 2) + 1
	v := item(vm.checkTable(l, 1), i)
	if v == lua.LNil {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(lua.LNumber(i))
	l.Push(v)
	return 2
}

func (vm *VM) pairs(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	l.Push(vm.env.RawGetString("next"))
	l.Push(t)
	l.Push(lua.LNil)
	return 3
}

func (vm *VM) rawget(l *lua.LState) int {
	l.Push(l.RawGet(vm.behind(vm.checkTable(l, 1)), l.CheckAny(2)))
	return 1
}

func (vm *VM) rawset(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	vm.writable(l, t)
	k, v := l.CheckAny(2), l.CheckAny(3)
	vm.reach(l, t, k)
	l.RawSet(t, k, v)
	l.SetTop(1)
	return 1
}

func (vm *VM) getmetatable(l *lua.LState) int {
	mt := l.GetMetatable(l.CheckAny(1))
	t, ok := mt.(*lua.LTable)
	if !ok { // none, or what its __metatable says
		l.Push(mt)
		return 1
	}
	if v := t.RawGetString("__metatable"); v != lua.LNil {
		l.Push(v)
		return 1
	}
	shared := vm.locked[t] != nil
	if own, ok := l.Get(1).(*lua.LTable); ok {
		shared = shared || vm.locked[own] != nil
	}
	if shared { // a copy: nobody can change the real one
		c := l.NewTable()
		t.ForEach(func(k, v lua.LValue) {
			if _, isText := l.Get(1).(lua.LString); isText && k != lua.LString("__index") { // see arithmetic
				return
			}
			for proxy, real := range vm.locked {
				if v == real && proxy != real {
					v = proxy
				}
			}
			c.RawSet(k, v)
		})
		t = vm.lockOnce(c)
	}
	l.Push(t)
	return 1
}

// lockOnce is lock without a place in the list of locked tables, for tables
// that end with the run.
func (vm *VM) lockOnce(real *lua.LTable) *lua.LTable {
	proxy, mt := vm.l.NewTable(), vm.l.NewTable()
	mt.RawSetString("__index", real)
	mt.RawSetString("__newindex", vm.l.NewFunction(vm.refuseWrite))
	proxy.Metatable = mt
	return proxy
}

func (vm *VM) setmetatable(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	vm.writable(l, t)
	mt := l.Get(2)
	if mt != lua.LNil && mt.Type() != lua.LTTable || l.GetTop() < 2 {
		l.ArgError(2, "nil or table expected")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		raise(l, "cannot change a protected metatable")
	}
	t.Metatable = mt
	l.SetTop(1)
	return 1
}

func (vm *VM) unpack(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	i, j := vm.optInt(l, 2, 1), 0
	if l.Get(3) == lua.LNil {
		j = lengthOf(t)
	} else {
		j = vm.checkInt(l, 3)
	}
	if i > j {
		return 0
	}
	n := j - i + 1
	if n <= 0 || n > maxUnpack {
		raise(l, "too many results to unpack")
	}
	for k := i; k <= j; k++ {
		l.Push(item(t, k))
	}
	return n
}

func (vm *VM) loadstring(l *lua.LState) int {
	return vm.loadText(l, l.CheckString(1), l.OptString(2, ""))
}

// load takes the pieces of the text from a function.
func (vm *VM) load(l *lua.LState) int {
	fn := l.CheckFunction(1)
	name := l.OptString(2, "=(load)")
	var b strings.Builder
	for {
		l.Push(fn)
		vm.nest(l, 0, 1)
		piece := l.Get(-1)
		l.Pop(1)
		if s, ok := piece.(lua.LString); !ok || s == "" {
			break
		} else if b.WriteString(string(s)); b.Len() > 16<<20 {
			raise(l, "chunk too large")
		}
	}
	return vm.loadText(l, b.String(), name)
}

func (vm *VM) loadText(l *lua.LState, text, name string) int {
	if strings.HasPrefix(text, "\x1bLua") {
		l.Push(lua.LNil)
		l.Push(lua.LString("bytecode is not supported"))
		return 2
	}
	switch {
	case name == "":
		line, _, more := strings.Cut(text, "\n")
		if more || len(line) > 45 {
			line = line[:min(len(line), 42)] + "..."
		}
		name = `[string "` + line + `"]`
	case name[0] == '=' || name[0] == '@':
		name = name[1:]
	default:
		name = `[string "` + name + `"]`
	}
	chunk, err := compile(text, name)
	if err != nil {
		l.Push(lua.LNil)
		l.Push(lua.LString(err.Error()))
		return 2
	}
	fn := l.NewFunctionFromProto(chunk.proto)
	fn.Env = vm.env
	l.Push(fn)
	return 1
}

func (vm *VM) collectgarbage(l *lua.LState) int {
	switch option := l.OptString(1, "collect"); option {
	case "count":
		return vm.gcinfo(l)
	case "collect", "stop", "restart":
		l.Push(lua.LNumber(0))
	case "setpause", "setstepmul": // what was set before
		l.Push(lua.LNumber(200))
	case "step":
		l.Push(lua.LFalse)
	default:
		l.ArgError(1, "invalid option '"+option+"'")
	}
	return 1
}

// gcinfo tells of as many KiB as a script of Redis begins with, or so.
func (vm *VM) gcinfo(l *lua.LState) int {
	l.Push(lua.LNumber(64))
	return 1
}
