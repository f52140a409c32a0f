package script

import "github.com/yuin/gopher-lua/ast"

// maxTurns is how often the innermost loop of a script may go round for the
// script to count as short: some hundred microseconds, were each turn to run a
// command.
const maxTurns = 256

// maxHelped is how many calls of functions of its own a script may have, those
// inside them included, to count as short.
const maxHelped = 64

// bounds tells of a piece of code whether it ends soon whatever happens: it has
// no loops but those over numbers that its text names and over its keys and
// arguments, which it does not change, and calls no functions but Lua's own and
// helpers. Such code needs nobody who could kill it.
type bounds struct {
	unknown bool
	turns   int // at most, of loops of the first kind, one in the other multiplied
	nested  int // at most, loops of the second kind in each other
	helped  int // calls of helpers that are written there
}

// short reports whether the code ends soon when it is given n keys and
// arguments.
func (b *bounds) short(n int) bool {
	turns := max(1, b.turns)
	for i := 0; i < b.nested && turns <= maxTurns; i++ {
		turns *= max(1, n)
	}
	return !b.unknown && turns <= maxTurns && b.helped <= maxHelped
}

// longer returns the bounds of code that runs as a or as b.
func longer(a, b bounds) bounds {
	return bounds{a.unknown || b.unknown, max(a.turns, b.turns), max(a.nested, b.nested), max(a.helped, b.helped)}
}

// findBounds looks at a script that has been rewritten.
func findBounds(chunk []ast.Stmt) bounds {
	h, ok := findHelpers(chunk)
	if !ok {
		return bounds{unknown: true}
	}
	args := []string{"KEYS", "ARGV"}
	if h.mayLoopOver(chunk, args) {
		h.global = args
	}
	return h.boundsOf(chunk, h.global)
}

// functionLines is where a function stands in the text of a library.
type functionLines struct{ first, last int }

// findFunctionBounds looks at a library that has been rewritten. Of functions on
// the same lines it says what holds for all of them.
func findFunctionBounds(chunk []ast.Stmt) map[functionLines]bounds {
	h, ok := findHelpers(chunk)
	if !ok {
		return nil
	}
	found := map[functionLines]bounds{}
	walkStmts(chunk, func(ast.Stmt) {}, func(e ast.Expr) {
		if fn, ok := e.(*ast.FunctionExpr); ok {
			args := fn.ParList.Names[:min(2, len(fn.ParList.Names))]
			if !h.mayLoopOver(fn.Stmts, args) {
				args = nil
			}
			at := functionLines{fn.Line(), fn.LastLine()}
			found[at] = longer(found[at], h.boundsOf(fn.Stmts, args))
		}
	})
	return found
}

// boundFinder walks a piece of code.
type boundFinder struct {
	*helpers
	tables []string // of keys and arguments
	bounds
}

func (h *helpers) boundsOf(body []ast.Stmt, tables []string) bounds {
	f := &boundFinder{helpers: h, tables: tables}
	f.block(body, 1, 0)
	return f.bounds
}

// block walks statements inside so many turns and loops over tables.
func (f *boundFinder) block(list []ast.Stmt, turns, nested int) {
	if turns > maxTurns {
		f.unknown = true
		return
	}
	f.turns, f.nested = max(f.turns, turns), max(f.nested, nested)
	for _, s := range list {
		f.calls(exprsOf(s), turns, nested)
		if a, ok := s.(*ast.AssignStmt); ok {
			f.unknown = f.unknown || f.reachesFar(a.Lhs)
		}
		turns, nested := turns, nested
		switch s := s.(type) {
		case *ast.NumberForStmt:
			if n, overTable := f.numberTurns(s); overTable {
				nested++
			} else {
				turns *= n
			}
		case *ast.GenericForStmt:
			f.unknown = f.unknown || throughTable(s, f.tables) == nil
			nested++
		case *ast.WhileStmt, *ast.RepeatStmt, *ast.GotoStmt, *ast.LabelStmt, *ast.FuncDefStmt:
			f.unknown = true
		}
		for _, inner := range blocksOf(s) {
			f.block(inner, turns, nested)
		}
	}
}

// calls adds what the helpers take that expressions call.
func (f *boundFinder) calls(list []ast.Expr, turns, nested int) {
	fine := map[ast.Expr]bool{}
	walkHere(list, func(e ast.Expr) {
		f.unknown = f.unknown || matches(e, fine) || f.mayFillFar(e)
		fn := f.called(e)
		if fn == nil {
			return
		}
		b := f.ofHelper(fn)
		f.unknown = f.unknown || b.unknown || turns*b.turns > maxTurns
		f.turns, f.nested = max(f.turns, turns*b.turns), max(f.nested, nested+b.nested)
		f.helped = min(f.helped+1+b.helped, maxHelped+1)
	})
}

// numberTurns returns how often a numeric loop goes round, more than maxTurns
// if its text does not say; or that it does so for each element of a table.
func (f *boundFinder) numberTurns(s *ast.NumberForStmt) (turns int, overTable bool) {
	const many = maxTurns + 1
	first, ok := literal(s.Init)
	step := 1.0
	if s.Step != nil && ok {
		step, ok = literal(s.Step)
	}
	if !ok || step == 0 {
		return many, false
	}
	if of := measured(s.Limit); of != nil && isName(of, f.tables...) {
		return many, first >= 0 && step >= 1
	}
	last, ok := literal(s.Limit)
	n := (last - first) / step
	if !ok || !(n < maxTurns) {
		return many, false
	}
	return max(0, int(n)) + 1, false
}

// literal reads a number that stands in the text, -1 included.
func literal(e ast.Expr) (float64, bool) {
	if m, ok := e.(*ast.UnaryMinusOpExpr); ok {
		v, ok := literal(m.Expr)
		return -v, ok
	}
	n, ok := e.(*ast.NumberExpr)
	if !ok {
		return 0, false
	}
	v, ok := parseNumber(n.Value)
	return float64(v), ok
}
