package script

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

const maxIntSize, maxAlign = 32, 8

func (vm *VM) structLibrary() map[string]lua.LValue {
	return vm.functions(map[string]lua.LGFunction{"pack": vm.structPack, "unpack": vm.structUnpack, "size": vm.structSize})
}

// structFormat walks over a format.
type structFormat struct {
	l     *lua.LState
	fmt   string
	pos   int
	big   bool
	align int
}

func (f *structFormat) number(def int) int {
	if f.pos >= len(f.fmt) || !isDigit(f.fmt[f.pos]) {
		return def
	}
	n := 0
	for ; f.pos < len(f.fmt) && isDigit(f.fmt[f.pos]); f.pos++ {
		if n = n*10 + int(f.fmt[f.pos]-'0'); n > math.MaxInt32 {
			raise(f.l, "integral size overflow")
		}
	}
	return n
}

// next returns the next option and its size.
func (f *structFormat) next() (opt byte, size int) {
	opt = f.fmt[f.pos]
	f.pos++
	switch opt {
	case 'B', 'b':
		size = 1
	case 'H', 'h':
		size = 2
	case 'L', 'l', 'T', 'd':
		size = 8
	case 'f':
		size = 4
	case 'x':
		size = 1
	case 'c':
		size = f.number(1)
	case 'i', 'I':
		if size = f.number(4); size > maxIntSize {
			raise(f.l, "integral size %d is larger than limit of %d", size, maxIntSize)
		}
	}
	return opt, size
}

// padding is what brings offset to the alignment of an option.
func (f *structFormat) padding(opt byte, size, offset int) int {
	if size == 0 || opt == 'c' {
		return 0
	}
	align := min(size, f.align)
	if align > 1 {
		return (align - offset&(align-1)) & (align - 1)
	}
	return 0
}

// control handles options that are not data.
func (f *structFormat) control(opt byte) {
	switch opt {
	case ' ':
	case '>':
		f.big = true
	case '<':
		f.big = false
	case '!':
		n := f.number(maxAlign)
		if n <= 0 || n&(n-1) != 0 {
			raise(f.l, "alignment %d is not a power of 2", n)
		}
		f.align = n
	default:
		f.l.ArgError(1, "invalid format option '"+string([]byte{opt})+"'")
	}
}

func (vm *VM) structPack(l *lua.LState) int {
	f := structFormat{l: l, fmt: cut(vm.checkText(l, 1)), align: 1}
	l.Push(lua.LNil) // as Redis does: what is missing is nil
	var b []byte
	arg := 1
	for f.pos < len(f.fmt) {
		opt, size := f.next()
		for n := f.padding(opt, size, len(b)); n > 0; n-- {
			b = append(b, 0)
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			arg++
			n := float64(vm.checkNumber(l, arg))
			if n < 0 {
				b = appendInt(b, uint64(toInt64(n)), size, f.big)
			} else {
				b = appendInt(b, toUint64(n), size, f.big)
			}
		case 'x':
			b = append(b, 0)
		case 'f', 'd':
			arg++
			b = appendFloat(b, float64(vm.checkNumber(l, arg)), size, f.big)
		case 'c', 's':
			arg++
			s := vm.checkText(l, arg)
			if opt == 'c' && size == 0 || opt == 's' {
				size = len(s)
			}
			if len(s) < size {
				l.ArgError(arg+1, "string too short")
			}
			b = append(b, s[:size]...)
			if opt == 's' {
				b = append(b, 0)
			}
		default:
			f.control(opt)
		}
		if len(b) > maxString {
			raise(l, "string length overflow")
		}
	}
	l.Push(lua.LString(b))
	return 1
}

