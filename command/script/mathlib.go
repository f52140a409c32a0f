package script

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

const randMax = math.MaxInt32

func (vm *VM) mathLibrary() map[string]lua.LValue {
	lib := vm.stock(lua.OpenMath, lua.MathLibName, "abs", "ceil", "floor", "frexp", "max", "min")
	for name, f := range lib {
		lib[name] = vm.ofNumbers(name, f.(*lua.LFunction).GFunction)
	}
	for name, f := range map[string]func(float64) float64{
		"acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "cos": math.Cos, "cosh": math.Cosh, "exp": exp, "log": log,
		"log10": log10, "sin": math.Sin, "sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
		"deg": func(x float64) float64 { return x / (math.Pi / 180) },
		"rad": func(x float64) float64 { return x * (math.Pi / 180) },
	} {
		nan := noNumber
		if name == "acos" || name == "asin" || name == "log10" {
			nan = -nan
		}
		lib[name] = vm.l.NewFunction(func(l *lua.LState) int {
			x := float64(vm.checkNumber(l, 1))
			l.Push(lua.LNumber(orNaN(f(x), nan, x)))
			return 1
		})
	}
	for name, f := range vm.functions(map[string]lua.LGFunction{
		"random": vm.mathRandom, "randomseed": vm.mathSeed, "modf": vm.mathModf, "fmod": vm.ofTwo(math.Mod), "mod": vm.ofTwo(math.Mod),
		"pow":   vm.ofTwo(pow),
		"atan2": vm.ofTwo(func(x, y float64) float64 { return orNaN(math.Atan2(x, y), noNumber, y, x) }),
		"ldexp": func(l *lua.LState) int {
			n := vm.checkInt(l, 2)
			l.Push(lua.LNumber(math.Ldexp(float64(vm.checkNumber(l, 1)), n)))
			return 1
		},
	}) {
		lib[name] = f
	}
	lib["pi"], lib["huge"] = lua.LNumber(math.Pi), lua.LNumber(math.Inf(1))
	return lib
}

// noNumber is what a processor makes of 0/0: its sign shows when it is printed.
var noNumber = math.Float64frombits(0xfff8 << 48)

// orNaN gives a result that is no number the sign that it has in C: that of the first
// argument that is none, or nan's.
func orNaN(result, nan float64, args ...float64) float64 {
	if !math.IsNaN(result) {
		return result
	}
	for _, x := range args {
		if math.IsNaN(x) {
			return x
		}
	}
	return nan
}

// ofTwo makes a function of two numbers. The compiler of Redis has them read from the last.
func (vm *VM) ofTwo(f func(x, y float64) float64) lua.LGFunction {
	return func(l *lua.LState) int {
		y := float64(vm.checkNumber(l, 2))
		x := float64(vm.checkNumber(l, 1))
		l.Push(lua.LNumber(orNaN(f(x, y), noNumber, x, y)))
		return 1
	}
}

// mathModf is math.modf: nothing is left of what has no end.
func (vm *VM) mathModf(l *lua.LState) int {
	x := float64(vm.checkNumber(l, 1))
	whole, rest := math.Modf(x)
	if math.IsInf(x, 0) {
		rest = math.Copysign(0, x)
	}
	l.Push(lua.LNumber(whole))
	l.Push(lua.LNumber(rest))
	return 2
}

// ofNumbers makes a function of gopher-lua take what Lua takes for a number, and nothing
// else: gopher-lua reads "010" as 8.
func (vm *VM) ofNumbers(name string, fn lua.LGFunction) *lua.LFunction {
	all := name == "max" || name == "min"
	return vm.l.NewFunction(func(l *lua.LState) int {
		n := 1
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

// mathRandom makes of the generator's numbers what redis makes, the bounds being C's int.
func (vm *VM) mathRandom(l *lua.LState) int {
	r := float64(vm.random.next()%randMax) / randMax
	switch l.GetTop() {
	case 0:
		l.Push(lua.LNumber(r))
	case 1:
		most := vm.checkInt(l, 1)
		if most < 1 {
			l.ArgError(1, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*float64(most)) + 1))
	case 2:
		least, most := vm.checkInt(l, 1), vm.checkInt(l, 2)
		if least > most {
			l.ArgError(2, "interval is empty")
		}
		l.Push(lua.LNumber(math.Floor(r*float64(int32(most-least+1))) + float64(least)))
	default:
		raise(l, "wrong number of arguments")
	}
	return 1
}

func (vm *VM) mathSeed(l *lua.LState) int {
	vm.random.seed(int32(vm.checkInt(l, 1)))
	return 0
}

// bitLibrary is BitOp: 32-bit arithmetic.
func (vm *VM) bitLibrary() map[string]lua.LValue {
	fold := func(f func(a, b int32) int32) lua.LGFunction {
		return func(l *lua.LState) int {
			r := vm.bits(l, 1)
			for i := l.GetTop(); i > 1; i-- { // an error is about the last
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
