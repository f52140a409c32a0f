package crdt

import (
	"encoding/binary"
	"errors"
)

// A HyperLogLog as the string that Redis keeps it in:
//
//	4 bytes  "HYLL"
//	byte     0 dense, 1 sparse
//	3 bytes  unused, 0
//	8 bytes  the last count, little endian; the top bit says that it is stale
//	dense    6 bits per register
//	sparse   opcodes: 00xxxxxx a run of x+1 zeros; 01xxxxxx yyyyyyyy a longer
//	         one; 1vvvvvxx x+1 registers of value v+1
//
// A count is not part of the state: AppendRedis always writes a stale one.
const (
	formMagic   = "HYLL"
	formSize    = 16
	formDense   = 0
	formSparse  = 1
	maxZeros    = 64
	maxValues   = 4
	maxSparseOp = 32 // the largest value an opcode can hold
)

// Errors about strings that should be HyperLogLogs.
var (
	ErrNotSketch     = errors.New("not a HyperLogLog")
	ErrCorruptSketch = errors.New("corrupted HyperLogLog")
)

// CheckRedis says whether a string looks like a HyperLogLog of Redis, by the
// tests that Redis makes before it looks inside.
func CheckRedis(b []byte) error {
	if len(b) < formSize || string(b[:4]) != formMagic || b[4] > formSparse ||
		b[4] == formDense && len(b) != formSize+denseBytes {
		return ErrNotSketch
	}
	return nil
}

// CachedCount returns the count that a string which CheckRedis accepts carries;
// ok is false if it is stale.
func CachedCount(b []byte) (n uint64, ok bool) {
	n = binary.LittleEndian.Uint64(b[8:])
	return n, n>>63 == 0
}

// ParseRedis reads the string form; dense says which form it was.
func ParseRedis(b []byte) (s Sketch, dense bool, err error) {
	if err := CheckRedis(b); err != nil {
		return s, false, err
	}
	body := b[formSize:]
	if b[4] == formDense {
		for i := range Registers {
			s.Raise(i, packedGet(body, i))
		}
		return s, true, nil
	}
	at := 0
	for len(body) > 0 {
		op := sparseOpAt(body)
		if op.n > Registers-at {
			return s, false, ErrCorruptSketch
		}
		for i := at; op.value > 0 && i < at+op.n; i++ {
			s.Raise(i, op.value)
		}
		at += op.n
		body = body[min(op.size, len(body)):]
	}
	if at != Registers {
		return s, false, ErrCorruptSketch
	}
	return s, false, nil
}

// AppendRedis appends the string form.
func (s *Sketch) AppendRedis(b []byte, dense bool) []byte {
	dense = dense || s.tall()
	head := [formSize]byte{4: formSparse, 15: 0x80}
	if dense {
		head[4] = formDense
	}
	copy(head[:], formMagic)
	b = append(b, head[:]...)
	if !dense {
		return s.appendOps(b)
	}
	if s.dense != nil {
		return append(b, s.dense...)
	}
	at := len(b)
	b = append(b, make([]byte, denseBytes)...)
	s.Each(func(register int, value byte) { packedSet(b[at:], register, value) })
	return b
}

// tall reports whether a register is too large for an opcode.
func (s *Sketch) tall() (tall bool) {
	s.Each(func(_ int, value byte) { tall = tall || value > maxSparseOp })
	return tall
}

// appendOps appends the opcodes, each run as long as it can be.
func (s *Sketch) appendOps(b []byte) []byte {
	next, run, last := 0, 0, byte(0)
	flush := func() {
		if run > 0 {
			b = append(b, 0x80|(last-1)<<2|byte(run-1))
		}
		run = 0
	}
	s.Each(func(register int, value byte) {
		if zeros := register - next; zeros > 0 {
			flush()
			b = appendZeros(b, zeros)
		}
		if run == maxValues || value != last {
			flush()
		}
		last, next = value, register+1
		run++
	})
	flush()
	return appendZeros(b, Registers-next)
}

func appendZeros(b []byte, n int) []byte {
	switch {
	case n == 0:
		return b
	case n <= maxZeros:
		return append(b, byte(n-1))
	}
	return append(b, 0x40|byte((n-1)>>8), byte(n-1))
}

// outgrows reports whether Redis would leave the sparse form to raise a
// register, given how long that form may be: it counts the opcodes that it
// splits before it joins any.
func (s *Sketch) outgrows(register int, value byte, limit int) bool {
	if value > maxSparseOp {
		return true
	}
	if n := len(s.sparse) / sparseEntry; s.dense == nil && formSize+3*n+6 <= limit {
		return false // however the registers lie
	}
	more := s.splitting(register)
	return more > 0 && formSize+len(s.appendOps(nil))+more > limit
}

// Outgrown reports whether Redis would not keep the sketch in the sparse form,
// given how long that form may be.
func (s *Sketch) Outgrown(limit int) bool {
	return s.tall() || formSize+len(s.appendOps(nil)) > limit
}

// splitting is how many bytes of opcodes it takes to change one register.
func (s *Sketch) splitting(register int) int {
	old := s.Get(register)
	first, last := register, register
	for first > 0 && s.Get(first-1) == old {
		first--
	}
	for last < Registers-1 && s.Get(last+1) == old {
		last++
	}
	if old != 0 { // runs are cut into opcodes from the left
		first += (register - first) / maxValues * maxValues
		last = min(last, first+maxValues-1)
	}
	size := func(n int) int {
		if n > 0 && old != 0 {
			return 1
		}
		return len(appendZeros(nil, n))
	}
	return size(register-first) + 1 + size(last-register) - size(last-first+1)
}
