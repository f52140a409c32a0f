package rdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
)

// A payload of DUMP is an object's byte of type, its content, and a footer of
// two bytes version and eight bytes checksum, both little endian, the checksum
// being of all before it.
const footer = 2 + 8

// ErrPayload is a payload that is damaged, or newer than Version.
var ErrPayload = errors.New("rdb: payload version or checksum are wrong")

// AppendFooter ends a payload.
func AppendFooter(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, Version)
	return binary.LittleEndian.AppendUint64(b, Checksum(0, b))
}

// CheckPayload returns a payload without its footer.
func CheckPayload(b []byte) (object []byte, err error) {
	n := len(b) - footer
	if n < 0 || binary.LittleEndian.Uint16(b[n:]) > Version || binary.LittleEndian.Uint64(b[n+2:]) != Checksum(0, b[:n+2]) {
		return nil, ErrPayload
	}
	return b[:n], nil
}

// ParseObject reads a whole object: its type, then its content. Unlike Object
// it refuses one in which a member or field comes twice.
func ParseObject(b []byte) (v Value, err error) {
	r := NewReader(bytes.NewReader(b))
	typ := r.byte()
	if r.err == nil {
		r.Object(typ, func(part Value) error {
			v.Kind, v.Stream = part.Kind, part.Stream
			v.Items = append(v.Items, part.Items...)
			v.Scores = append(v.Scores, part.Scores...)
			v.Times = append(v.Times, part.Times...)
			return nil
		})
	}
	if r.err == nil && !v.unique() {
		r.fail("a member comes twice")
	}
	if r.err != nil {
		return Value{}, r.err
	}
	return v, nil
}

// unique reports whether no member or field occurs twice.
func (v *Value) unique() bool {
	step := 1
	switch v.Kind {
	case String, List, StreamKind:
		return true
	case Hash:
		step = 2
	}
	// A table of hashes: where two are equal, which is next to never unless the names
	// are, the names are looked at.
	seed := maphash.MakeSeed()
	table := make([]uint64, 1<<bits.Len(uint(2*len(v.Items)/step)))
	for i := 0; i < len(v.Items); i += step {
		h := maphash.Bytes(seed, v.Items[i]) | 1
		at := int(h>>1) & (len(table) - 1)
		for table[at] != 0 && table[at] != h {
			at = (at + 1) & (len(table) - 1)
		}
		if table[at] == h {
			return v.namesDiffer(step)
		}
		table[at] = h
	}
	return true
}

func (v *Value) namesDiffer(step int) bool {
	seen := make(map[string]struct{}, len(v.Items)/step)
	for i := 0; i < len(v.Items); i += step {
		seen[string(v.Items[i])] = struct{}{}
	}
	return len(seen) == len(v.Items)/step
}
