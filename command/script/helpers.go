package script

import "github.com/yuin/gopher-lua/ast"

// helpers are the functions that a text has for itself: local variables of names
// that are declared once and used only to be called. As long as a text has no
// other functions, and a library hands them to redis.register_function only,
// whatever else is called there is one of Lua's own, and none of those can get
// at them.
type helpers struct {
	byName map[string]*ast.FunctionExpr
	global []string // tables that all code sees and none changes
	found  map[*ast.FunctionExpr]bounds
	steps  map[string]bool // names that are only what loops go on with, see near
	redone bool            // unpack, ipairs or pairs may be something else
}

// findHelpers looks at a chunk that has been rewritten; ok is false if functions
// go elsewhere, or there might be code that is not in the text.
func findHelpers(chunk []ast.Stmt) (h *helpers, ok bool) {
	h = &helpers{byName: map[string]*ast.FunctionExpr{}, found: map[*ast.FunctionExpr]bounds{}}
	declared := countNames(chunk)
	h.steps = countingNames(chunk, declared)
	h.redone = declared["unpack"]+declared["ipairs"]+declared["pairs"] > 0
	fine := map[ast.Expr]bool{}
	walkStmts(chunk, func(s ast.Stmt) {
		if s, ok := s.(*ast.LocalAssignStmt); ok {
			for i, e := range s.Exprs {
				if fn, ok := e.(*ast.FunctionExpr); ok && i < len(s.Names) && declared[s.Names[i]] == 1 {
					h.byName[s.Names[i]] = fn
					fine[fn] = true
				}
			}
		}
	}, func(ast.Expr) {})
	ok = declared["redis"] == 0
	walkStmts(chunk, func(ast.Stmt) {}, func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.FuncCallExpr:
			fine[e.Func] = fine[e.Func] || h.called(e) != nil
			for _, given := range registered(e) {
				fine[given] = true
			}
		case *ast.FunctionExpr:
			ok = ok && fine[e]
		case *ast.IdentExpr:
			bad := h.byName[e.Value] != nil || revealing[e.Value] && e.Value != callName && e.Value != pcallName
			ok = ok && (fine[e] || !bad)
		}
	})
	return h, ok
}

// registered returns what a call of redis.register_function has and gives to it.
func registered(c *ast.FuncCallExpr) (fine []ast.Expr) {
	a, ok := c.Func.(*ast.AttrGetExpr)
	if !ok || !isName(a.Object, "redis") {
		return nil
	}
	if key, ok := a.Key.(*ast.StringExpr); !ok || key.Value != "register_function" {
		return nil
	}
	fine = append(fine, a.Object)
	for _, e := range c.Args {
		fine = append(fine, e)
		if t, ok := e.(*ast.TableExpr); ok {
			for _, field := range t.Fields {
				fine = append(fine, field.Value)
			}
		}
	}
	return fine
}

// called returns the helper that an expression calls, nil if it calls none.
func (h *helpers) called(e ast.Expr) *ast.FunctionExpr {
	c, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return nil
	}
	id, ok := c.Func.(*ast.IdentExpr)
	if !ok {
		return nil
	}
	return h.byName[id.Value]
}

// ofHelper returns the bounds of a helper, whatever it is given. One that calls
// itself has none.
func (h *helpers) ofHelper(fn *ast.FunctionExpr) bounds {
	b, seen := h.found[fn]
	if !seen {
		h.found[fn] = bounds{unknown: true}
		b = h.boundsOf(fn.Stmts, h.global)
		h.found[fn] = b
	}
	return b
}

// mayLoopOver reports whether loops over the tables of these names go round as
// often as they have elements.
func (h *helpers) mayLoopOver(code []ast.Stmt, names []string) bool {
	return !h.redone && keepsTables(code, names...)
}