func appendInt(b []byte, n uint64, size int, big bool) []byte {
	start := len(b)
	for i := 0; i < size; i++ {
		b = append(b, byte(n))
		n >>= 8
	}
	if big {
		reverse(b[start:])
	}
	return b
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

func appendFloat(b []byte, f float64, size int, big bool) []byte {
	start := len(b)
	if size == 4 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
	} else {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	if big {
		reverse(b[start:])
	}
	return b
}

func (vm *VM) structUnpack(l *lua.LState) int {
	f := structFormat{l: l, fmt: cut(vm.checkText(l, 1)), align: 1}
	data := vm.checkText(l, 2)
	pos := int(vm.optInt64(l, 3, 1)) - 1
	if pos == -1 {
		l.ArgError(3, "offset must be 1 or greater")
	}
	var out []lua.LValue
	for f.pos < len(f.fmt) {
		opt, size := f.next()
		pos += f.padding(opt, size, pos)
		if pos < 0 || pos > len(data) || size > len(data)-pos {
			l.ArgError(2, "data string too short")
		}
		if len(out) > maxUnpack {
			raise(l, "too many results to unpack")
		}
		switch opt {
		case 'b', 'B', 'h', 'H', 'l', 'L', 'T', 'i', 'I':
			out = append(out, readInt(data[pos:pos+size], f.big, opt >= 'a'))
		case 'x':
		case 'f', 'd':
			out = append(out, readFloat(data[pos:pos+size], f.big))
		case 'c':
			if size == 0 {
				size = popSize(l, &out)
				if size < 0 || size > len(data)-pos {
					l.ArgError(2, "data string too short")
				}
			}
			out = append(out, lua.LString(data[pos:pos+size]))
		case 's':
			end := pos
			for end < len(data) && data[end] != 0 {
				end++
			}
			if end == len(data) {
				raise(l, "unfinished string in data")
			}
			out = append(out, lua.LString(data[pos:end]))
			size = end - pos + 1
		default:
			f.control(opt)
		}
		pos += size
	}
	for _, v := range out {
		l.Push(v)
	}
	l.Push(lua.LNumber(pos + 1))
	return len(out) + 1
}

// popSize takes the size that "c0" uses: the value before it.
func popSize(l *lua.LState, out *[]lua.LValue) int {
	if n := len(*out); n > 0 {
		if v, ok := numeric((*out)[n-1]); ok {
			*out = (*out)[:n-1]
			if size := toUint64(v); size <= maxString {
				return int(size)
			}
			return -1
		}
	}
	raise(l, "format 'c0' needs a previous size")
	return 0
}

// readInt takes what fits 64 bits. The sign is where the size says it is, which is a
// place modulo 64 to the processor.
func readInt(s string, big, signed bool) lua.LNumber {
	var n uint64
	for i := range len(s) {
		c := s[len(s)-1-i]
		if big {
			c = s[i]
		}
		n = n<<8 | uint64(c)
	}
	if !signed {
		return lua.LNumber(n)
	}
	if high := ^uint64(0) << ((8*len(s) - 1) & 63); n&high != 0 {
		n |= high
	}
	return lua.LNumber(int64(n))
}

func readFloat(s string, big bool) lua.LNumber {
	b := []byte(s)
	if big {
		reverse(b)
	}
	if len(b) == 4 {
		return lua.LNumber(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return lua.LNumber(math.Float64frombits(binary.LittleEndian.Uint64(b)))
}

func (vm *VM) structSize(l *lua.LState) int {
	f := structFormat{l: l, fmt: cut(vm.checkText(l, 1)), align: 1}
	pos := 0
	for f.pos < len(f.fmt) {
		opt, size := f.next()
		pos += f.padding(opt, size, pos)
		switch letter := opt|0x20 >= 'a' && opt|0x20 <= 'z'; {
		case opt == 's':
			l.ArgError(1, "option 's' has no fixed size")
		case opt == 'c' && size == 0:
			l.ArgError(1, "option 'c0' has no fixed size")
		case !letter && !isDigit(opt): // Redis lets letters pass that are no option
			f.control(opt)
		}
		pos += size
	}
	l.Push(lua.LNumber(pos))
	return 1
}
