package oplog

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"crdb/crdt"
)

// DecodeBlock validates data as one whole block and returns it. It keeps data.
// Any damage is ErrCorrupt; a version it does not know is ErrFormat.
func DecodeBlock(data []byte) (*Block, error) {
	if err := checkFrame(data); err != nil {
		return nil, err
	}
	b := &Block{
		data:    data,
		Replica: crdt.ReplicaID(binary.BigEndian.Uint16(data[8:])),
		First:   crdt.Timestamp(binary.BigEndian.Uint64(data[10:])),
		Last:    crdt.Timestamp(binary.BigEndian.Uint64(data[18:])),
		Prev:    crdt.Timestamp(binary.BigEndian.Uint64(data[26:])),
		Ops:     int(binary.BigEndian.Uint32(data[34:])),
	}
	if b.Replica == 0 {
		return nil, corrupt("no replica")
	}
	if b.Ops == 0 || b.First <= b.Prev || b.Last < b.First {
		return nil, corrupt("order of prev %v, first %v, last %v with %d ops", b.Prev, b.First, b.Last, b.Ops)
	}
	body := data[headerBytes : len(data)-crcBytes]
	deps, rest, err := crdt.DecodeVector(nil, body)
	if err != nil {
		return nil, fmt.Errorf("%w: deps: %w", ErrCorrupt, err)
	}
	var canonical [128]byte
	if !bytes.Equal(crdt.AppendVector(canonical[:0], deps), body[:len(body)-len(rest)]) {
		return nil, corrupt("deps are not in their shortest form")
	}
	if deps.Get(b.Replica) != 0 {
		return nil, corrupt("deps contain the block's own replica %d", b.Replica)
	}
	b.Deps = deps
	b.payload = len(data) - crcBytes - len(rest)
	return b, b.checkOps(rest)
}

// SizeOfBlock returns how long the block is that begins with head, as it says
// itself: who gets it in pieces need not take more. Errors are as DecodeBlock's.
func SizeOfBlock(head []byte) (int, error) {
	switch {
	case len(head) < 8:
		return 0, corrupt("block of %d bytes", len(head))
	case head[0] != 'c' || head[1] != 'B':
		return 0, corrupt("no block")
	case head[2] != BlockVersion:
		return 0, fmt.Errorf("%w: block version %d, this program knows %d", ErrFormat, head[2], BlockVersion)
	case head[3] != 0:
		return 0, corrupt("flags %#x", head[3])
	}
	size := binary.BigEndian.Uint32(head[4:])
	if size < minBlockBytes || size > MaxBlockBytes {
		return 0, corrupt("block of %d bytes, allowed are %d to %d", size, minBlockBytes, MaxBlockBytes)
	}
	return int(size), nil
}

// checkFrame checks what does not depend on the meaning of the fields.
func checkFrame(data []byte) error {
	size, err := SizeOfBlock(data)
	if err != nil {
		return err
	}
	if size != len(data) {
		return corrupt("block of %d bytes says %d", len(data), size)
	}
	end := len(data) - crcBytes
	if sumOf(data[:end]) != binary.BigEndian.Uint32(data[end:]) {
		return corrupt("checksum")
	}
	return nil
}

// checkOps walks the ops: their number, order and lengths.
func (b *Block) checkOps(rest []byte) error {
	t := b.First
	for i := 0; i < b.Ops; i++ {
		delta, n := minUvarint(rest)
		head, m := minUvarint(rest[n:])
		if n == 0 || m == 0 {
			return corrupt("op %d: header", i)
		}
		rest = rest[n+m:]
		switch {
		case head>>1 > uint64(len(rest)):
			return corrupt("op %d: length", i)
		case i == 0 && (delta != 0 || head&1 == 1):
			return corrupt("op 0: time or group")
		case i > 0 && (delta == 0 || delta > uint64(b.Last-t)):
			return corrupt("op %d: time", i)
		}
		t += crdt.Timestamp(delta)
		rest = rest[head>>1:]
	}
	if len(rest) != 0 || t != b.Last {
		return corrupt("ops do not end where the header says")
	}
	return nil
}

// minUvarint reads a varint in its shortest form; n is 0 if there is none.
func minUvarint(b []byte) (v uint64, n int) {
	v, n = binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}
