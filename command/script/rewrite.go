package script

import (
	"errors"
	"slices"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// Names that no script can write, for what the rewriter puts in.
const (
	hiddenConcat = "\x00concat"
	hiddenMod    = "\x00mod"
	hiddenPow    = "\x00pow"
	hiddenNumber = "\x00number"
	hiddenLength = "\x00length"
	hiddenGlobal = "\x00readonly" // never defined: assigning it raises the error
	hiddenPrefix = "\x00lib."
)

// hiddenOperators are those that gopher-lua computes otherwise than Lua.
var hiddenOperators = map[string]string{"%": hiddenMod, "^": hiddenPow}

// maxDepth bounds how deep expressions and blocks nest, and the left-leaning trees
// of long sums.
const maxDepth = 3000

var errTooDeep = errors.New("chunk has too many syntax levels")

// rewriter walks a chunk before it is compiled. It turns concatenation into a
// call of ours, which bounds the size and prints numbers as Lua does, and % and ^ into
// ones that round as Lua does; it makes numbers of what a loop counts with; it makes
// assignments to globals fail; it finds library functions at compile time.
type rewriter struct {
	scopes []map[string]bool
	depth  int
}

func (r *rewriter) rewrite(chunk []ast.Stmt) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			if cause != errTooDeep {
				panic(cause)
			}
			err = errTooDeep
		}
	}()
	r.block(chunk)
	return nil
}

func (r *rewriter) enter() {
	if r.depth++; r.depth > maxDepth {
		panic(errTooDeep)
	}
}

func (r *rewriter) leave() { r.depth-- }

func (r *rewriter) push() { r.scopes = append(r.scopes, nil) }
func (r *rewriter) pop()  { r.scopes = r.scopes[:len(r.scopes)-1] }
func (r *rewriter) local(name string) {
	top := &r.scopes[len(r.scopes)-1]
	if *top == nil {
		*top = map[string]bool{}
	}
	(*top)[name] = true
}

func (r *rewriter) isLocal(name string) bool {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if r.scopes[i][name] {
			return true
		}
	}
	return false
}

func (r *rewriter) block(stmts []ast.Stmt) {
	r.push()
	r.stmts(stmts)
	r.pop()
}

func (r *rewriter) stmts(stmts []ast.Stmt) {
	r.enter()
	for i, s := range stmts {
		if a, ok := s.(*ast.AssignStmt); ok && (len(a.Lhs) > 1 || inPlace(a)) {
			s = apart(a)
			stmts[i] = s
		}
		r.stmt(s)
	}
	r.leave()
}

func (r *rewriter) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		for i, e := range s.Lhs {
			if id, ok := e.(*ast.IdentExpr); ok {
				r.assigned(id)
				continue
			}
			s.Lhs[i] = r.target(e)
		}
		r.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		if len(s.Exprs) == 1 && len(s.Names) == 1 {
			if f, ok := s.Exprs[0].(*ast.FunctionExpr); ok { // local function f: f is seen inside
				_ = f
				r.local(s.Names[0])
			}
		}
		r.exprs(s.Exprs)
		for _, n := range s.Names {
			r.local(n)
		}
	case *ast.FuncCallStmt:
		s.Expr = r.call(s.Expr)
	case *ast.DoBlockStmt:
		r.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = r.expr(s.Condition)
		r.block(s.Stmts)
	case *ast.RepeatStmt:
		r.push()
		r.stmts(s.Stmts)
		s.Condition = r.expr(s.Condition)
		r.pop()
	case *ast.IfStmt:
		s.Condition = r.expr(s.Condition)
		r.block(s.Then)
		r.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Step = r.number(s.Init), r.number(s.Limit), r.number(s.Step)
		r.push()
		r.local(s.Name)
		r.block(s.Stmts)
		r.pop()
	case *ast.GenericForStmt:
		r.exprs(s.Exprs)
		r.push()
		for _, n := range s.Names {
			r.local(n)
		}
		r.block(s.Stmts)
		r.pop()
	case *ast.FuncDefStmt:
		r.funcDef(s)
	case *ast.ReturnStmt:
		r.exprs(s.Exprs)
	}
}

