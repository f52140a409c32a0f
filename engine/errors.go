package engine

import (
	"errors"

	"crdb/crdt"
)

// Errors a command reports to its client as they are: the text is Redis's.
var (
	ErrWrongType      = errors.New("WRONGTYPE Operation against a key holding the wrong kind of value")
	ErrNotInteger     = errors.New("ERR value is not an integer or out of range")
	ErrOverflow       = errors.New("ERR increment or decrement would overflow")
	ErrNotFloat       = errors.New("ERR value is not a valid float")
	ErrNaN            = errors.New("ERR increment would produce NaN or Infinity")
	ErrHashNotInteger = errors.New("ERR hash value is not an integer")
	ErrNotHLL         = errors.New("WRONGTYPE Key is not a valid HyperLogLog string value.")
	ErrCorruptHLL     = errors.New("INVALIDOBJ Corrupted HLL object detected")
	ErrHashNotFloat   = errors.New("ERR hash value is not a float")
	ErrNoSuchKey      = errors.New("ERR no such key")
	ErrIndexRange     = errors.New("ERR index out of range")
	// ErrOpTooLarge is what the commands panic with that would log a larger op than can be
	// read again; those who may call them make an error reply of it.
	ErrOpTooLarge = errors.New("ERR too large: what a command writes to one key must fit into 1 GiB")
	// ErrNoRoom is not Redis's: see docs/consistency.md.
	ErrNoRoom = errors.New("ERR too many elements were inserted into one place of the list")
)

// stringError puts a refusal of crdt into Redis's words for a string key.
func stringError(err error) error {
	switch err {
	case crdt.ErrWrongType:
		return ErrWrongType
	case crdt.ErrNotInteger:
		return ErrNotInteger
	case crdt.ErrOverflow:
		return ErrOverflow
	case crdt.ErrNotFloat:
		return ErrNotFloat
	case crdt.ErrNaN:
		return ErrNaN
	}
	return err
}

// hllError puts a refusal into words for a HyperLogLog.
func hllError(err error) error {
	switch err {
	case crdt.ErrNotSketch:
		return ErrNotHLL
	case crdt.ErrCorruptSketch:
		return ErrCorruptHLL
	}
	return stringError(err)
}

// hashError does the same for a hash field.
func hashError(err error) error {
	switch err {
	case crdt.ErrNotInteger:
		return ErrHashNotInteger
	case crdt.ErrNotFloat:
		return ErrHashNotFloat
	}
	return stringError(err)
}
