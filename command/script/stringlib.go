package script

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) stringLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenString, lua.StringLibName, "byte", "char", "find", "gfind", "gmatch", "gsub", "len",
		"match", "reverse", "dump")
	bytes, gsub, match := lib["byte"].(*lua.LFunction), lib["gsub"].(*lua.LFunction), lib["match"].(*lua.LFunction)
	for name, f := range vm.functions(map[string]lua.LGFunction{
		"format": vm.format, "rep": vm.rep, "char": stringChar, "sub": vm.sub,
		"lower": vm.mapBytes('A', 'Z'), "upper": vm.mapBytes('a', 'z'),
		"byte": func(l *lua.LState) int {
			n := len(vm.checkText(l, 1))
			if i, j := l.OptInt(2, 1), l.OptInt(3, l.OptInt(2, 1)); n > maxUnpack && (i < 0 || j < 0 || j-i > maxUnpack) {
				i, j = i+n*btoi(i < 0), min(j+n*btoi(j < 0), n)
				if j-i >= maxUnpack {
					raise(l, "string slice too long")
				}
			}
			return bytes.GFunction(l)
		},
		"gsub": func(l *lua.LState) int { return vm.gsub(l, gsub.GFunction) },
		"match": func(l *lua.LState) int {
			if n := match.GFunction(l); n > 0 {
				return n
			}
			l.Push(lua.LNil) // the library's returns nothing, which shows in argument lists
			return 1
		},
	}) {
		lib[name] = f
	}
	return lib
}

// mapBytes makes string.lower and upper: the case of ASCII letters from first to
// last changes, and no other byte, whatever the text is.
func (vm *VM) mapBytes(first, last byte) lua.LGFunction {
	return func(l *lua.LState) int {
		text := []byte(vm.checkText(l, 1))
		vm.spend(l, len(text))
		for i, ch := range text {
			if first <= ch && ch <= last {
				text[i] = ch ^ ' '
			}
		}
		l.Push(lua.LString(text))
		return 1
	}
}

// sub is string.sub, whose positions may be texts as all numbers may.
func (vm *VM) sub(l *lua.LState) int {
	text, from, to := vm.checkText(l, 1), toInt64(float64(vm.checkNumber(l, 2))), int64(-1)
	if l.Get(3) != lua.LNil {
		to = toInt64(float64(vm.checkNumber(l, 3)))
	}
	n := int64(len(text))
	if from < 0 {
		from = max(from+n+1, 1)
	}
	if to < 0 {
		to += n + 1
	}
	from, to = max(from, 1), min(to, n)
	if from > to {
		text = ""
	} else {
		text = text[from-1 : to]
	}
	l.Push(lua.LString(text))
	return 1
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// concat is the operator: all its operands at once.
func (vm *VM) concat(l *lua.LState) int {
	n := l.GetTop()
	size := 0
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 24
		default:
			return vm.concatMeta(l)
		}
	}
	vm.spend(l, size)
	buf := make([]byte, 0, size)
	for i := 1; i <= n; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			buf = append(buf, v...)
		case lua.LNumber:
			buf = appendNumber(buf, float64(v), 14)
		}
	}
	l.Push(lua.LString(buf))
	return 1
}

// concatMeta goes from the right, pair by pair, for the sake of metatables.
func (vm *VM) concatMeta(l *lua.LState) int {
	right := l.Get(l.GetTop())
	for i := l.GetTop() - 1; i >= 1; i-- {
		left := l.Get(i)
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			a, b := vm.textOf(l, left), vm.textOf(l, right)
			vm.spend(l, len(a)+len(b))
			right = lua.LString(a + b)
			continue
		}
		f := l.GetMetaField(left, "__concat")
		if f == lua.LNil {
			f = l.GetMetaField(right, "__concat")
		}
		if f == lua.LNil {
			bad := left
			if lua.LVCanConvToString(left) {
				bad = right
			}
			raise(l, "attempt to concatenate a %s value", bad.Type())
		}
		l.Push(f)
		l.Push(left)
		l.Push(right)
		l.Call(2, 1)
		right = l.Get(-1)
		l.Pop(1)
	}
	l.Push(right)
	return 1
}

func (vm *VM) rep(l *lua.LState) int {
	s, n := vm.checkText(l, 1), l.CheckNumber(2)
	if n < 1 || s == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if float64(len(s))*float64(n) > maxString {
		raise(l, "resulting string too large")
	}
	vm.spend(l, len(s)*int(n))
	l.Push(lua.LString(strings.Repeat(s, int(n))))
	return 1
}

