package script

import (
	"fmt"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// jsonOptions are what cjson's functions of the same names set.
type jsonOptions struct {
	sparseConvert           bool
	sparseRatio, sparseSafe int
	encodeDepth             int
	decodeDepth             int
	precision               int
	keepBuffer              bool
	invalid                 int // encode_invalid_numbers: 0 no, 1 yes, 2 null
	readInvalid             bool
}

var defaultJSON = jsonOptions{
	sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: true, readInvalid: true,
}

// maxJSONDepth bounds how deep tables nest, whatever encode_max_depth and
// decode_max_depth allow.
const maxJSONDepth = 10000

func (vm *VM) jsonLibrary() map[string]lua.LValue {
	vm.null = &lua.LUserData{Env: vm.l.Env, Metatable: lua.LNil}
	return vm.jsonModule(&vm.json)
}

// jsonModule makes cjson with options of its own.
func (vm *VM) jsonModule(o *jsonOptions) map[string]lua.LValue {
	lib := vm.functions(map[string]lua.LGFunction{
		"encode": func(l *lua.LState) int { return vm.jsonEncode(l, o) },
		"decode": func(l *lua.LState) int { return vm.jsonDecode(l, o) },
		"encode_sparse_array": func(l *lua.LState) int {
			vm.jsonArgs(l, 3)
			vm.jsonBool(l, &o.sparseConvert)
			vm.jsonInt(l, 2, &o.sparseRatio, 0, math.MaxInt32)
			vm.jsonInt(l, 3, &o.sparseSafe, 0, math.MaxInt32)
			return 3
		},
		"encode_max_depth":        vm.jsonSetting(func(l *lua.LState) { vm.jsonInt(l, 1, &o.encodeDepth, 1, math.MaxInt32) }),
		"decode_max_depth":        vm.jsonSetting(func(l *lua.LState) { vm.jsonInt(l, 1, &o.decodeDepth, 1, math.MaxInt32) }),
		"encode_number_precision": vm.jsonSetting(func(l *lua.LState) { vm.jsonInt(l, 1, &o.precision, 1, 14) }),
		"encode_keep_buffer":      vm.jsonSetting(func(l *lua.LState) { vm.jsonBool(l, &o.keepBuffer) }),
		"encode_invalid_numbers":  vm.jsonSetting(func(l *lua.LState) { vm.jsonChoice(l, &o.invalid, "off", "on", "null") }),
		"decode_invalid_numbers":  vm.jsonSetting(func(l *lua.LState) { vm.jsonBool(l, &o.readInvalid) }),
		"new": func(l *lua.LState) int {
			own, t := defaultJSON, l.NewTable()
			for name, v := range vm.jsonModule(&own) {
				t.RawSetString(name, v)
			}
			l.Push(t)
			return 1
		},
	})
	lib["null"] = vm.null
	lib["_NAME"], lib["_VERSION"] = lua.LString("cjson"), lua.LString("2.1.0")
	return lib
}

// jsonArgs lets a function have up to n arguments.
func (vm *VM) jsonArgs(l *lua.LState, n int) {
	if l.GetTop() > n {
		l.ArgError(n+1, "found too many arguments")
	}
	for l.GetTop() < n {
		l.Push(lua.LNil)
	}
}

// jsonSetting makes a function that changes one setting and returns it.
func (vm *VM) jsonSetting(set func(l *lua.LState)) lua.LGFunction {
	return func(l *lua.LState) int {
		vm.jsonArgs(l, 1)
		set(l)
		return 1
	}
}

func (vm *VM) jsonInt(l *lua.LState, arg int, v *int, lo, hi int) {
	if l.Get(arg) != lua.LNil {
		n := vm.checkInt(l, arg)
		if n < lo || n > hi {
			l.ArgError(1, fmt.Sprintf("expected integer between %d and %d", lo, hi))
		}
		*v = n
	}
	l.Push(lua.LNumber(*v))
}

func (vm *VM) jsonBool(l *lua.LState, v *bool) {
	n := 0
	if *v {
		n = 1
	}
	vm.jsonChoice(l, &n, "off", "on")
	*v = n == 1
}

// jsonChoice sets one of some words, the first two of which are false and true.
func (vm *VM) jsonChoice(l *lua.LState, v *int, words ...string) {
	switch given := l.Get(1).(type) {
	case *lua.LNilType:
	case lua.LBool:
		*v = 0
		if given {
			*v = 1
		}
	default:
		word := vm.checkText(l, 1)
		n := slices.Index(words, cut(word))
		if n < 0 {
			l.ArgError(1, "invalid option '"+word+"'")
		}
		*v = n
	}
	if *v < 2 {
		l.Push(lua.LBool(*v == 1))
	} else {
		l.Push(lua.LString(words[*v]))
	}
}

func (vm *VM) jsonEncode(l *lua.LState, o *jsonOptions) int {
	if l.GetTop() != 1 {
		l.ArgError(1, "expected 1 argument")
	}
	e := jsonEncoder{vm: vm, l: l, o: o}
	e.value(l.Get(1), 0)
	vm.spend(l, len(e.buf))
	l.Push(lua.LString(e.buf))
	return 1
}

type jsonEncoder struct {
	vm  *VM
	l   *lua.LState
	o   *jsonOptions
	buf []byte
}

func (e *jsonEncoder) fail(v lua.LValue, why string) {
	raise(e.l, "Cannot serialise %s: %s", v.Type(), why)
}

func (e *jsonEncoder) value(v lua.LValue, depth int) {
	if len(e.buf) > maxString {
		raise(e.l, "string length overflow")
	}
	switch x := v.(type) {
	case lua.LString:
		e.text(string(x))
	case lua.LNumber:
		e.number(x)
	case lua.LBool:
		e.buf = append(e.buf, x.String()...)
	case *lua.LNilType:
		e.buf = append(e.buf, "null"...)
	case *lua.LUserData:
		if x != e.vm.null {
			e.fail(v, "type not supported")
		}
		e.buf = append(e.buf, "null"...)
	case *lua.LTable:
		if depth++; depth > min(e.o.encodeDepth, maxJSONDepth) {
			raise(e.l, "Cannot serialise, excessive nesting (%d)", depth)
		}
		if e.vm.killed.why.Load() != nil {
			e.vm.stillAlive(e.l)
		}
		e.table(x, depth)
	default:
		e.fail(v, "type not supported")
	}
}

func (e *jsonEncoder) number(n lua.LNumber) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch e.o.invalid {
		case 0:
			e.fail(n, "must not be NaN or Inf")
		case 1:
			if math.IsNaN(f) { // without its sign
				e.buf = append(e.buf, "nan"...)
				return
			}
		case 2:
			e.buf = append(e.buf, "null"...)
			return
		}
	}
	e.buf = appendNumber(e.buf, f, e.o.precision)
}

