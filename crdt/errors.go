package crdt

import "errors"

// Reasons to refuse an operation when it is prepared. Callers translate them
// into the words of their protocol.
var (
	ErrWrongType  = errors.New("crdt: the key holds another type")
	ErrNotInteger = errors.New("crdt: value is not a 64-bit integer")
	ErrOverflow   = errors.New("crdt: the sum leaves 64 bits")
	ErrNotFloat   = errors.New("crdt: value is not a float")
	ErrNaN        = errors.New("crdt: the sum is not a finite number")
)