// inPlace reports whether gopher-lua would compute the value of an assignment in the
// place of a variable, and miscompute it there: a = b and c leaves a as it was if b is
// nothing, and a = (...) fails or writes to the variable behind it.
func inPlace(a *ast.AssignStmt) bool {
	if _, ok := a.Lhs[0].(*ast.IdentExpr); !ok {
		return false
	}
	switch e := a.Rhs[0].(type) {
	case *ast.LogicalOpExpr:
		return true
	case *ast.Comma3Expr:
		return e.AdjustRet
	}
	return false
}

// apart makes of an assignment to several variables one after the other, of values that
// were all there before the first: gopher-lua swaps nothing in a, b = b, a.
func apart(a *ast.AssignStmt) ast.Stmt {
	before := &ast.LocalAssignStmt{} // the tables and keys that are assigned to
	values := &ast.LocalAssignStmt{Exprs: a.Rhs}
	block := &ast.DoBlockStmt{}
	var each []ast.Stmt
	for i, target := range a.Lhs {
		if field, ok := target.(*ast.AttrGetExpr); ok {
			object, key := hiddenName("\x00object", i, a), hiddenName("\x00key", i, a)
			before.Names = append(before.Names, object.Value, key.Value)
			before.Exprs = append(before.Exprs, onlyFirst(field.Object), onlyFirst(field.Key))
			field.Object, field.Key = object, key
		}
		value := hiddenName("\x00value", i, a)
		values.Names = append(values.Names, value.Value)
		each = append(each, &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{value}})
	}
	if len(before.Names) > 0 {
		block.Stmts = append(block.Stmts, before)
	}
	block.Stmts = append(block.Stmts, values)
	slices.Reverse(each) // as Lua does
	block.Stmts = append(block.Stmts, each...)
	for _, s := range append(block.Stmts, block) {
		s.SetLine(a.Line())
		s.SetLastLine(a.LastLine())
	}
	return block
}

func hiddenName(name string, i int, at ast.PositionHolder) *ast.IdentExpr {
	id := &ast.IdentExpr{Value: name + strconv.Itoa(i)}
	id.SetLine(at.Line())
	id.SetLastLine(at.LastLine())
	return id
}

// onlyFirst is an expression of which only the first value counts.
func onlyFirst(e ast.Expr) ast.Expr {
	switch v := e.(type) {
	case *ast.FuncCallExpr:
		v.AdjustRet = true
	case *ast.Comma3Expr:
		v.AdjustRet = true
	}
	return e
}

func (r *rewriter) funcDef(s *ast.FuncDefStmt) {
	if s.Name.Func != nil {
		if id, ok := s.Name.Func.(*ast.IdentExpr); ok {
			r.assigned(id)
		} else {
			s.Name.Func = r.target(s.Name.Func)
		}
	}
	if s.Name.Receiver != nil {
		s.Name.Receiver = r.expr(s.Name.Receiver)
	}
	r.function(s.Func)
	if s.Name.Receiver != nil {
		return
	}
}

// assigned makes the assignment to a global raise the error about it.
func (r *rewriter) assigned(id *ast.IdentExpr) {
	if !r.isLocal(id.Value) {
		id.Value = hiddenGlobal
	}
}

// target is the left side of an assignment to a field.
func (r *rewriter) target(e ast.Expr) ast.Expr {
	if a, ok := e.(*ast.AttrGetExpr); ok {
		a.Object, a.Key = r.expr(a.Object), r.expr(a.Key)
		return a
	}
	return r.expr(e)
}

func (r *rewriter) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = r.expr(e)
	}
}

func (r *rewriter) function(f *ast.FunctionExpr) {
	r.push()
	for _, n := range f.ParList.Names {
		r.local(n)
	}
	r.local("self")
	r.local("arg")
	r.block(f.Stmts)
	r.pop()
}

