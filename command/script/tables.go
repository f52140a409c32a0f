package script

import "github.com/yuin/gopher-lua/ast"

// countNames returns how often each name is declared or assigned in a chunk.
func countNames(chunk []ast.Stmt) map[string]int {
	count := map[string]int{}
	add := func(names ...string) {
		for _, n := range names {
			count[n]++
		}
	}
	assigned := func(list ...ast.Expr) {
		for _, e := range list {
			if id, ok := e.(*ast.IdentExpr); ok {
				add(id.Value)
			}
		}
	}
	walkStmts(chunk, func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.LocalAssignStmt:
			add(s.Names...)
		case *ast.AssignStmt:
			assigned(s.Lhs...)
		case *ast.NumberForStmt:
			add(s.Name)
		case *ast.GenericForStmt:
			add(s.Names...)
		case *ast.FuncDefStmt:
			assigned(s.Name.Func)
		}
	}, func(e ast.Expr) {
		if fn, ok := e.(*ast.FunctionExpr); ok {
			add("arg", "self")
			add(fn.ParList.Names...)
		}
	})
	return count
}

// keepsTables reports whether a chunk neither changes the tables of these names
// nor gives them away to what might: it has their elements, their lengths, and
// all their elements at once, and goes through them in loops. It relies on
// unpack, ipairs and pairs being what they are.
func keepsTables(chunk []ast.Stmt, names ...string) bool {
	declared := countNames(chunk)
	keeps := true
	for _, n := range names {
		keeps = keeps && declared[n] == 0
	}
	changed := func(e ast.Expr) {
		a, ok := e.(*ast.AttrGetExpr)
		keeps = keeps && !(ok && isName(a.Object, names...))
	}
	fine := map[ast.Expr]bool{} // noted before the walk comes to them
	walkStmts(chunk, func(s ast.Stmt) {
		switch s := s.(type) {
		case *ast.AssignStmt:
			for _, e := range s.Lhs {
				changed(e)
			}
		case *ast.FuncDefStmt:
			changed(s.Name.Func)
		case *ast.GenericForStmt: // elsewhere, ipairs would give it away
			if t := throughTable(s, names); t != nil {
				fine[t] = true
			}
		}
	}, func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.IdentExpr:
			keeps = keeps && (fine[e] || !isName(e, names...))
		case *ast.AttrGetExpr:
			fine[e.Object] = true
		case *ast.FuncCallExpr:
			if of := measured(e); of != nil {
				fine[of] = true
			} else if callsWith(e, names, "unpack") {
				fine[e.Args[0]] = true
			}
		}
	})
	return keeps
}

// throughTable returns the table of these names that a loop goes through, nil
// if it goes through something else.
func throughTable(s *ast.GenericForStmt, names []string) ast.Expr {
	if len(s.Exprs) != 1 || !callsWith(s.Exprs[0], names, "ipairs", "pairs") {
		return nil
	}
	return s.Exprs[0].(*ast.FuncCallExpr).Args[0]
}

// callsWith reports whether e calls one of the named functions with one of the
// named tables first.
func callsWith(e ast.Expr, tables []string, functions ...string) bool {
	c, ok := e.(*ast.FuncCallExpr)
	return ok && c.Func != nil && isName(c.Func, functions...) && len(c.Args) > 0 && isName(c.Args[0], tables...)
}

func isName(e ast.Expr, names ...string) bool {
	id, ok := e.(*ast.IdentExpr)
	if !ok {
		return false
	}
	for _, name := range names {
		if id.Value == name {
			return true
		}
	}
	return false
}
