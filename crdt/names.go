package crdt

import (
	"bytes"
	"math/bits"
)

// Names finds the names that a command repeats. It keeps no copies of them. The zero
// value finds nothing.
type Names struct {
	names [][]byte // each once
	// slots is a hash table of names: a name's hash, and behind it its place in names
	// plus one. nil: they are few, and compared one by one.
	slots []uint64
}

// fewNames is up to how many names are compared one by one.
const fewNames = 8

// NamesOf is for a command with n names.
func NamesOf(n int) Names {
	switch {
	case n < 2:
		return Names{}
	case n <= fewNames:
		return Names{names: make([][]byte, 0, n)}
	}
	return Names{names: make([][]byte, 0, n), slots: make([]uint64, 1<<bits.Len(uint(2*n)))}
}

// again reports whether name has been asked for before.
func (o *Names) again(name []byte) bool {
	_, again := o.Place(name)
	return again
}

// Place counts the names that are different, from 0, and reports whether this one has
// been asked for before.
func (o *Names) Place(name []byte) (place int, again bool) {
	if o.names == nil {
		return 0, false
	}
	if o.slots == nil {
		for i, x := range o.names {
			if bytes.Equal(x, name) {
				return i, true
			}
		}
		o.names = append(o.names, name)
		return len(o.names) - 1, false
	}
	h := elemHash(name)
	for i := int(h) & (len(o.slots) - 1); ; i = (i + 1) & (len(o.slots) - 1) {
		slot := o.slots[i]
		if slot == 0 {
			o.names = append(o.names, name)
			o.slots[i] = uint64(h)<<32 | uint64(len(o.names))
			return len(o.names) - 1, false
		}
		if at := int(uint32(slot)) - 1; uint32(slot>>32) == h && bytes.Equal(o.names[at], name) {
			return at, true
		}
	}
}
