package script

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// matching are the functions that match patterns. With some patterns they try
// everything there is, and so for ever; a text that uses them is short only if
// it shows a pattern that is not one of those.
var matching = map[string]bool{"find": true, "match": true, "gmatch": true, "gfind": true, "gsub": true}

// matches reports whether an expression gives or calls a function that may match
// for long. fine are those that were found not to: an expression comes after what
// it is part of.
func matches(e ast.Expr, fine map[ast.Expr]bool) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		if e.Func == nil {
			return matching[e.Method] && !quick(e.Method, e.Args)
		}
		if name := stringFunction(e.Func); name != "" && len(e.Args) > 0 && quick(name, e.Args[1:]) {
			fine[e.Func] = true
		}
	case *ast.IdentExpr:
		return stringFunction(e) != "" && !fine[e]
	case *ast.AttrGetExpr:
		key, ok := e.Key.(*ast.StringExpr)
		return ok && matching[key.Value]
	}
	return false
}

// stringFunction returns the name of the function that the rewriter has found in
// the library, if it is one of those.
func stringFunction(e ast.Expr) string {
	if id, ok := e.(*ast.IdentExpr); ok {
		if name, ok := strings.CutPrefix(id.Value, hiddenPrefix+"string."); ok && matching[name] {
			return name
		}
	}
	return ""
}

// quick reports whether a call with these arguments behind the text takes no
// longer than the text is long, a few times over.
func quick(name string, args []ast.Expr) bool {
	if name == "find" && len(args) > 2 {
		if _, plain := args[2].(*ast.TrueExpr); plain {
			return true
		}
	}
	if len(args) == 0 {
		return false
	}
	pat, ok := args[0].(*ast.StringExpr)
	return ok && linear(pat.Value, name != "gmatch" && name != "gfind")
}

// linear reports whether a pattern is matched in a time that grows as the text
// does: it repeats nothing, or once where nothing can fail behind it, or at one
// place of the text only.
func linear(pat string, anchors bool) bool {
	rest, anchored := cut(pat), false
	if anchors {
		rest, anchored = strings.CutPrefix(rest, "^")
	}
	repeats, behind := 0, false
	for rest != "" {
		if rest[0] == '(' || rest[0] == ')' {
			rest = rest[1:]
			continue
		}
		if len(rest) > 1 && rest[0] == '%' && (rest[1] == 'b' || rest[1] == 'f' || isDigit(rest[1])) {
			return false
		}
		end, fault := classEnd(rest, 0)
		if fault != "" {
			return false
		}
		behind = behind || repeats > 0
		if rest = rest[end:]; rest != "" && strings.IndexByte("*+-?", rest[0]) >= 0 {
			rest = rest[1:]
			repeats++
		}
	}
	return repeats == 0 || repeats == 1 && (anchored || !behind)
}
