package script

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// # Whose fault it was
//
// Lua names what could not be indexed, called or added: field 'x' (a nil value). It finds
// the name in the code, going back from the instruction that failed to the one that put
// the value where it was, and so does this. gopher-lua tells neither the instruction nor
// what is in a register: they are read by reflection, and where that finds nothing an
// error says what it said before. So it does in coroutines, where the call that failed is
// gone when the error is seen.

// instruction is one of gopher-lua's.
type instruction uint32

func (i instruction) op() int { return int(i >> 26) }
func (i instruction) a() int  { return int(i>>18) & 0xff }
func (i instruction) b() int  { return int(i & 0x1ff) }
func (i instruction) c() int  { return int(i>>9) & 0x1ff }
func (i instruction) bx() int { return int(i & 0x3ffff) }

// jump is how far the instruction goes beyond the next.
func (i instruction) jump() int { return i.bx() - 1<<17 + 1 }

// constantBit marks an operand that is a constant.
const constantBit = 1 << 8

// place is where a Lua function is in its code.
type place struct {
	l     *lua.LState
	proto *lua.FunctionProto
	pc    int // of the instruction that is being executed
	base  int // of its registers
}

// placeAt is the place of a call that stands on the stack; ok is false if it is not Lua's.
func placeAt(l *lua.LState, level int) (p place, ok bool) {
	dbg, ok := l.GetStack(level)
	if !ok {
		return p, false
	}
	fn, _ := l.GetInfo("f", dbg, lua.LNil)
	f, ok := fn.(*lua.LFunction)
	frame := reflect.ValueOf(dbg).Elem().FieldByName("frame")
	if !ok || f.IsG || frame.Kind() != reflect.Pointer {
		return p, false
	}
	pc, base := frame.Elem().FieldByName("Pc"), frame.Elem().FieldByName("LocalBase")
	if !pc.IsValid() || !base.IsValid() || pc.Int() < 1 || int(pc.Int()) > len(f.Proto.Code) {
		return p, false
	}
	return place{l, f.Proto, int(pc.Int()) - 1, int(base.Int())}, true
}

func (p place) at(pc int) instruction { return instruction(p.proto.Code[pc]) }

// kind is the type of what is in a register, "" if that cannot be told.
func (p place) kind(register int) string {
	reg := reflect.ValueOf(p.l).Elem().FieldByName("reg")
	if reg.Kind() != reflect.Pointer {
		return ""
	}
	array := reg.Elem().FieldByName("array")
	if i := p.base + register; array.Kind() == reflect.Slice && i < array.Len() {
		return kinds[array.Index(i).Elem().Type()]
	}
	return ""
}

var kinds = map[reflect.Type]string{
	reflect.TypeFor[*lua.LNilType](): "nil", reflect.TypeFor[lua.LBool](): "boolean", reflect.TypeFor[lua.LNumber](): "number",
	reflect.TypeFor[lua.LString](): "string", reflect.TypeFor[*lua.LTable](): "table", reflect.TypeFor[*lua.LFunction](): "function",
	reflect.TypeFor[*lua.LUserData](): "userdata", reflect.TypeFor[*lua.LState](): "thread",
}

// name is what the value in a register is called before an instruction: local 'x', say.
func (p place) name(register, pc int) string {
	if register&constantBit != 0 {
		return ""
	}
	if name := p.local(register, pc); name != "" {
		return "local '" + name + "'"
	}
	set := p.setBefore(register, pc)
	if set < 0 {
		return ""
	}
	switch i := p.at(set); i.op() {
	case lua.OP_GETGLOBAL:
		name, isField := p.constant(i.bx()), false
		if name, isField = strings.CutPrefix(name, hiddenPrefix); isField { // see library
			return "field '" + name[strings.IndexByte(name, '.')+1:] + "'"
		}
		return "global '" + name + "'"
	case lua.OP_MOVE, lua.OP_MOVEN:
		if i.b() < i.a() {
			return p.name(i.b(), set)
		}
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS:
		return "field '" + p.field(i.c()) + "'"
	case lua.OP_SELF:
		if register == i.a() {
			return "method '" + p.field(i.c()) + "'"
		}
	case lua.OP_GETUPVAL:
		if i.b() < len(p.proto.DbgUpvalues) {
			return "upvalue '" + p.proto.DbgUpvalues[i.b()] + "'"
		}
	}
	return ""
}