// gsub bounds what gopher-lua's gsub makes.
func (vm *VM) gsub(l *lua.LState, gsub lua.LGFunction) int {
	s := vm.checkText(l, 1)
	if len(s) > maxSubject {
		raise(l, "string too long for gsub")
	}
	total := len(s)
	repl := l.Get(3)
	if text, ok := repl.(lua.LString); ok {
		if (len(s)+1)*(len(text)+1) > 1<<20 { // the matches leave len(s)+1 places at most
			total += (len(s)+1)*len(text) + strings.Count(string(text), "%")*len(s)
			if total > maxString {
				raise(l, "string length overflow")
			}
			vm.spend(l, total)
		}
		return gsub(l)
	}
	if repl.Type() != lua.LTTable && repl.Type() != lua.LTFunction {
		return gsub(l)
	}
	l.Replace(3, l.NewFunction(func(l *lua.LState) int {
		var v lua.LValue
		if t, ok := repl.(*lua.LTable); ok {
			v = l.GetTable(t, l.Get(1))
		} else {
			n := l.GetTop()
			l.Insert(repl, 1)
			l.Call(n, 1)
			v = l.Get(-1)
		}
		if text, ok := v.(lua.LString); ok {
			if total += len(text); total > maxString {
				raise(l, "string length overflow")
			}
			vm.spend(l, len(text))
		}
		l.Push(v)
		return 1
	}))
	return gsub(l)
}

// checkText is CheckString with numbers as Lua prints them.
func (vm *VM) checkText(l *lua.LState, i int) string {
	if n, ok := l.Get(i).(lua.LNumber); ok {
		return numberText(n)
	}
	if s, ok := l.Get(i).(lua.LString); ok {
		return string(s)
	}
	vm.badType(l, i, "string")
	return ""
}

// format is string.format with C's printf.
func (vm *VM) format(l *lua.LState) int {
	f := vm.checkText(l, 1)
	var b []byte
	arg := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			b = append(b, f[i])
			continue
		}
		if i++; i >= len(f) {
			raise(l, "invalid option '%%' to 'format'")
		}
		if f[i] == '%' {
			b = append(b, '%')
			continue
		}
		start := i
		for i < len(f) && strings.IndexByte("-+ #0", f[i]) >= 0 {
			i++
		}
		if i-start > 5 {
			raise(l, "invalid format (repeated flags)")
		}
		digits := i
		for i < len(f) && (f[i] >= '0' && f[i] <= '9' || f[i] == '.') {
			i++
		}
		width, prec, _ := strings.Cut(f[digits:i], ".")
		if len(width) > 2 || len(prec) > 2 || strings.Contains(prec, ".") {
			raise(l, "invalid format (width or precision too long)")
		}
		if i >= len(f) {
			raise(l, "invalid option '%%%s' to 'format'", f[start:])
		}
		if arg++; arg > l.GetTop() {
			l.ArgError(arg, "no value")
		}
		b = vm.directive(l, b, f[start:i], f[i], arg)
		if len(b) > maxString {
			raise(l, "string length overflow")
		}
	}
	vm.spend(l, len(b))
	l.Push(lua.LString(b))
	return 1
}

// directive appends one argument in C's format.
func (vm *VM) directive(l *lua.LState, b []byte, spec string, verb byte, arg int) []byte {
	switch verb {
	case 'c':
		return append(b, fmt.Sprintf("%"+strings.Trim(spec, "0+ #")+"s", string([]byte{byte(vm.checkNumber(l, arg))}))...)
	case 'd', 'i':
		return fmt.Appendf(b, "%"+spec+"d", toInt64(float64(vm.checkNumber(l, arg))))
	case 'u':
		return fmt.Appendf(b, "%"+spec+"d", uint64(toInt64(float64(vm.checkNumber(l, arg)))))
	case 'o', 'x', 'X':
		return fmt.Appendf(b, "%"+spec+string(verb), uint64(toInt64(float64(vm.checkNumber(l, arg)))))
	case 'e', 'E', 'f', 'g', 'G':
		return formatFloat(b, spec, verb, float64(vm.checkNumber(l, arg)))
	case 'q':
		return quote(b, vm.checkText(l, arg))
	case 's':
		return fmt.Appendf(b, "%"+strings.Trim(spec, "0+ #")+"s", vm.checkText(l, arg))
	}
	raise(l, "invalid option '%%%s%c' to 'format'", spec, verb)
	return b
}

