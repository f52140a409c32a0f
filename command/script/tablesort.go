package script

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// # Sorting
//
// Lua's sort is not stable, and what it makes of elements that are equal, or of a
// comparison that contradicts itself, depends on what it compares and swaps, step by
// step. Scripts see it: whom of two with the same score comes first. So these are the
// steps of Lua 5.1: quicksort with the median of three, the smaller part first.

// sorter sorts a table by a function, or by < if there is none.
type sorter struct {
	vm    *VM
	l     *lua.LState
	t     *lua.LTable
	by    lua.LValue
	steps int
	fair  int // steps that are to be expected of a table of that size
}

// tableSort is table.sort.
func (vm *VM) tableSort(l *lua.LState) int {
	t := vm.checkTable(l, 1)
	n := lengthOf(t)
	s := sorter{vm: vm, l: l, t: t, by: l.Get(2), fair: 64 * (n + 1)}
	if s.by != lua.LNil && s.by.Type() != lua.LTFunction {
		vm.badType(l, 2, "function")
	}
	if n > 0 {
		vm.writable(l, t)
	}
	if s.by != lua.LNil || !sortAlike(t, n) {
		s.sort(1, n)
	}
	return 0
}

// sortAlike sorts n numbers, or n texts: however that is done, the result is the same.
func sortAlike(t *lua.LTable, n int) bool {
	items := make([]lua.LValue, n)
	for i := range items {
		items[i] = item(t, i+1)
		if v, ok := items[i].(lua.LNumber); ok && v != v || items[i].Type() != items[0].Type() {
			return false
		}
	}
	if n == 0 {
		return true
	}
	switch items[0].Type() {
	case lua.LTNumber:
		slices.SortFunc(items, func(a, b lua.LValue) int {
			switch x, y := a.(lua.LNumber), b.(lua.LNumber); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	case lua.LTString:
		slices.SortFunc(items, func(a, b lua.LValue) int { return strings.Compare(string(a.(lua.LString)), string(b.(lua.LString))) })
	default:
		return false
	}
	for i, v := range items {
		t.RawSetInt(i+1, v)
	}
	return true
}

// sort sorts what is between two places, both included.
func (s *sorter) sort(low, high int) {
	for low < high {
		s.inOrder(low, high)
		if high-low == 1 {
			return
		}
		middle := (low + high) / 2
		if !s.inOrder(low, middle) {
			s.inOrder(middle, high)
		}
		if high-low == 2 {
			return
		}
		middle = s.split(low, high, middle)
		if middle-low < high-middle {
			s.sort(low, middle-1)
			low = middle + 1
		} else {
			s.sort(middle+1, high)
			high = middle - 1
		}
	}
}

// inOrder swaps two elements if the later is less, and reports whether it did.
func (s *sorter) inOrder(i, j int) (swapped bool) {
	a, b := item(s.t, i), item(s.t, j)
	if !s.less(b, a) {
		return false
	}
	s.t.RawSetInt(i, b)
	s.t.RawSetInt(j, a)
	return true
}

// split brings what is less than the element in the middle before it, the rest
// behind, and returns where it then is.
func (s *sorter) split(low, high, middle int) int {
	pivot := item(s.t, middle)
	s.t.RawSetInt(middle, item(s.t, high-1))
	s.t.RawSetInt(high-1, pivot)
	i, j := low, high-1
	for {
		var a, b lua.LValue
		for i++; ; i++ {
			if a = item(s.t, i); !s.less(a, pivot) {
				break
			}
			if i > high {
				raise(s.l, "invalid order function for sorting")
			}
		}
		for j--; ; j-- {
			if b = item(s.t, j); !s.less(pivot, b) {
				break
			}
			if j < low {
				raise(s.l, "invalid order function for sorting")
			}
		}
		if j < i {
			break
		}
		s.t.RawSetInt(i, b)
		s.t.RawSetInt(j, a)
	}
	last := item(s.t, high-1)
	s.t.RawSetInt(high-1, item(s.t, i))
	s.t.RawSetInt(i, last)
	return i
}

// less compares two elements.
func (s *sorter) less(a, b lua.LValue) bool {
	if s.steps++; s.steps%stepsPerLook == 0 {
		spent := 0
		if s.steps > s.fair {
			spent = stepsPerLook
		}
		s.vm.goOn(s.l, spent)
	}
	by := s.by
	if by == lua.LNil {
		switch x := a.(type) {
		case lua.LNumber:
			if y, ok := b.(lua.LNumber); ok {
				return x < y
			}
		case lua.LString:
			if y, ok := b.(lua.LString); ok {
				return x < y
			}
		case *lua.LTable:
			if by = s.l.GetMetaField(x, "__lt"); by != s.l.GetMetaField(b, "__lt") {
				by = lua.LNil
			}
		}
		if by == lua.LNil {
			s.unlike(a, b)
		}
	}
	s.l.Push(by)
	s.l.Push(a)
	s.l.Push(b)
	s.vm.nest(s.l, 2, 1)
	v := s.l.Get(-1)
	s.l.Pop(1)
	return lua.LVAsBool(v)
}

// unlike raises the error about two elements that have no order.
func (s *sorter) unlike(a, b lua.LValue) {
	text := "attempt to compare " + a.Type().String() + " with " + b.Type().String()
	if a.Type() == b.Type() {
		text = "attempt to compare two " + a.Type().String() + " values"
	}
	s.l.Error(lua.LString(text), 0)
}
