package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

const randMax = math.MaxInt32

func (vm *VM) mathLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenMath, lua.MathLibName, "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg",
		"exp", "floor", "fmod", "frexp", "ldexp", "log", "log10", "max", "min", "mod", "modf", "pow", "rad", "sin", "sinh",
		"sqrt", "tan", "tanh")
	for name, f := range lib {
		lib[name] = vm.ofNumbers(name, f.(*lua.LFunction).GFunction)
	}
	for name, f := range vm.functions(map[string]lua.LGFunction{"random": vm.mathRandom, "randomseed": vm.mathSeed}) {
		lib[name] = f
	}
	lib["pi"], lib["huge"] = lua.LNumber(math.Pi), lua.LNumber(math.Inf(1))
	return lib
}

// ofNumbers makes a function of gopher-lua take what Lua takes for a number, and nothing
// else: gopher-lua reads "010" as 8.
func (vm *VM) ofNumbers(name string, fn lua.LGFunction) *lua.LFunction {
	takes := 1
	switch name {
	case "atan2", "fmod", "ldexp", "mod", "pow":
		takes = 2
	}
	all := name == "max" || name == "min"
	return vm.l.NewFunction(func(l *lua.LState) int {
		n := takes
		if all {
			n = max(l.GetTop(), 1)
		}
		for i := 1; i <= n; i++ {
			if _, ok := l.Get(i).(lua.LNumber); !ok {
				l.Replace(i, vm.checkNumber(l, i))
			}
		}
		return fn(l)
	})
}

// mathRandom makes of the generator's numbers what redis makes.
func (vm *VM) mathRandom(l *lua.LState) int {
	r := float64(vm.random.next()%randMax) / randMax
	switch l.GetTop() {
	case 0:
		l.Push(lua.LNumber(r))
	case 1:
		u := math.Trunc(float64(vm.checkNumber(l, 1)))
		if u < 1 {
			l.ArgError(1, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*u) + 1))
	case 2:
		lo, hi := math.Trunc(float64(vm.checkNumber(l, 1))), math.Trunc(float64(vm.checkNumber(l, 2)))
		if lo > hi {
			l.ArgError(2, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*(hi-lo+1)) + lo))
	default:
		raise(l, "wrong number of arguments")
	}
	return 1
}

func (vm *VM) mathSeed(l *lua.LState) int {
	vm.random.seed(int32(int64(vm.checkNumber(l, 1))))
	return 0
}

// bitLibrary is BitOp: 32-bit arithmetic.
func (vm *VM) bitLibrary() map[string]lua.LValue {
	fold := func(f func(a, b int32) int32) lua.LGFunction {
		return func(l *lua.LState) int {
			r := vm.bits(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				r = f(r, vm.bits(l, i))
			}
			l.Push(lua.LNumber(r))
			return 1
		}
	}
	shift := func(f func(a uint32, n uint32) uint32) lua.LGFunction {
		return func(l *lua.LState) int {
			l.Push(lua.LNumber(int32(f(uint32(vm.bits(l, 1)), uint32(vm.bits(l, 2))&31))))
			return 1
		}
	}
	return vm.functions(map[string]lua.LGFunction{
		"tobit": fold(func(a, b int32) int32 { return a }),
		"band":  fold(func(a, b int32) int32 { return a & b }),
		"bor":   fold(func(a, b int32) int32 { return a | b }),
		"bxor":  fold(func(a, b int32) int32 { return a ^ b }),
		"bnot":  func(l *lua.LState) int { l.Push(lua.LNumber(^vm.bits(l, 1))); return 1 },
		"bswap": func(l *lua.LState) int {
			b := uint32(vm.bits(l, 1))
			l.Push(lua.LNumber(int32(b>>24 | b>>8&0xff00 | b<<8&0xff0000 | b<<24)))
			return 1
		},
		"lshift":  shift(func(a, n uint32) uint32 { return a << n }),
		"rshift":  shift(func(a, n uint32) uint32 { return a >> n }),
		"arshift": shift(func(a, n uint32) uint32 { return uint32(int32(a) >> n) }),
		"rol":     shift(func(a, n uint32) uint32 { return a<<n | a>>((32-n)&31) }),
		"ror":     shift(func(a, n uint32) uint32 { return a>>n | a<<((32-n)&31) }),
		"tohex":   vm.tohex,
	})
}

// bits is a number modulo 2^32.
func (vm *VM) bits(l *lua.LState, i int) int32 {
	f := float64(vm.checkNumber(l, i)) + 6755399441055744.0
	return int32(uint32(math.Float64bits(f)))
}

func (vm *VM) tohex(l *lua.LState) int {
	b, n := uint32(vm.bits(l, 1)), int32(8)
	if l.GetTop() > 1 {
		n = vm.bits(l, 2)
	}
	digits := "0123456789abcdef"
	if n < 0 {
		digits, n = "0123456789ABCDEF", -n
	}
	if n > 8 || n < 0 {
		n = 8
	}
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = digits[b&15]
		b >>= 4
	}
	l.Push(lua.LString(out))
	return 1
}
