package crdt

import (
	"encoding/binary"
	"math/bits"
)

// Sketch is the registers of one HyperLogLog, as Redis counts them: 14 bits of
// an element's hash choose a register, which keeps the longest run of zeros
// seen in the rest of it, plus one. Registers only rise, so a union is the
// larger of each. The zero value is empty.
//
// Up to sparseRegs registers that are not zero lie as entries of two bytes
// index and one byte value, ascending; more are packed into 6 bits each, in the
// order of Redis's dense form. Which of the two follows from the registers
// alone.
type Sketch struct {
	sparse []byte
	dense  []byte
}

const (
	// Registers is how many registers a sketch has.
	Registers = 1 << registerBits

	registerBits = 14
	maxRegister  = 63
	sparseRegs   = 2048
	sparseEntry  = 3
	denseBytes   = Registers * 6 / 8
)

// HashElement returns the register an element belongs to and the value it
// raises it to, by Redis's hash.
func HashElement(element []byte) (register int, value byte) {
	h := murmur64a(element, 0xadc83b19)
	rest := h>>registerBits | 1<<(64-registerBits)
	return int(h & (Registers - 1)), byte(bits.TrailingZeros64(rest) + 1)
}

// murmur64a is MurmurHash64A, by Austin Appleby.
func murmur64a(b []byte, seed uint64) uint64 {
	const m, r = 0xc6a4a7935bd1e995, 47
	h := seed ^ uint64(len(b))*m
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * m
		h = (h ^ (k^k>>r)*m) * m
	}
	if len(b) > 0 {
		for i := len(b) - 1; i >= 0; i-- {
			h ^= uint64(b[i]) << (8 * i)
		}
		h *= m
	}
	h = (h ^ h>>r) * m
	return h ^ h>>r
}

// find returns where the sparse entry of a register is or belongs.
func (s *Sketch) find(register int) (at int, ok bool) {
	lo, hi := 0, len(s.sparse)/sparseEntry
	for lo < hi {
		mid := (lo + hi) / 2
		if int(binary.BigEndian.Uint16(s.sparse[mid*sparseEntry:])) < register {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	at = lo * sparseEntry
	return at, at < len(s.sparse) && int(binary.BigEndian.Uint16(s.sparse[at:])) == register
}

// Get returns the value of a register.
func (s *Sketch) Get(register int) byte {
	if s.dense != nil {
		return packedGet(s.dense, register)
	}
	if at, ok := s.find(register); ok {
		return s.sparse[at+2]
	}
	return 0
}

// Raise makes a register at least value and reports whether it was less.
func (s *Sketch) Raise(register int, value byte) bool {
	if s.dense != nil {
		if packedGet(s.dense, register) >= value {
			return false
		}
		packedSet(s.dense, register, value)
		return true
	}
	at, ok := s.find(register)
	switch {
	case value == 0 || ok && s.sparse[at+2] >= value:
		return false
	case ok:
		s.sparse[at+2] = value
		return true
	case len(s.sparse) == sparseRegs*sparseEntry:
		s.pack()
		packedSet(s.dense, register, value)
		return true
	}
	s.sparse = append(s.sparse, 0, 0, 0)
	copy(s.sparse[at+sparseEntry:], s.sparse[at:])
	binary.BigEndian.PutUint16(s.sparse[at:], uint16(register))
	s.sparse[at+2] = value
	return true
}

// pack changes to the dense form.
func (s *Sketch) pack() {
	dense := make([]byte, denseBytes)
	s.Each(func(register int, value byte) { packedSet(dense, register, value) })
	s.sparse, s.dense = nil, dense
}

// Each calls fn for the registers that are not zero, ascending.
func (s *Sketch) Each(fn func(register int, value byte)) {
	for b := s.sparse; len(b) > 0; b = b[sparseEntry:] {
		fn(int(binary.BigEndian.Uint16(b)), b[2])
	}
	if s.dense == nil {
		return
	}
	for i := range Registers {
		if v := packedGet(s.dense, i); v != 0 {
			fn(i, v)
		}
	}
}

// Merge raises the registers of s to those of o and reports whether any rose.
func (s *Sketch) Merge(o *Sketch) (rose bool) {
	o.Each(func(register int, value byte) {
		if s.Raise(register, value) {
			rose = true
		}
	})
	return rose
}

// clone returns a copy.
func (s *Sketch) clone() Sketch {
	c := Sketch{sparse: append([]byte(nil), s.sparse...)}
	if s.dense != nil {
		c.dense = append(c.dense, s.dense...)
	}
	return c
}

func packedGet(b []byte, i int) byte {
	at, shift := i*6/8, i*6%8
	v := uint16(b[at])
	if at+1 < len(b) {
		v |= uint16(b[at+1]) << 8
	}
	return byte(v>>shift) & maxRegister
}

func packedSet(b []byte, i int, value byte) {
	at, shift := i*6/8, i*6%8
	b[at] = b[at]&^byte(maxRegister<<shift) | value<<shift
	if shift > 2 {
		b[at+1] = b[at+1]&^byte(maxRegister>>(8-shift)) | value>>(8-shift)
	}
}

// append appends the encoded sketch: the entries, or the packed registers. The
// two differ in length.
func (s *Sketch) append(b []byte) []byte { return append(append(b, s.sparse...), s.dense...) }

// decodeSketch reads what append wrote, copying it.
func decodeSketch(b []byte) (s Sketch, ok bool) {
	if len(b) == denseBytes {
		n := 0
		for i := range Registers {
			if packedGet(b, i) != 0 {
				n++
			}
		}
		return Sketch{dense: append([]byte(nil), b...)}, n > sparseRegs
	}
	if len(b)%sparseEntry != 0 || len(b) > sparseRegs*sparseEntry {
		return s, false
	}
	last := -1
	for e := b; len(e) > 0; e = e[sparseEntry:] {
		i := int(binary.BigEndian.Uint16(e))
		if i <= last || i >= Registers || e[2] == 0 || e[2] > maxRegister {
			return s, false
		}
		last = i
	}
	return Sketch{sparse: append([]byte(nil), b...)}, true
}
