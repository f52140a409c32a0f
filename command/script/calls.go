package script

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// # Which keys a script touches
//
// A script may touch any key, so it needs the whole keyspace, unless its text
// shows that it keeps to those it was given. Most do: they say
// redis.call('get', KEYS[1]). Finding it out while the script runs is too late:
// what it has written cannot be taken back, and the locks that it then lacks
// cannot be waited for by one who holds others.
//
// So the text is looked at once, when it is compiled. Every use of redis.call
// must be a call in which it is known, of each argument, what it is (Arg). KEYS
// must be used in ways only that do not change it or give it away. A local
// variable stands for what it was given if its name is declared once in the
// whole text and never assigned; where such a name is used outside its scope it
// is an undefined global, which is an error when it runs. Anything else, and the
// script is one that may touch any key.

// ArgKind says what is known of an argument of redis.call.
type ArgKind uint8

// Kinds of arguments.
const (
	Unknown    ArgKind = iota // one value
	UnknownAll                // any number of values; it is the last argument
	Constant                  // Arg.Text
	OneKey                    // an element of KEYS
	AllKeys                   // any number of elements of KEYS; it is the last argument
)

// Arg is one argument of a call.
type Arg struct {
	Kind ArgKind
	Text string
}

// Call is one place in a script where a command is run.
type Call []Arg

const (
	callName  = hiddenPrefix + "redis.call"
	pcallName = hiddenPrefix + "redis.pcall"
)

// revealing are the names through which a script could get at KEYS, redis.call
// or code that is not in its text, and those whose meaning is relied on here.
var (
	revealing = map[string]bool{
		"_G": true, "getfenv": true, "setfenv": true, "load": true, "loadstring": true, "redis": true, callName: true, pcallName: true,
	}
	reliedOn = map[string]bool{"redis": true, "unpack": true, "ipairs": true, "pairs": true, "_VERSION": true}
)

// findCalls returns the commands that a chunk runs; ok is false if it may run
// others, or with keys that cannot be known. The chunk has been rewritten.
func findCalls(chunk []ast.Stmt) (calls []Call, ok bool) {
	f := &callFinder{declared: countNames(chunk), locals: map[string]ast.Expr{}}
	for name := range reliedOn {
		if f.declared[name] > 0 {
			return nil, false
		}
	}
	f.lost = !keepsTables(chunk, "KEYS")
	f.variables(chunk)
	f.block(chunk)
	return f.calls, !f.lost
}

var keysOnly = []string{"KEYS"}

// keyOf stands for a local variable that a loop over KEYS sets.
var keyOf ast.Expr = &ast.AttrGetExpr{Object: &ast.IdentExpr{Value: "KEYS"}, Key: &ast.NilExpr{}}

// callFinder walks a chunk twice: for the variables, then for the calls.
type callFinder struct {
	declared map[string]int      // how often a name is declared or assigned
	locals   map[string]ast.Expr // what a local variable is given where it is declared
	calls    []Call
	lost     bool
}

// variables notes what local variables are given.
func (f *callFinder) variables(chunk []ast.Stmt) {
	walkStmts(chunk, func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.LocalAssignStmt:
			for i, name := range s.Names {
				if i < len(s.Exprs) {
					f.locals[name] = s.Exprs[i]
				}
			}
		case *ast.GenericForStmt:
			if len(s.Names) > 1 && throughTable(s, keysOnly) != nil {
				f.locals[s.Names[1]] = keyOf
			}
		}
	}, func(ast.Expr) {})
}

func isKEYS(e ast.Expr) bool { return isName(e, "KEYS") }

// given is what a name stands for, e itself if that is not known.
func (f *callFinder) given(e ast.Expr) ast.Expr {
	if id, ok := e.(*ast.IdentExpr); ok && f.declared[id.Value] == 1 && f.locals[id.Value] != nil {
		return f.locals[id.Value]
	}
	return e
}

// block looks at every expression of the chunk. Those that are fine where they
// stand are noted before the walk comes to them.
func (f *callFinder) block(chunk []ast.Stmt) {
	fine := map[ast.Expr]bool{}
	walkStmts(chunk, func(s ast.Stmt) {
		if s, ok := s.(*ast.LocalAssignStmt); ok {
			for i, e := range s.Exprs { // local call = redis.call
				if i < len(s.Names) && f.declared[s.Names[i]] == 1 && isName(e, callName, pcallName) {
					fine[e] = true
				}
			}
		}
	}, func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.IdentExpr:
			bad := revealing[e.Value] || isName(f.given(e), callName, pcallName)
			f.lost = f.lost || bad && !fine[e]
		case *ast.FuncCallExpr:
			if e.Func != nil && isName(f.given(e.Func), callName, pcallName) {
				fine[e.Func] = true
				f.calls = append(f.calls, f.args(e.Args))
			}
		}
	})
}

func (f *callFinder) args(list []ast.Expr) Call {
	call := make(Call, len(list))
	for i, e := range list {
		call[i] = f.arg(e, i == len(list)-1)
	}
	return call
}

func (f *callFinder) arg(e ast.Expr, last bool) Arg {
	if v := f.given(e); v != e { // one value, whatever it was made of
		e, last = v, false
	}
	switch e := e.(type) {
	case *ast.StringExpr:
		return Arg{Constant, e.Value}
	case *ast.NumberExpr:
		if strings.Trim(e.Value, "0123456789") == "" {
			return Arg{Constant, e.Value}
		}
	case *ast.AttrGetExpr:
		if isKEYS(e.Object) {
			return Arg{Kind: OneKey}
		}
	case *ast.FuncCallExpr:
		many := last && !e.AdjustRet
		switch {
		case callsWith(e, keysOnly, "unpack") && many:
			return Arg{Kind: AllKeys}
		case callsWith(e, keysOnly, "unpack"):
			return Arg{Kind: OneKey}
		case many:
			return Arg{Kind: UnknownAll}
		}
	case *ast.Comma3Expr:
		if last && !e.AdjustRet {
			return Arg{Kind: UnknownAll}
		}
	}
	return Arg{Kind: Unknown}
}
