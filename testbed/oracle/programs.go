package oracle

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// This file makes random Lua programs: functions that share locals, loops, errors that are
// caught, coroutines, metatables. A program notes down what it meets on its way. Of errors
// only those are noted in words that it raised itself, with their line.

// programHead is what every program begins with. tick ends one that goes on for too long.
const programHead = `local noted, ticks = {}, 0
local function note(...) for i = 1, select('#', ...) do local v = (select(i, ...))
  local kind = type(v)
  if kind == 'number' then v = tostring(v + 0) elseif kind == 'boolean' or kind == 'nil' then v = tostring(v) elseif kind ~= 'string' then v = kind end
  if #noted < 400 then noted[#noted+1] = v end end end
local function tick() ticks = ticks + 1 if ticks > 300 then error('E0', 0) end end
local function said(ok, e, ...) if ok then note('well', e, ...) else
  note('failed', type(e) == 'string' and (string.match(e, '^user_script:%d+: E%d+$') or string.match(e, '^E%d+$')) or type(e)) end end
`

// program makes one.
type program struct {
	r      *rand.Rand
	b      strings.Builder
	locals []string // in scope
	names  int      // given
	depth  int      // of blocks
	left   int      // statements it may still have
	loop   bool     // break has where to go to
	dots   bool     // the function has varargs
}

func luaProgram(r *rand.Rand, out []string) []string {
	p := &program{r: r, left: 10 + r.IntN(30)}
	p.b.WriteString(programHead)
	p.b.WriteString("said(pcall(function(...)\n")
	p.dots = true
	p.block(2 + r.IntN(6))
	p.b.WriteString("end, 1, 'x', nil, 4))\nreturn noted")
	return append(out, p.b.String())
}

func (p *program) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format, args...)
	if p.r.IntN(4) == 0 {
		p.b.WriteByte('\n')
	} else {
		p.b.WriteByte(' ')
	}
}

func (p *program) name() string {
	p.names++
	return "v" + strconv.Itoa(p.names)
}

// known is a variable in scope.
func (p *program) known() string {
	if len(p.locals) == 0 {
		return "nil"
	}
	if p.r.IntN(2) == 0 {
		return p.locals[len(p.locals)-1-p.r.IntN(min(3, len(p.locals)))]
	}
	return p.locals[p.r.IntN(len(p.locals))]
}

// block makes statements that see their own locals only.
func (p *program) block(n int) {
	scope := len(p.locals)
	p.depth++
	for range n {
		if p.left--; p.left < 0 {
			break
		}
		p.statement()
	}
	if p.r.IntN(3) == 0 {
		p.line("note(%s)", p.known())
	}
	p.depth--
	p.locals = p.locals[:scope]
}

func (p *program) inner() {
	if p.depth > 6 {
		p.line("note('deep')")
		return
	}
	p.block(1 + p.r.IntN(3))
}

// function makes a function's parameters and body.
func (p *program) function() {
	scope, loop, dots := len(p.locals), p.loop, p.dots
	p.loop = false
	var params []string
	for range p.r.IntN(3) {
		v := p.name()
		params, p.locals = append(params, v), append(p.locals, v)
	}
	if p.dots = p.r.IntN(3) == 0; p.dots {
		params = append(params, "...")
	}
	p.line("(%s) tick()", strings.Join(params, ", "))
	p.inner()
	if p.r.IntN(4) > 0 {
		p.line("return %s", p.list(2))
	}
	p.line("end")
	p.locals, p.loop, p.dots = p.locals[:scope], loop, dots
}

func (p *program) statement() {
	switch k := p.r.IntN(31); k {
	case 0, 1, 2:
		v := p.name()
		p.line("local %s = %s", v, p.expr(3))
		p.locals = append(p.locals, v)
	case 3:
		v, w := p.name(), p.name()
		p.line("local %s, %s = %s", v, w, p.list(3))
		p.locals = append(p.locals, v, w)
	case 4, 5:
		if len(p.locals) > 0 {
			p.line("%s = %s", p.known(), p.expr(3))
		}
	case 6, 26, 27:
		if v, w := p.known(), p.known(); v != w && len(p.locals) > 1 { // Lua leaves open which of two values a variable gets
			p.line("%s, %s = %s", v, w, p.list(3))
		}
	case 7, 8:
		p.line("note(%s)", p.list(3))
	case 9:
		p.branches()
	case 10, 11, 12:
		p.loops()
	case 13, 14, 15:
		v := p.name()
		if k == 13 {
			p.b.WriteString("local function " + v)
			p.locals = append(p.locals, v)
			p.function()
		} else {
			p.b.WriteString("local " + v + " = function")
			p.function()
			p.locals = append(p.locals, v)
		}
	case 16, 17, 18, 19:
		p.protected(k)
	case 28:
		p.method()
	case 29:
		p.closures()
	case 30:
		if len(p.locals) > 0 {
			p.line("if type(%[1]s) == 'table' then %[1]s[%[2]s or 1], %[1]s.a, %[3]s = %[4]s end", p.known(), p.expr(1), p.known(), p.list(3))
		}
	case 20:
		if p.r.IntN(3) == 0 && p.depth > 1 {
			p.line("error('E%d', %d)", p.r.IntN(9)+1, p.r.IntN(3))
		}
	case 21:
		if p.loop {
			p.line("if %s then break end", p.expr(2))
		}
	case 22:
		p.coroutine()
	case 23:
		p.metatable()
	case 24:
		p.line("do")
		p.inner()
		p.line("end")
	default:
		if len(p.locals) > 0 {
			p.line("if type(%[1]s) == 'table' then %[1]s[%[2]s or 1] = %[3]s end", p.known(), p.expr(1), p.expr(2))
		}
	}
}

