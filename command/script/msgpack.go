package script

import (
	"encoding/binary"
	"math"

	lua "github.com/yuin/gopher-lua"
)

// maxPackNest is how deep cmsgpack packs tables; what is deeper becomes nil.
// maxUnpackNest bounds reading.
const (
	maxPackNest   = 16
	maxUnpackNest = 5000
)

const (
	msgMissing = "Missing bytes in input."
	msgBad     = "Bad data format in input."
)

func (vm *VM) msgpackLibrary() map[string]lua.LValue {
	lib := vm.functions(map[string]lua.LGFunction{
		"pack":   vm.msgPack,
		"unpack": func(l *lua.LState) int { return vm.msgUnpack(l, 0, 0) },
		"unpack_one": func(l *lua.LState) int {
			return vm.msgUnpack(l, 1, vm.optInt64(l, 2, 0))
		},
		"unpack_limit": func(l *lua.LState) int {
			limit := toInt64(float64(vm.checkNumber(l, 2)))
			return vm.msgUnpack(l, limit, vm.optInt64(l, 3, 0))
		},
	})
	lib["_NAME"], lib["_VERSION"] = lua.LString("cmsgpack"), lua.LString("lua-cmsgpack 0.4.0")
	lib["_COPYRIGHT"] = lua.LString("Copyright (C) 2012, Salvatore Sanfilippo")
	lib["_DESCRIPTION"] = lua.LString("MessagePack C implementation for Lua")
	return lib
}

func (vm *VM) msgPack(l *lua.LState) int {
	n := l.GetTop()
	if n == 0 {
		l.ArgError(0, "MessagePack pack needs input.")
	}
	p := packer{vm: vm, l: l}
	for i := 1; i <= n; i++ {
		p.value(l.Get(i), 0)
	}
	vm.spend(l, len(p.buf))
	l.Push(lua.LString(p.buf))
	return 1
}

type packer struct {
	vm  *VM
	l   *lua.LState
	buf []byte
}

func (p *packer) value(v lua.LValue, level int) {
	if len(p.buf) > maxString {
		raise(p.l, "string length overflow")
	}
	switch v := v.(type) {
	case lua.LString:
		p.head(len(v), 0xa0, 31, 0xd9, 0xda, 0xdb)
		p.buf = append(p.buf, v...)
	case lua.LBool:
		if v {
			p.buf = append(p.buf, 0xc3)
		} else {
			p.buf = append(p.buf, 0xc2)
		}
	case lua.LNumber:
		p.number(float64(v))
	case *lua.LTable:
		if level == maxPackNest {
			p.buf = append(p.buf, 0xc0)
			return
		}
		p.table(p.vm.behind(v), level)
	default:
		p.buf = append(p.buf, 0xc0)
	}
}

// head writes a length: within the type byte, or behind one for 8, 16 or 32
// bits. t8 is 0 for types without the form of 8 bits.
func (p *packer) head(n int, fix byte, most int, t8, t16, t32 byte) {
	switch {
	case n <= most:
		p.buf = append(p.buf, fix|byte(n))
	case n <= 0xff && t8 != 0:
		p.buf = append(p.buf, t8, byte(n))
	case n <= 0xffff:
		p.buf = binary.BigEndian.AppendUint16(append(p.buf, t16), uint16(n))
	default:
		p.buf = binary.BigEndian.AppendUint32(append(p.buf, t32), uint32(n))
	}
}

func (p *packer) number(f float64) {
	n := toInt64(f)
	if float64(n) != f || math.IsInf(f, 0) {
		if float64(float32(f)) == f {
			p.buf = binary.BigEndian.AppendUint32(append(p.buf, 0xca), math.Float32bits(float32(f)))
		} else {
			p.buf = binary.BigEndian.AppendUint64(append(p.buf, 0xcb), math.Float64bits(f))
		}
		return
	}
	be := binary.BigEndian
	switch {
	case n >= 0 && n <= 127, n < 0 && n >= -32:
		p.buf = append(p.buf, byte(n))
	case n >= 0 && n <= 0xff:
		p.buf = append(p.buf, 0xcc, byte(n))
	case n >= 0 && n <= 0xffff:
		p.buf = be.AppendUint16(append(p.buf, 0xcd), uint16(n))
	case n >= 0 && n <= 0xffffffff:
		p.buf = be.AppendUint32(append(p.buf, 0xce), uint32(n))
	case n >= 0:
		p.buf = be.AppendUint64(append(p.buf, 0xcf), uint64(n))
	case n >= -128:
		p.buf = append(p.buf, 0xd0, byte(n))
	case n >= -32768:
		p.buf = be.AppendUint16(append(p.buf, 0xd1), uint16(n))
	case n >= math.MinInt32:
		p.buf = be.AppendUint32(append(p.buf, 0xd2), uint32(n))
	default:
		p.buf = be.AppendUint64(append(p.buf, 0xd3), uint64(n))
	}
}

