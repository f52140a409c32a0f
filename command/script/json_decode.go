package script

import (
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) jsonDecode(l *lua.LState, o *jsonOptions) int {
	if l.GetTop() != 1 {
		l.ArgError(1, "expected 1 argument")
	}
	s := vm.checkText(l, 1)
	if len(s) >= 2 && (s[0] == 0 || s[1] == 0) {
		raise(l, "JSON parser does not support UTF-16 or UTF-32")
	}
	d := jsonDecoder{vm: vm, l: l, o: o, s: cut(s)}
	d.next()
	v := d.value()
	if d.next(); d.tok != "T_END" {
		d.fail("the end")
	}
	l.Push(v)
	return 1
}

// jsonDecoder is cjson's parser: next reads a token, value what begins at it.
type jsonDecoder struct {
	vm    *VM
	l     *lua.LState
	o     *jsonOptions
	s     string // up to its first zero byte
	pos   int
	depth int
	tok   string // the token's kind
	at    int    // where it begins
	str   string // its text, or what is wrong with it (T_ERROR)
	num   lua.LNumber
}

func (d *jsonDecoder) fail(expected string) {
	found := d.tok
	if d.tok == "T_ERROR" {
		found = d.str
	}
	raise(d.l, "Expected %s but found %s at character %d", expected, found, d.at+1)
}

func (d *jsonDecoder) set(kind string, size int) { d.tok, d.pos = kind, d.pos+size }

func (d *jsonDecoder) next() {
	for d.pos < len(d.s) && strings.IndexByte(" \t\n\r", d.s[d.pos]) >= 0 {
		d.pos++
	}
	d.at = d.pos
	if d.pos >= len(d.s) {
		d.tok = "T_END"
		return
	}
	rest := d.s[d.pos:]
	switch c := rest[0]; {
	case c == '{':
		d.set("T_OBJ_BEGIN", 1)
	case c == '}':
		d.set("T_OBJ_END", 1)
	case c == '[':
		d.set("T_ARR_BEGIN", 1)
	case c == ']':
		d.set("T_ARR_END", 1)
	case c == ',':
		d.set("T_COMMA", 1)
	case c == ':':
		d.set("T_COLON", 1)
	case c == '"':
		d.text()
	case c == '-' || isDigit(c):
		d.number(rest)
	case strings.HasPrefix(rest, "true"):
		d.num = 1
		d.set("T_BOOLEAN", 4)
	case strings.HasPrefix(rest, "false"):
		d.num = 0
		d.set("T_BOOLEAN", 5)
	case strings.HasPrefix(rest, "null"):
		d.set("T_NULL", 4)
	case d.o.readInvalid && invalidNumber(rest):
		d.number(rest)
	default:
		d.tok, d.str = "T_ERROR", "invalid token"
	}
}

// number reads what C takes for a number.
func (d *jsonDecoder) number(rest string) {
	f, n := strtod(rest)
	if n == 0 || !d.o.readInvalid && invalidNumber(rest) {
		d.tok, d.str = "T_ERROR", "invalid number"
		return
	}
	d.num = lua.LNumber(f)
	d.set("T_NUMBER", n)
}

// invalidNumber reports whether a text begins with a number that JSON does not know:
// with a plus, a zero in front, in hexadecimal, infinite or none.
func invalidNumber(s string) bool {
	if s[0] == '+' {
		return true
	}
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		return len(s) > 1 && (isDigit(s[1]) || s[1]|0x20 == 'x')
	}
	return len(s) > 2 && (strings.EqualFold(s[:3], "inf") || strings.EqualFold(s[:3], "nan"))
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r'}

// text reads a string; plain ones are not copied.
func (d *jsonDecoder) text() {
	start := d.pos + 1
	end := start
	for end < len(d.s) && d.s[end] != '"' && d.s[end] != '\\' {
		end++
	}
	if end < len(d.s) && d.s[end] == '"' {
		d.str, d.tok, d.pos = d.s[start:end], "T_STRING", end+1
		return
	}
	b := []byte(d.s[start:end])
	for i := end; i < len(d.s); i++ {
		c := d.s[i]
		switch {
		case c == '"':
			d.str, d.tok, d.pos = string(b), "T_STRING", i+1
			return
		case c != '\\':
			b = append(b, c)
		case i+1 < len(d.s) && d.s[i+1] == 'u':
			r, size := unicodeEscape(d.s[i:])
			if size == 0 {
				d.at, d.tok, d.str = i, "T_ERROR", "invalid unicode escape code"
				return
			}
			b = utf8.AppendRune(b, r)
			i += size - 1
		default:
			i++
			if i >= len(d.s) || jsonEscapes[d.s[i]] == 0 {
				d.at, d.tok, d.str = i-1, "T_ERROR", "invalid escape code"
				return
			}
			b = append(b, jsonEscapes[d.s[i]])
		}
	}
	d.at, d.tok, d.str = len(d.s), "T_ERROR", "unexpected end of string"
}

// unicodeEscape reads \uXXXX, or two for what needs a surrogate pair.
func unicodeEscape(s string) (rune, int) {
	one := func(s string) (uint64, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(s[2:6], 16, 16)
		return n, err == nil
	}
	hi, ok := one(s)
	if !ok || hi&0xfc00 == 0xdc00 {
		return 0, 0
	}
	if hi&0xf800 != 0xd800 {
		return rune(hi), 6
	}
	lo, ok := one(s[6:])
	if !ok || lo&0xfc00 != 0xdc00 {
		return 0, 0
	}
	return rune(hi&0x3ff<<10|lo&0x3ff) + 0x10000, 12
}

func (d *jsonDecoder) deeper() {
	if d.depth++; d.depth > min(d.o.decodeDepth, maxJSONDepth) {
		raise(d.l, "Found too many nested data structures (%d) at character %d", d.depth, d.at+1)
	}
}

func (d *jsonDecoder) value() lua.LValue {
	switch d.tok {
	case "T_STRING":
		return lua.LString(d.str)
	case "T_NUMBER":
		return d.num
	case "T_BOOLEAN":
		return lua.LBool(d.num == 1)
	case "T_NULL":
		return d.vm.null
	case "T_OBJ_BEGIN":
		return d.object()
	case "T_ARR_BEGIN":
		return d.array()
	}
	d.fail("value")
	return nil
}

func (d *jsonDecoder) object() lua.LValue {
	d.deeper()
	t := d.vm.newTable(d.l, 0, 1)
	if d.next(); d.tok == "T_OBJ_END" {
		d.depth--
		return t
	}
	for {
		if d.tok != "T_STRING" {
			d.fail("object key string")
		}
		key := d.str
		if d.next(); d.tok != "T_COLON" {
			d.fail("colon")
		}
		d.next()
		t.RawSetString(key, d.value())
		d.next()
		if d.tok == "T_OBJ_END" {
			d.depth--
			return t
		}
		if d.tok != "T_COMMA" {
			d.fail("comma or object end")
		}
		d.next()
	}
}

func (d *jsonDecoder) array() lua.LValue {
	d.deeper()
	t := d.vm.newTable(d.l, 1, 0)
	if d.next(); d.tok == "T_ARR_END" {
		d.depth--
		return t
	}
	for i := 1; ; i++ {
		t.RawSetInt(i, d.value())
		d.next()
		if d.tok == "T_ARR_END" {
			d.depth--
			return t
		}
		if d.tok != "T_COMMA" {
			d.fail("comma or array end")
		}
		d.next()
	}
}
