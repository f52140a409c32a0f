package rdb

import (
	"bytes"
	"errors"
)

// ErrOldFunction is a library in the form of the candidates of Redis 7.0.
var ErrOldFunction = errors.New("rdb: pre-release function format not supported")

// ParseFunctions reads a payload of FUNCTION DUMP, without its footer: the code
// of each library.
func ParseFunctions(b []byte) (codes [][]byte, err error) {
	r := NewReader(bytes.NewReader(b))
	for r.err == nil && r.off < int64(len(b)) {
		switch op := r.byte(); op {
		case markFunction:
			codes = append(codes, r.str())
		case markOldFunction:
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
