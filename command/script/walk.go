package script

import "github.com/yuin/gopher-lua/ast"

// walkStmts calls stmt and expr for everything in a chunk, the outer before the
// inner.
func walkStmts(list []ast.Stmt, stmt func(ast.Stmt), expr func(ast.Expr)) {
	w := walker{stmt, expr}
	w.stmts(list)
}

type walker struct {
	seenStmt func(ast.Stmt)
	seenExpr func(ast.Expr)
}

// walkHere calls seen for the expressions in list and what they are made of,
// but for the bodies of functions.
func walkHere(list []ast.Expr, seen func(ast.Expr)) {
	w := walker{seenExpr: seen}
	w.exprs(list...)
}

func (w *walker) stmts(list []ast.Stmt) {
	for _, s := range list {
		w.seenStmt(s)
		w.exprs(exprsOf(s)...)
		for _, block := range blocksOf(s) {
			w.stmts(block)
		}
	}
}

// exprsOf returns the expressions of a statement itself.
func exprsOf(s ast.Stmt) []ast.Expr {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return append(s.Lhs[:len(s.Lhs):len(s.Lhs)], s.Rhs...)
	case *ast.LocalAssignStmt:
		return s.Exprs
	case *ast.FuncCallStmt:
		return []ast.Expr{s.Expr}
	case *ast.WhileStmt:
		return []ast.Expr{s.Condition}
	case *ast.RepeatStmt:
		return []ast.Expr{s.Condition}
	case *ast.IfStmt:
		return []ast.Expr{s.Condition}
	case *ast.NumberForStmt:
		return []ast.Expr{s.Init, s.Limit, s.Step}
	case *ast.GenericForStmt:
		return s.Exprs
	case *ast.FuncDefStmt:
		return []ast.Expr{s.Name.Func, s.Name.Receiver, s.Func}
	case *ast.ReturnStmt:
		return s.Exprs
	}
	return nil
}

// blocksOf returns the statements inside a statement.
func blocksOf(s ast.Stmt) [][]ast.Stmt {
	switch s := s.(type) {
	case *ast.DoBlockStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.WhileStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.RepeatStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.IfStmt:
		return [][]ast.Stmt{s.Then, s.Else}
	case *ast.NumberForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.GenericForStmt:
		return [][]ast.Stmt{s.Stmts}
	}
	return nil
}

func (w *walker) exprs(list ...ast.Expr) {
	for _, e := range list {
		if e == nil {
			continue
		}
		w.seenExpr(e)
		w.within(e)
	}
}

func (w *walker) within(e ast.Expr) {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		w.exprs(e.Object, e.Key)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.exprs(f.Key, f.Value)
		}
	case *ast.FuncCallExpr:
		w.exprs(e.Func, e.Receiver)
		w.exprs(e.Args...)
	case *ast.LogicalOpExpr:
		w.exprs(e.Lhs, e.Rhs)
	case *ast.RelationalOpExpr:
		w.exprs(e.Lhs, e.Rhs)
	case *ast.StringConcatOpExpr:
		w.exprs(e.Lhs, e.Rhs)
	case *ast.ArithmeticOpExpr:
		w.exprs(e.Lhs, e.Rhs)
	case *ast.UnaryMinusOpExpr:
		w.exprs(e.Expr)
	case *ast.UnaryNotOpExpr:
		w.exprs(e.Expr)
	case *ast.UnaryLenOpExpr:
		w.exprs(e.Expr)
	case *ast.FunctionExpr:
		if w.seenStmt != nil {
			w.stmts(e.Stmts)
		}
	}
}