// method makes an object that is called by its own name.
func (p *program) method() {
	v, self := p.name(), p.known()
	p.line("local %s = {n = %s} function %s:m(...) tick() self.n, self.o = (...), self.n return self.n, self.o, %s end", v, p.expr(1), v, self)
	p.locals = append(p.locals, v)
	p.b.WriteString("function " + v + ".f")
	p.function()
	p.line("note(%[1]s:m(%[2]s)) said(pcall(%[1]s.m, %[1]s, %[3]s)) said(pcall(%[1]s.f, %[2]s))", v, p.expr(1), p.list(2))
}

// closures makes functions in a loop, each with the loop's variables of its own.
func (p *program) closures() {
	v, i, j := p.name(), p.name(), p.name()
	p.line("local %s = {} for %s = 1, 3 do tick() local %s = %s", v, i, j, p.expr(1))
	scope := len(p.locals)
	p.locals = append(p.locals, v, i, j)
	dots := p.dots
	p.dots = false
	p.line("%s[%s] = function() %s = %s + 1 %s = %s return %s, %s end", v, i, i, i, j, p.expr(1), i, j)
	p.dots = dots
	loop := p.loop
	p.loop = true
	p.inner()
	p.loop = loop
	p.line("end for %s = 1, 3 do said(pcall(%s[%s])) said(pcall(%s[%s])) end", i, v, i, v, i)
	p.locals = append(p.locals[:scope], v)
}

func (p *program) branches() {
	p.line("if %s then", p.expr(2))
	p.inner()
	if p.r.IntN(2) == 0 {
		p.line("elseif %s then", p.expr(2))
		p.inner()
	}
	if p.r.IntN(2) == 0 {
		p.line("else")
		p.inner()
	}
	p.line("end")
}

// protected makes a call that notes what it fails with.
func (p *program) protected(kind int) {
	switch kind {
	case 16, 17:
		p.b.WriteString("said(pcall(function")
		p.function()
		p.line(", %s))", p.list(2))
	case 18:
		p.line("said(pcall(%s))", p.list(3))
	case 19:
		p.b.WriteString("said(xpcall(function() ")
		loop, dots := p.loop, p.dots
		p.loop, p.dots = false, false
		p.inner()
		p.line("end, function(e) note(type(e)) return %s end))", p.expr(1))
		p.loop, p.dots = loop, dots
	}
}

func (p *program) loops() {
	loop, scope := p.loop, len(p.locals)
	p.loop = true
	v, w := p.name(), p.name()
	switch p.r.IntN(5) {
	case 0:
		p.line("for %s = %s do tick()", v, pick(p.r, []string{"1, 3", "3, 1, -1", "1, 2, 0.5", "1, 0", "-1, 1", "'1', 2", "0.1, 0.35, 0.1", "3, 1"}))
		p.locals = append(p.locals, v)
		p.inner()
		p.line("end")
	case 1:
		p.line("for %s, %s in ipairs({%s}) do tick()", v, w, p.list(3))
		p.locals = append(p.locals, v, w)
		p.inner()
		p.line("end")
	case 2:
		p.line("local %s = 0 while %s < %d do tick() %s = %s + 1", v, v, p.r.IntN(4), v, v)
		p.locals = append(p.locals, v)
		p.inner()
		p.line("end")
		scope++ // it is declared before the loop
	case 3:
		p.line("repeat tick() local %s = %s", v, p.expr(2))
		p.locals = append(p.locals, v)
		p.inner()
		p.line("until %s or ticks > 100", p.expr(1))
	default:
		p.line("for %s in string.gmatch(%s, '.') do tick()", v, pick(p.r, luaTexts[:6]))
		p.locals = append(p.locals, v)
		p.inner()
		p.line("end")
	}
	p.loop, p.locals = loop, p.locals[:min(scope, len(p.locals))]
}