func (p *packer) table(t *lua.LTable, level int) {
	count, largest, array := 0, 0, true
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		count++
		n, ok := k.(lua.LNumber)
		if !ok || n < 1 || lua.LNumber(int(n)) != n {
			array = false
			continue
		}
		largest = max(largest, int(n))
	}
	if array && largest == count {
		p.head(count, 0x90, 15, 0, 0xdc, 0xdd)
		for i := 1; i <= count; i++ {
			p.value(item(t, i), level+1)
		}
		return
	}
	p.head(count, 0x80, 15, 0, 0xde, 0xdf)
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.value(k, level+1)
		p.value(v, level+1)
	}
}

// msgUnpack reads all values, or up to limit from an offset on; then the next
// offset comes first, -1 at the end.
func (vm *VM) msgUnpack(l *lua.LState, limit, offset int64) int {
	s := vm.checkText(l, 1)
	all := limit == 0 && offset == 0
	if offset < 0 || limit < 0 {
		raise(l, "Invalid request to unpack with offset of %d and limit of %d.", int32(offset), len(s))
	}
	if offset > int64(len(s)) {
		raise(l, "Start offset %d greater than input length %d.", int32(offset), len(s))
	}
	if all {
		limit = math.MaxInt32
	}
	u := unpacker{vm: vm, l: l, s: s, pos: int(offset)}
	var out []lua.LValue
	for u.pos < len(s) && int64(len(out)) < limit {
		if len(out) >= maxUnpack {
			raise(l, "too many results to unpack")
		}
		out = append(out, u.value(0))
	}
	if !all {
		next := u.pos
		if next >= len(s) {
			next = -1
		}
		l.Push(lua.LNumber(next))
	}
	for _, v := range out {
		l.Push(v)
	}
	if !all {
		return len(out) + 1
	}
	return len(out)
}

// unpacker reads MessagePack. Claimed lengths cost nothing before the bytes
// are seen to be there.
type unpacker struct {
	vm  *VM
	l   *lua.LState
	s   string
	pos int
}

func (u *unpacker) take(n int) string {
	if n < 0 || len(u.s)-u.pos < n {
		raise(u.l, msgMissing)
	}
	u.pos += n
	return u.s[u.pos-n : u.pos]
}

func (u *unpacker) uint(n int) uint64 {
	v := uint64(0)
	for _, c := range []byte(u.take(n)) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (u *unpacker) value(depth int) lua.LValue {
	if depth > maxUnpackNest {
		raise(u.l, msgBad)
	}
	c := u.take(1)[0]
	switch {
	case c <= 0x7f:
		return lua.LNumber(c)
	case c >= 0xe0:
		return lua.LNumber(int8(c))
	case c <= 0x8f:
		return u.mapping(int(c&15), depth)
	case c <= 0x9f:
		return u.array(int(c&15), depth)
	case c <= 0xbf:
		return lua.LString(u.take(int(c & 31)))
	}
	switch c {
	case 0xc0:
		return lua.LNil
	case 0xc2:
		return lua.LFalse
	case 0xc3:
		return lua.LTrue
	case 0xca:
		return lua.LNumber(math.Float32frombits(uint32(u.uint(4))))
	case 0xcb:
		return lua.LNumber(math.Float64frombits(u.uint(8)))
	case 0xcc, 0xcd, 0xce, 0xcf: // what is too large for a sign has one in Redis
		return lua.LNumber(int64(u.uint(1 << (c - 0xcc))))
	case 0xd0:
		return lua.LNumber(int8(u.uint(1)))
	case 0xd1:
		return lua.LNumber(int16(u.uint(2)))
	case 0xd2:
		return lua.LNumber(int32(u.uint(4)))
	case 0xd3:
		return lua.LNumber(int64(u.uint(8)))
	case 0xd9, 0xda, 0xdb:
		return lua.LString(u.take(int(u.uint(1 << (c - 0xd9)))))
	case 0xdc, 0xdd:
		return u.array(int(u.uint(2<<(c-0xdc))), depth)
	case 0xde, 0xdf:
		return u.mapping(int(u.uint(2<<(c-0xde))), depth)
	}
	raise(u.l, msgBad)
	return nil
}

func (u *unpacker) array(n, depth int) lua.LValue {
	t := u.vm.newTable(u.l, 1, 0)
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, u.value(depth+1))
	}
	return t
}

func (u *unpacker) mapping(n, depth int) lua.LValue {
	t := u.vm.newTable(u.l, 0, 1)
	for ; n > 0; n-- {
		k, v := u.value(depth+1), u.value(depth+1)
		if n, ok := k.(lua.LNumber); k == lua.LNil || ok && n != n {
			u.l.Error(lua.LString("table index is "+map[bool]string{true: "NaN", false: "nil"}[ok]), 0)
		}
		u.vm.reach(u.l, t, k)
		t.RawSet(k, v)
	}
	return t
}
