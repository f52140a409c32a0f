package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec is gRPC's protobuf codec, with a short cut for the frames that carry
// blocks: they are not copied into generated types and back.
//
// Every message ends with a checksum of what is before it. Blocks have one of
// their own, but what the others hold is told in messages without: a bit that
// flips in an acknowledgement would make this log drop what somebody still
// needs. TCP's checksum lets one such message in 65536 through, and without TLS
// nothing else looks.
type codec struct{}

// The checksum is field 15 of every message, of type fixed32, so that a message
// stays valid protobuf: CRC-32C of all bytes before the field.
const (
	checksumTag  = 15<<3 | 5
	checksumSize = 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errChecksum marks a message that was changed on its way.
var errChecksum = errors.New("a message was damaged on its way: wrong checksum")

// sealMessage appends the checksum to a message.
func sealMessage(parts mem.BufferSlice) mem.BufferSlice {
	sum := uint32(0)
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p.ReadOnlyData())
	}
	return append(parts, mem.SliceBuffer(binary.LittleEndian.AppendUint32([]byte{checksumTag}, sum)))
}

// openMessage checks the checksum of a message and returns what is before it.
func openMessage(b []byte) ([]byte, error) {
	n := len(b) - checksumSize
	if n < 0 || b[n] != checksumTag || binary.LittleEndian.Uint32(b[n+1:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil, errChecksum
	}
	return b[:n], nil
}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	switch m := v.(type) {
	case *outFrame:
		parts, err := m.marshal(mem.DefaultBufferPool())
		if err != nil {
			return nil, err
		}
		return sealMessage(parts), nil
	case proto.Message:
		b, err := proto.Marshal(m)
		if err != nil {
			return nil, err
		}
		return sealMessage(mem.BufferSlice{mem.SliceBuffer(b)}), nil
	}
	return nil, fmt.Errorf("peer: cannot marshal %T", v)
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	switch m := v.(type) {
	case *inFrame:
		m.hold(data, mem.DefaultBufferPool())
		return nil
	case proto.Message:
		buf := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer buf.Free()
		b, err := openMessage(buf.ReadOnlyData())
		if err != nil {
			return err
		}
		return proto.Unmarshal(b, m)
	}
	return fmt.Errorf("peer: cannot unmarshal %T", v)
}
