package rdb

import (
	"bytes"
	"errors"
)

// Opcodes of libraries of functions: now, and before Redis 7.0 was released.
const (
	opFunction    = 245
	opFunctionOld = 246
)

// ErrOldFunction is a library in the form of the candidates of Redis 7.0.
var ErrOldFunction = errors.New("rdb: pre-release function format not supported")

// Function writes a library of functions: its code.
func (w *Writer) Function(code []byte) {
	w.buf = append(w.buf, opFunction)
	w.str(code)
	w.spill()
}

// ParseFunctions reads a payload of FUNCTION DUMP, without its footer: the code
// of each library.
func ParseFunctions(b []byte) (codes [][]byte, err error) {
	r := NewReader(bytes.NewReader(b))
	for r.err == nil && r.off < int64(len(b)) {
		switch op := r.byte(); op {
		case opFunction:
			codes = append(codes, r.str())
		case opFunctionOld:
			return nil, ErrOldFunction
		default:
			r.fail("%#x begins no library", op)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return codes, nil
}