func (p *program) coroutine() {
	v := p.name()
	by := pick(p.r, []string{"create", "create", "wrap"})
	p.b.WriteString("local " + v + " = coroutine." + by + "(function")
	scope, loop, dots := len(p.locals), p.loop, p.dots
	a := p.name()
	p.locals, p.loop, p.dots = append(p.locals, a), false, true
	p.line("(%s, ...) tick()", a)
	p.inner()
	for range p.r.IntN(3) {
		p.line("note(coroutine.yield(%s))", p.list(2))
	}
	p.inner()
	p.line("return %s end)", p.list(2))
	p.locals, p.loop, p.dots = append(p.locals[:scope], v), loop, dots
	for range 1 + p.r.IntN(3) {
		if by == "wrap" {
			p.line("said(pcall(%s, %s))", v, p.list(2))
		} else {
			p.line("said(coroutine.resume(%s, %s)) note(coroutine.status(%s))", v, p.list(2), v)
		}
	}
}

// events are those of metatables that Lua 5.1 knows.
var events = []string{"__index", "__newindex", "__call", "__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm", "__concat", "__len", "__eq", "__lt", "__le", "__tostring", "__metatable"}

func (p *program) metatable() {
	v := p.name()
	p.line("local %s = setmetatable({%s}, {", v, p.list(2))
	for range 1 + p.r.IntN(3) {
		event := pick(p.r, events)
		switch {
		case event == "__index" && p.r.IntN(2) == 0:
			p.line("__index = {%s},", p.list(2))
		case event == "__tostring":
			p.line("__tostring = function() tick() return 'text' end,")
		case event == "__metatable":
			p.line("__metatable = 'hidden',")
		default:
			p.b.WriteString(event + " = function")
			p.function()
			p.b.WriteString(", ")
		}
	}
	p.line("})")
	p.locals = append(p.locals, v)
}

// list makes up to most expressions, at least one.
func (p *program) list(most int) string {
	var out []string
	for range 1 + p.r.IntN(most) {
		out = append(out, p.expr(2))
	}
	if p.dots && p.r.IntN(6) == 0 {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}

var (
	literals = []string{"nil", "true", "false", "0", "1", "2", "-1", "3.5", "1e3", "0xff", "'a'", "'10'", "'b c'", "''", "1/0", "2^53", "[[x\ny]]", "\"q\\65\\n\""}
	binaries = []string{"+", "-", "*", "/", "%", "^", "..", "==", "~=", "<", ">", "<=", ">=", "and", "or"}
	calls    = []string{
		"type(%v)", "tonumber(%v)", "tonumber(%v, 16)", "select('#', %v, %v)", "select(-1, %v, %v)", "unpack({%v, %v})", "#{%v, %v}",
		"math.floor(%v)", "math.max(%v, %v)", "string.sub(string.rep(%v, 3), 1, 60)", "string.sub(%v, 2)", "('x'):rep(2)", "string.format('%%d', %v)",
		"rawget({%v, %v}, 1)", "rawequal(%v, %v)", "next({})", "next({%v})", "string.sub(table.concat({%v, %v}, ','), 1, 60)", "(%v)", "table.remove({%v, %v})", "table.getn({%v})",
		"getmetatable(%v)", "pcall(%v)", "pcall(error, %v)", "table.maxn({%v})", "assert(%v, 'E7')", "string.byte(%v)", "rawset({}, 1, %v)[1]", "(function(...) return select('#', ...) end)(%v, %v)",
		"string.sub(string.gsub('abc', '%%w', %v), 1, 60)", "coroutine.running()", "math.modf(%v)", "unpack({1, 2, 3}, %v)", "loadstring('return 1, ...')(%v)", "bit.band(%v, 255)",
	}
)

// expr makes an expression.
func (p *program) expr(depth int) string {
	switch k := p.r.IntN(12); {
	case depth <= 0 || k < 2:
		return pick(p.r, literals)
	case k < 5:
		return p.known()
	case k < 7:
		op := pick(p.r, binaries)
		text := p.expr(depth-1) + " " + op + " " + p.expr(depth-1)
		if op == ".." { // no text grows without end
			return "string.sub(" + text + ", 1, 60)"
		}
		return "(" + text + ")"
	case k == 7:
		return pick(p.r, []string{"not ", "-", "#"}) + "(" + p.expr(depth-1) + ")"
	case k == 8:
		return "({" + p.expr(depth-1) + ", a = " + p.expr(depth-1) + ", [2] = " + p.expr(depth-1) + "})" + pick(p.r, []string{"", "", ".a", "[1]", "[2]"})
	case k == 9 && len(p.locals) > 0:
		return p.known() + pick(p.r, []string{"()", "(" + p.expr(depth-1) + ")", ".a", "[1]", "[2]", "('s', 2)"})
	case k == 10 && p.dots:
		return pick(p.r, []string{"...", "(...)", "select('#', ...)", "{...}", "select(2, ...)"})
	}
	text := pick(p.r, calls)
	for strings.Contains(text, "%v") {
		text = strings.Replace(text, "%v", p.expr(depth-1), 1)
	}
	return strings.ReplaceAll(text, "%%", "%")
}