// checkNumber is CheckNumber for what looks like one.
func (vm *VM) checkNumber(l *lua.LState, i int) lua.LNumber {
	if s, ok := l.Get(i).(lua.LString); ok {
		if n, ok := parseNumber(string(s)); ok {
			return n
		}
	}
	if n, ok := l.Get(i).(lua.LNumber); ok {
		return n
	}
	vm.badType(l, i, "number")
	return 0
}

// badType raises the error about an argument that is something else.
func (vm *VM) badType(l *lua.LState, i int, want string) {
	got := l.Get(i).Type().String()
	if i > l.GetTop() {
		got = "no value"
	}
	l.ArgError(i, want+" expected, got "+got)
}

func formatFloat(b []byte, spec string, verb byte, f float64) []byte {
	if f != f || f > 1.7976931348623157e308 || f < -1.7976931348623157e308 {
		text := appendNumber(nil, f, 6)
		if verb == 'E' || verb == 'G' {
			text = []byte(strings.ToUpper(string(text)))
		}
		width, _, _ := strings.Cut(spec, ".")
		return fmt.Appendf(b, "%"+strings.ReplaceAll(width, "0", "")+"s", text)
	}
	if !strings.Contains(spec, ".") {
		spec += ".6"
	}
	return fmt.Appendf(b, "%"+spec+string(verb), f)
}

func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b = append(b, '\\', c)
		case '\r':
			b = append(b, `\r`...)
		case 0:
			b = append(b, `\000`...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func (vm *VM) tableLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenTable, lua.TabLibName, "getn", "maxn")
	insert := vm.stock(lua.OpenTable, lua.TabLibName, "insert", "remove", "sort")
	for name, f := range insert {
		fn := f.(*lua.LFunction).GFunction
		lib[name] = vm.l.NewFunction(func(l *lua.LState) int {
			if t, ok := l.Get(1).(*lua.LTable); ok {
				vm.writable(l, t)
			}
			return fn(l)
		})
	}
	for name, f := range vm.functions(map[string]lua.LGFunction{
		"concat": vm.tableConcat, "foreach": vm.tableForEach, "foreachi": vm.tableForEachI,
		"setn": func(l *lua.LState) int { raise(l, "'setn' is obsolete"); return 0 },
	}) {
		lib[name] = f
	}
	return lib
}

func (vm *VM) tableConcat(l *lua.LState) int {
	t, sep := l.CheckTable(1), ""
	if l.GetTop() > 1 && l.Get(2) != lua.LNil {
		sep = vm.checkText(l, 2)
	}
	i, j := l.OptInt(3, 1), l.OptInt(4, t.Len())
	var b []byte
	for k := i; k <= j; k++ {
		switch v := t.RawGetInt(k).(type) {
		case lua.LString:
			b = append(b, v...)
		case lua.LNumber:
			b = appendNumber(b, float64(v), 14)
		default:
			raise(l, "invalid value (%s) at index %s in table for 'concat'", v.Type(), strconv.Itoa(k))
		}
		if k < j {
			b = append(b, sep...)
		}
		if len(b) > maxString {
			raise(l, "string length overflow")
		}
	}
	vm.spend(l, len(b))
	l.Push(lua.LString(b))
	return 1
}

func (vm *VM) tableForEach(l *lua.LState) int {
	t, f := vm.behind(l.CheckTable(1)), l.CheckFunction(2)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if vm.each(l, f, k, v) {
			return 1
		}
	}
	return 0
}

func (vm *VM) tableForEachI(l *lua.LState) int {
	t, f := l.CheckTable(1), l.CheckFunction(2)
	for i := 1; i <= t.Len(); i++ {
		if vm.each(l, f, lua.LNumber(i), t.RawGetInt(i)) {
			return 1
		}
	}
	return 0
}

func (vm *VM) each(l *lua.LState, f *lua.LFunction, k, v lua.LValue) bool {
	l.Push(f)
	l.Push(k)
	l.Push(v)
	l.Call(2, 1)
	if l.Get(-1) != lua.LNil {
		return true
	}
	l.Pop(1)
	return false
}

// stringChar is string.char, which takes bytes only.
func stringChar(l *lua.LState) int {
	b := make([]byte, l.GetTop())
	for i := range b {
		n := l.CheckInt(i + 1)
		if n < 0 || n > 255 {
			l.ArgError(i+1, "invalid value")
		}
		b[i] = byte(n)
	}
	l.Push(lua.LString(b))
	return 1
}