// local is the name of the local variable that a register is, "" if that cannot be told:
// gopher-lua does not keep which register a variable has, and where it ends only of those
// whose register no other has.
func (p place) local(register, pc int) string {
	vars := p.proto.DbgLocals
	if register < min(int(p.proto.NumParameters), len(vars)) {
		return shown(vars[register].Name)
	}
	found, unsure := -1, register >= len(vars) || vars[register].EndPc < pc
	for i := 0; i < len(vars); {
		n := 1 // variables that begin at once
		for i+n < len(vars) && vars[i+n].StartPc == vars[i].StartPc {
			n++
		}
		first := p.firstOf(vars[i].StartPc, n)
		switch k := register - first; {
		case first < 0:
			unsure = true
		case 0 <= k && k < n && vars[i].StartPc <= pc:
			unsure = unsure || found >= 0
			found = i + k
		case 0 <= k && k < n:
			unsure = true
		}
		i += n
	}
	if found < 0 || unsure && p.setBefore(register, pc) >= vars[found].StartPc {
		return ""
	}
	return shown(vars[found].Name)
}

// firstOf is the register of the first of n variables that begin at once, which the
// instruction before them tells, -1 if it does not.
func (p place) firstOf(start, n int) int {
	if start == 0 || start >= len(p.proto.Code) || n > 1 && p.at(start).op() == lua.OP_CLOSURE { // a local function begins before its code
		return -1
	}
	last := p.at(start - 1)
	high := last.a()
	switch last.op() {
	case lua.OP_LOADNIL:
		high = last.b()
	case lua.OP_CALL:
		high += last.c() - 2
	case lua.OP_VARARG:
		high += last.b() - 2
	case lua.OP_FORPREP:
		high += 3
	case lua.OP_JMP: // to what gives the variables of a loop their values
		if to := start + last.jump(); to < len(p.proto.Code) && p.at(to).op() == lua.OP_TFORLOOP {
			return p.at(to).a() + 3
		}
		return -1
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_SETGLOBAL, lua.OP_SETUPVAL, lua.OP_SETLIST, lua.OP_CLOSE:
		return -1
	}
	return high - n + 1
}

// shown leaves out the names of what the compiler and the rewriter keep.
func shown(name string) string {
	if strings.HasPrefix(name, "(") || strings.HasPrefix(name, "\x00") {
		return ""
	}
	return name
}

func (p place) constant(i int) string {
	if i < len(p.proto.Constants) {
		if s, ok := p.proto.Constants[i].(lua.LString); ok {
			return string(s)
		}
	}
	return "?"
}

// field is the name of a field, "?" if it is not a constant.
func (p place) field(operand int) string {
	if operand&constantBit == 0 {
		return "?"
	}
	return p.constant(operand &^ constantBit)
}

// setBefore finds the instruction before pc that has put something into a register, -1 if
// there is none.
func (p place) setBefore(register, pc int) int {
	last := -1
	for at := 0; at < pc; at++ {
		i, sets := p.at(at), false
		a := i.a()
		switch i.op() {
		case lua.OP_SETGLOBAL, lua.OP_SETUPVAL, lua.OP_SETTABLE, lua.OP_SETTABLEKS, lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST,
			lua.OP_RETURN, lua.OP_SETLIST, lua.OP_CLOSE, lua.OP_NOP:
		case lua.OP_JMP:
			if to := at + 1 + i.jump(); to > at && to <= pc {
				at = to - 1
			}
		case lua.OP_LOADNIL:
			sets = a <= register && register <= i.b()
		case lua.OP_SELF:
			sets = register == a || register == a+1
		case lua.OP_CALL, lua.OP_TAILCALL, lua.OP_VARARG, lua.OP_TFORLOOP:
			sets = register >= a
		case lua.OP_FORLOOP, lua.OP_FORPREP:
			sets = a <= register && register <= a+3
		case lua.OP_CLOSURE:
			sets = register == a
			if n := i.bx(); n < len(p.proto.FunctionPrototypes) { // what follows are its upvalues
				at += int(p.proto.FunctionPrototypes[n].NumUpvalues)
				if sets {
					last = at
				}
				continue
			}
		default:
			sets = register == a
		}
		if sets {
			last = at
		}
	}
	return last
}

