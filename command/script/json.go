package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// jsonOptions are what cjson's functions of the same names set.
type jsonOptions struct {
	sparseConvert           bool
	sparseRatio, sparseSafe int
	encodeDepth             int
	decodeDepth             int
	precision               int
	invalid                 int // encode_invalid_numbers: 0 no, 1 yes, 2 null
	refuseInvalid           bool
}

var defaultJSON = jsonOptions{sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14}

// maxJSONDepth bounds what encode_max_depth and decode_max_depth can ask for.
const maxJSONDepth = 10000

func (vm *VM) jsonLibrary() map[string]lua.LValue {
	vm.null = &lua.LUserData{Env: vm.l.Env, Metatable: lua.LNil}
	lib := vm.functions(map[string]lua.LGFunction{
		"encode": vm.jsonEncode, "decode": vm.jsonDecode,
		"encode_sparse_array":     vm.jsonSparse,
		"encode_max_depth":        func(l *lua.LState) int { return vm.jsonInt(l, &vm.json.encodeDepth, 1, maxJSONDepth) },
		"decode_max_depth":        func(l *lua.LState) int { return vm.jsonInt(l, &vm.json.decodeDepth, 1, maxJSONDepth) },
		"encode_number_precision": func(l *lua.LState) int { return vm.jsonInt(l, &vm.json.precision, 1, 14) },
		"encode_keep_buffer":      func(l *lua.LState) int { l.Push(lua.LBool(l.GetTop() == 0 || l.ToBool(1))); return 1 },
		"encode_invalid_numbers":  vm.jsonEncodeInvalid,
		"decode_invalid_numbers": func(l *lua.LState) int {
			if l.GetTop() > 0 {
				vm.json.refuseInvalid = !l.ToBool(1)
			}
			l.Push(lua.LBool(!vm.json.refuseInvalid))
			return 1
		},
		"new": func(l *lua.LState) int { l.Push(vm.env.RawGetString("cjson")); return 1 },
	})
	lib["null"] = vm.null
	lib["_NAME"], lib["_VERSION"] = lua.LString("cjson"), lua.LString("2.1.0")
	return lib
}

func (vm *VM) jsonInt(l *lua.LState, v *int, lo, hi int) int {
	if l.GetTop() > 0 && l.Get(1) != lua.LNil {
		n := vm.checkInt(l, 1)
		if n < lo || n > hi && hi != maxJSONDepth {
			l.ArgError(1, "expected integer between "+numberText(lua.LNumber(lo))+" and "+numberText(lua.LNumber(hi)))
		}
		*v = min(n, hi)
	}
	l.Push(lua.LNumber(*v))
	return 1
}

func (vm *VM) jsonSparse(l *lua.LState) int {
	if l.GetTop() > 0 && l.Get(1) != lua.LNil {
		vm.json.sparseConvert = l.ToBool(1)
	}
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		vm.json.sparseRatio = max(vm.checkInt(l, 2), 0)
	}
	if l.GetTop() > 2 && l.Get(3) != lua.LNil {
		vm.json.sparseSafe = max(vm.checkInt(l, 3), 0)
	}
	l.Push(lua.LBool(vm.json.sparseConvert))
	l.Push(lua.LNumber(vm.json.sparseRatio))
	l.Push(lua.LNumber(vm.json.sparseSafe))
	return 3
}

func (vm *VM) jsonEncodeInvalid(l *lua.LState) int {
	if l.GetTop() > 0 {
		switch v := l.Get(1).(type) {
		case lua.LBool:
			vm.json.invalid = 0
			if bool(v) {
				vm.json.invalid = 1
			}
		case lua.LString:
			vm.json.invalid = map[string]int{"off": 0, "on": 1, "null": 2}[string(v)]
		}
	}
	if vm.json.invalid == 2 {
		l.Push(lua.LString("null"))
	} else {
		l.Push(lua.LBool(vm.json.invalid == 1))
	}
	return 1
}

func (vm *VM) jsonEncode(l *lua.LState) int {
	if l.GetTop() != 1 {
		l.ArgError(1, "expected 1 argument")
	}
	e := jsonEncoder{vm: vm, l: l}
	e.value(l.Get(1), 0)
	vm.spend(l, len(e.buf))
	l.Push(lua.LString(e.buf))
	return 1
}

type jsonEncoder struct {
	vm  *VM
	l   *lua.LState
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
		if depth++; depth > e.vm.json.encodeDepth {
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
		switch e.vm.json.invalid {
		case 0:
			e.fail(n, "must not be NaN or Inf")
		case 2:
			e.buf = append(e.buf, "null"...)
			return
		}
	}
	e.buf = appendNumber(e.buf, f, e.vm.json.precision)
}

// arrayLength returns the largest index of an array, or -1 for an object.
func (e *jsonEncoder) arrayLength(t *lua.LTable) int {
	largest, items, object := 0, 0, false
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		n, ok := k.(lua.LNumber)
		if !ok || n < 1 || lua.LNumber(int(n)) != n {
			object = true
			break
		}
		largest, items = max(largest, int(n)), items+1
	}
	if object {
		return -1
	}
	o := &e.vm.json
	if o.sparseRatio > 0 && largest > items*o.sparseRatio && largest > o.sparseSafe {
		if !o.sparseConvert {
			raise(e.l, "Cannot serialise table: excessively sparse array")
		}
		return -1
	}
	return largest
}

func (e *jsonEncoder) table(t *lua.LTable, depth int) {
	t = e.vm.behind(t)
	if n := e.arrayLength(t); n > 0 {
		e.buf = append(e.buf, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				e.buf = append(e.buf, ',')
			}
			e.value(t.RawGetInt(i), depth)
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
