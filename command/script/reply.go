package script

import (
	"errors"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"crdb/resp"
)

var errReplyTooLarge = errors.New("ERR reply of the script is too large")

// WriteTo writes the reply of a run.
func (r Result) WriteTo(w *resp.Writer) {
	if r.err != "" {
		w.Error(r.err)
		return
	}
	start := len(w.Buf)
	rw := replyWriter{w: w, start: start, resp3: r.vm.proto == 3}
	if err := rw.value(r.value, 0); err != nil {
		w.Buf = w.Buf[:start]
		w.Error(err.Error())
	}
}

// Err returns the error a run failed with, or "".
func (r Result) Err() string { return r.err }

// replyWriter turns Lua values into replies.
type replyWriter struct {
	w     *resp.Writer
	start int
	resp3 bool // the script speaks RESP3
}

func (r *replyWriter) value(v lua.LValue, depth int) error {
	if depth > maxReplyNest {
		return errors.New("ERR reached lua stack limit")
	}
	if len(r.w.Buf)-r.start > maxString {
		return errReplyTooLarge
	}
	switch v := v.(type) {
	case lua.LString:
		r.w.BulkString(string(v))
	case lua.LNumber:
		r.w.Int(toInt64(float64(v)))
	case lua.LBool:
		switch {
		case r.resp3:
			r.w.Bool(bool(v))
		case bool(v):
			r.w.Int(1)
		default:
			r.w.Null()
		}
	case *lua.LTable:
		return r.table(v, depth)
	default:
		r.w.Null()
	}
	return nil
}

func (r *replyWriter) table(t *lua.LTable, depth int) error {
	if s, ok := t.RawGetString("err").(lua.LString); ok {
		r.w.Error(strings.TrimPrefix(cut(string(s)), "\x00"))
		return nil
	}
	if s, ok := t.RawGetString("ok").(lua.LString); ok {
		r.w.SimpleString(cut(string(s)))
		return nil
	}
	if n, ok := t.RawGetString("double").(lua.LNumber); ok {
		r.w.Double(float64(n))
		return nil
	}
	if m, ok := t.RawGetString("map").(*lua.LTable); ok {
		return r.pairs(m, depth, true)
	}
	if m, ok := t.RawGetString("set").(*lua.LTable); ok {
		return r.pairs(m, depth, false)
	}
	if s, ok := t.RawGetString("big_number").(lua.LString); ok {
		r.w.BigNumber(strings.NewReplacer("\r", " ", "\n", " ").Replace(string(s)))
		return nil
	}
	if m, ok := t.RawGetString("verbatim_string").(*lua.LTable); ok {
		text, ok1 := m.RawGetString("string").(lua.LString)
		format, ok2 := m.RawGetString("format").(lua.LString)
		if ok1 && ok2 {
			r.w.Verbatim(string(format), string(text))
			return nil
		}
	}
	n := 0
	for item(t, n+1) != lua.LNil {
		n++
	}
	r.w.Array(n)
	for i := 1; i <= n; i++ {
		if err := r.value(item(t, i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// cut ends a text at its first zero byte, as C does.
func cut(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

func (r *replyWriter) pairs(t *lua.LTable, depth int, values bool) (err error) {
	n := 0
	t.ForEach(func(_, _ lua.LValue) { n++ })
	if values {
		r.w.Map(n)
	} else {
		r.w.Set(n)
	}
	t.ForEach(func(k, v lua.LValue) {
		if err == nil {
			err = r.value(k, depth+1)
		}
		if err == nil && values {
			err = r.value(v, depth+1)
		}
	})
	return err
}

// replyReader turns the reply of a command into Lua values. The bytes come
// from our own commands: they are well formed.
type replyReader struct {
	vm  *VM
	buf []byte
}

func (r *replyReader) line() string {
	for i := 1; i < len(r.buf); i++ {
		if r.buf[i] == '\r' {
			s := string(r.buf[1:i])
			r.buf = r.buf[i+2:]
			return s
		}
	}
	return ""
}

func (r *replyReader) count() int {
	n, i := 0, 1
	neg := r.buf[i] == '-'
	if neg {
		i++
	}
	for ; r.buf[i] != '\r'; i++ {
		n = n*10 + int(r.buf[i]-'0')
	}
	r.buf = r.buf[i+2:]
	if neg {
		return -n
	}
	return n
}

func (r *replyReader) bulk(n int) string {
	s := string(r.buf[:n])
	r.buf = r.buf[n+2:]
	return s
}

func (r *replyReader) value() lua.LValue {
	if len(r.buf) == 0 {
		return lua.LFalse
	}
	l := r.vm.l
	switch r.buf[0] {
	case '+':
		return r.field("ok", lua.LString(r.line()))
	case '-':
		return r.field("err", lua.LString(r.line()))
	case ':':
		n, _ := strconv.ParseInt(r.line(), 10, 64)
		return lua.LNumber(n)
	case '$':
		n := r.count()
		if n < 0 {
			return lua.LFalse
		}
		return lua.LString(r.bulk(n))
	case '*', '>':
		n := r.count()
		if n < 0 {
			return lua.LFalse
		}
		t := l.CreateTable(n, 0)
		for i := 1; i <= n; i++ {
			t.RawSetInt(i, r.value())
		}
		return t
	case '%', '~':
		return r.mapping()
	case ',':
		f := parseDouble(r.line())
		return r.field("double", lua.LNumber(f))
	case '#':
		return lua.LBool(r.line() == "t")
	case '_':
		r.line()
		return lua.LNil
	case '(':
		return r.field("big_number", lua.LString(r.line()))
	case '=':
		s := r.bulk(r.count())
		t := l.CreateTable(0, 2)
		t.RawSetString("format", lua.LString(s[:3]))
		t.RawSetString("string", lua.LString(s[4:]))
		return r.field("verbatim_string", t)
	}
	r.buf = nil
	return lua.LFalse
}

func (r *replyReader) mapping() lua.LValue {
	isMap := r.buf[0] == '%'
	n := r.count()
	t := r.vm.l.CreateTable(0, n)
	for ; n > 0; n-- {
		k, v := r.value(), lua.LValue(lua.LTrue)
		if isMap {
			v = r.value()
		}
		if k != lua.LNil {
			t.RawSet(k, v)
		}
	}
	if isMap {
		return r.field("map", t)
	}
	return r.field("set", t)
}

func (r *replyReader) field(name string, v lua.LValue) *lua.LTable {
	t := r.vm.l.CreateTable(0, 1)
	t.RawSetString(name, v)
	return t
}

func parseDouble(s string) float64 {
	switch s {
	case "inf":
		return math.Inf(1)
	case "-inf":
		return math.Inf(-1)
	case "nan":
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}