// arrayLength returns the largest index of an array, or -1 for an object. It is C's
// int: what does not fit makes an object of it, too.
func (e *jsonEncoder) arrayLength(t *lua.LTable) int {
	largest, items := lua.LNumber(0), 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		n, ok := k.(lua.LNumber)
		if !ok || n < 1 || lua.LNumber(math.Floor(float64(n))) != n {
			return -1
		}
		if items++; n > math.MaxInt32 {
			largest = math.MinInt32
		} else {
			largest = max(largest, n)
		}
	}
	n := int(largest)
	o := e.o
	if o.sparseRatio > 0 && n > int(int32(items*o.sparseRatio)) && n > o.sparseSafe {
		if !o.sparseConvert {
			raise(e.l, "Cannot serialise table: excessively sparse array")
		}
		return -1
	}
	return n
}

func (e *jsonEncoder) table(t *lua.LTable, depth int) {
	t = e.vm.behind(t)
	if n := e.arrayLength(t); n > 0 {
		e.buf = append(e.buf, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				e.buf = append(e.buf, ',')
			}
			e.value(item(t, i), depth)
		}
		e.buf = append(e.buf, ']')
		return
	}
	e.buf = append(e.buf, '{')
	first := true
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if !first {
			e.buf = append(e.buf, ',')
		}
		first = false
		switch k := k.(type) {
		case lua.LString:
			e.text(string(k))
		case lua.LNumber:
			e.buf = append(e.buf, '"')
			e.number(k)
			e.buf = append(e.buf, '"')
		default:
			e.fail(k, "table key must be a number or string")
		}
		e.buf = append(e.buf, ':')
		e.value(v, depth)
	}
	e.buf = append(e.buf, '}')
}

func (e *jsonEncoder) text(s string) {
	const hex = "0123456789abcdef"
	e.buf = append(e.buf, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '/':
			e.buf = append(e.buf, '\\', c)
		case c == '\b':
			e.buf = append(e.buf, `\b`...)
		case c == '\t':
			e.buf = append(e.buf, `\t`...)
		case c == '\n':
			e.buf = append(e.buf, `\n`...)
		case c == '\f':
			e.buf = append(e.buf, `\f`...)
		case c == '\r':
			e.buf = append(e.buf, `\r`...)
		case c < 0x20 || c == 127:
			e.buf = append(e.buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			e.buf = append(e.buf, c)
		}
	}
	e.buf = append(e.buf, '"')
}