func (r *rewriter) expr(e ast.Expr) ast.Expr {
	if e == nil {
		return nil
	}
	r.enter()
	defer r.leave()
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		if id := r.library(e); id != nil {
			return id
		}
		e.Object, e.Key = r.expr(e.Object), r.expr(e.Key)
	case *ast.NumberExpr: // gopher-lua would read 010 as 8
		for len(e.Value) > 1 && e.Value[0] == '0' && '0' <= e.Value[1] && e.Value[1] <= '9' {
			e.Value = e.Value[1:]
		}
	case *ast.TableExpr:
		for _, f := range e.Fields {
			if f.Key == nil {
				f.Value = r.expr(f.Value)
			} else { // behind elements, gopher-lua would append all that comes last, too
				f.Key, f.Value = r.expr(f.Key), r.single(f.Value)
			}
		}
	case *ast.FuncCallExpr:
		return r.call(e)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return r.concat(e)
	case *ast.ArithmeticOpExpr:
		if name := hiddenOperators[e.Operator]; name != "" {
			c := hiddenCall(name, e)
			c.Args = []ast.Expr{r.single(e.Lhs), r.single(e.Rhs)}
			return c
		}
		e.Lhs, e.Rhs = r.expr(e.Lhs), r.expr(e.Rhs)
	case *ast.UnaryMinusOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = r.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		c := hiddenCall(hiddenLength, e)
		c.Args = []ast.Expr{r.single(e.Expr)}
		return c
	case *ast.FunctionExpr:
		r.function(e)
	}
	return e
}

func (r *rewriter) call(e ast.Expr) ast.Expr {
	c, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return r.expr(e)
	}
	if c.Func != nil {
		c.Func = r.expr(c.Func)
	}
	if c.Receiver != nil {
		c.Receiver = r.expr(c.Receiver)
	}
	r.exprs(c.Args)
	return c
}

// concat makes one call of a chain a .. b .. c.
func (r *rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	c := hiddenCall(hiddenConcat, e)
	var rest ast.Expr = e
	for n := 0; n < 200; n++ { // arguments are registers, and those are few
		more, ok := rest.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		c.Args = append(c.Args, r.single(more.Lhs))
		rest = more.Rhs
	}
	c.Args = append(c.Args, r.single(rest))
	return c
}

// number rewrites what a loop begins, ends or steps with: a string that is a number will do.
func (r *rewriter) number(e ast.Expr) ast.Expr {
	if e == nil {
		return nil
	}
	e = r.single(e)
	switch e.(type) {
	case *ast.NumberExpr, *ast.ArithmeticOpExpr, *ast.UnaryMinusOpExpr: // is one
		return e
	}
	if measured(e) != nil {
		return e
	}
	c := hiddenCall(hiddenNumber, e)
	c.Args = []ast.Expr{e}
	return c
}

// hiddenCall is a call of a function of ours in the place of an operator.
func hiddenCall(name string, e ast.Expr) *ast.FuncCallExpr {
	fn := &ast.IdentExpr{Value: name}
	fn.SetLine(e.Line())
	fn.SetLastLine(e.LastLine())
	c := &ast.FuncCallExpr{Func: fn, AdjustRet: true}
	c.SetLine(e.Line())
	c.SetLastLine(e.LastLine())
	return c
}

// measured returns what # is applied to, of a chunk that has been rewritten, or nil.
func measured(e ast.Expr) ast.Expr {
	if c, ok := e.(*ast.FuncCallExpr); ok && c.Func != nil && isName(c.Func, hiddenLength) {
		return c.Args[0]
	}
	return nil
}

// single rewrites an operand, of which only the first value counts.
func (r *rewriter) single(e ast.Expr) ast.Expr {
	return onlyFirst(r.expr(e))
}

// library finds redis.call and the like at once: the tables cannot change.
func (r *rewriter) library(e *ast.AttrGetExpr) ast.Expr {
	obj, ok := e.Object.(*ast.IdentExpr)
	if !ok || !libraryNames[obj.Value] || r.isLocal(obj.Value) {
		return nil
	}
	key, ok := e.Key.(*ast.StringExpr)
	if !ok || !libraryFields[obj.Value+"."+key.Value] {
		return nil
	}
	id := &ast.IdentExpr{Value: hiddenPrefix + obj.Value + "." + key.Value}
	id.SetLine(e.Line())
	id.SetLastLine(e.LastLine())
	return id
}
