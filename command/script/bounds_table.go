package script

import "github.com/yuin/gopher-lua/ast"

// # Elements far away
//
// gopher-lua makes room in a table for all elements before one that is set (maxArray). A
// text that may set such elements again and again has to be watched, as it can take all
// memory before it ends.

// reachesFar reports whether one of the fields that are assigned to may be an element far
// from the first.
func (f *boundFinder) reachesFar(targets []ast.Expr) bool {
	for _, e := range targets {
		if a, ok := e.(*ast.AttrGetExpr); ok && !f.near(a.Key) {
			return true
		}
	}
	return false
}

// mayFillFar reports the same of a table that is written {[key] = value}.
func (f *boundFinder) mayFillFar(e ast.Expr) bool {
	t, ok := e.(*ast.TableExpr)
	if !ok {
		return false
	}
	for _, field := range t.Fields {
		if field.Key != nil && !f.near(field.Key) {
			return true
		}
	}
	return false
}

// near reports whether a key is a name, or an element that is not far from the first or the
// next of a table.
func (f *boundFinder) near(key ast.Expr) bool {
	switch key := key.(type) {
	case *ast.StringExpr:
		return true
	case *ast.IdentExpr:
		return f.steps[key.Value]
	case *ast.ArithmeticOpExpr: // #t + 1
		by, ok := literal(key.Rhs)
		id, _ := key.Lhs.(*ast.IdentExpr)
		from := measured(key.Lhs) != nil || id != nil && f.steps[id.Value]
		return ok && from && 0 <= by && by <= nearby && (key.Operator == "+" || key.Operator == "-")
	case *ast.FuncCallExpr:
		return measured(key) != nil || key.Func != nil && isName(key.Func, hiddenConcat)
	case *ast.AttrGetExpr: // keys and arguments are texts
		return isName(key.Object, f.tables...)
	}
	n, ok := literal(key)
	return ok && n <= nearby
}

// countingNames returns the names that are nothing but what loops go on with.
func countingNames(chunk []ast.Stmt, declared map[string]int) map[string]bool {
	counts := map[string]int{}
	walkStmts(chunk, func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.NumberForStmt:
			first, ok := literal(s.Init)
			if step, known := literal(s.Step); ok && first <= nearby && (s.Step == nil || known && step <= 4) {
				counts[s.Name]++
			}
		case *ast.GenericForStmt:
			for _, name := range s.Names { // in code that is short: of keys and arguments
				counts[name]++
			}
		}
	}, func(ast.Expr) {})
	names := map[string]bool{}
	for name, n := range counts {
		names[name] = n == declared[name]
	}
	return names
}