// named adds the name to an error that gopher-lua has raised, at a level of the stack.
func named(l *lua.LState, level int, text string) string {
	text = luaText(text)
	if strings.Contains(text, "bad argument #") {
		return ofMethod(l, level, text)
	}
	if !strings.HasSuffix(text, " value") {
		return text
	}
	p, ok := placeAt(l, level)
	if !ok {
		return text
	}
	i, what, register := p.at(p.pc), "", 0
	switch i.op() {
	case lua.OP_GETTABLE, lua.OP_GETTABLEKS, lua.OP_SELF:
		what, register = "index", i.b()
	case lua.OP_SETTABLE, lua.OP_SETTABLEKS:
		what, register = "index", i.a()
	case lua.OP_CALL, lua.OP_TAILCALL:
		what, register = "call", i.a()
	case lua.OP_TFORLOOP: // which is named nowhere
		return strings.Replace(text, "call a nil value", "call a "+p.kind(i.a())+" value", 1)
	case lua.OP_UNM:
		what, register = "perform arithmetic on", i.b()
	case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV:
		what, register = "perform arithmetic on", i.b()
		if register&constantBit != 0 || p.kind(register) == "number" {
			register = i.c()
		}
	default:
		return text
	}
	before, after, found := strings.Cut(text, "attempt to "+what+" a ")
	kind := p.kind(register)
	if !found || kind == "" || what == "index" && after != kind+" value" {
		return text
	}
	return before + p.complaint(what, register, kind)
}

// complaint is the error about what is in a register.
func (p place) complaint(what string, register int, kind string) string {
	if name := p.name(register, p.pc); name != "" {
		return "attempt to " + what + " " + name + " (a " + kind + " value)"
	}
	return "attempt to " + what + " a " + kind + " value"
}

// argument is what an error says of an argument, as luaText words it.
var argument = regexp.MustCompile(`bad argument #(\d+) to '(\w+)' \(`)

// ofMethod counts arguments as Lua does where the function at a level of the stack was
// called with a colon: the value in front of that is none of them.
func ofMethod(l *lua.LState, level int, text string) string {
	at := argument.FindStringSubmatchIndex(text)
	p, ok := placeAt(l, level+1)
	if at == nil || !ok {
		return text
	}
	name, i := text[at[4]:at[5]], p.at(p.pc)
	if op := i.op(); op != lua.OP_CALL && op != lua.OP_TAILCALL || p.name(i.a(), p.pc) != "method '"+name+"'" {
		return text
	}
	n, _ := strconv.Atoi(text[at[2]:at[3]])
	if n == 1 {
		return text[:at[0]] + "calling '" + name + "' on bad self (" + text[at[1]:]
	}
	return text[:at[0]] + "bad argument #" + strconv.Itoa(n-1) + " to '" + name + "' (" + text[at[1]:]
}

// blame is the error of a function of ours in the place of an operator, about its operand
// of that number.
func blame(l *lua.LState, what string, operand int, bad lua.LValue) string {
	kind := bad.Type().String()
	p, ok := placeAt(l, 1)
	if !ok {
		return "attempt to " + what + " a " + kind + " value"
	}
	register := constantBit
	switch i := p.at(p.pc); i.op() {
	case lua.OP_CALL, lua.OP_TAILCALL:
		register = i.a() + 1 + operand
	case lua.OP_ADD, lua.OP_SUB, lua.OP_MUL, lua.OP_DIV:
		register = []int{i.b(), i.c()}[operand]
	case lua.OP_UNM:
		register = i.b()
	}
	return p.complaint(what, register, kind)
}
