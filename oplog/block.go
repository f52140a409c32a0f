package oplog

import (
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"

	"crdb/crdt"
)

// Block is an immutable run of consecutive ops of one replica: the unit of
// durability, shipping, relay and causality (C1). It is encoded once; the same
// bytes go to disk, over the wire and on to others.
//
// Layout, integers big endian, varints minimal:
//
//	offset  size  field
//	0       2     magic "cB"
//	2       1     format version, 1
//	3       1     flags, 0
//	4       4     length of the whole block
//	8       2     replica, not 0
//	10      8     first: timestamp of the first op
//	18      8     last: timestamp of the last op
//	26      8     prev: timestamp of the replica's op before first, 0 if none
//	34      4     number of ops, at least 1
//	38      .     deps: vector as crdt.AppendVector writes it, without the replica itself
//	.       .     the ops
//	end-4   4     CRC32C of everything before it
//
// One op:
//
//	uvarint  timestamp minus the timestamp of the op before it; 0 for the first
//	uvarint  length of the op * 2 + (1 if it is in one atomic group with the op before it)
//	bytes    the op
type Block struct {
	Replica crdt.ReplicaID
	First   crdt.Timestamp
	Last    crdt.Timestamp
	Prev    crdt.Timestamp
	Ops     int
	Deps    crdt.VersionVector // read only

	data    []byte
	payload int // offset of the ops in data

	// Of an own block sealed while images are ahead of what was received: Deps
	// count the images, held is what was received. Kept on the own disk only.
	raised bool
	held   crdt.VersionVector
}

// BlockVersion is the format version of blocks.
const BlockVersion = 1

const (
	// BlockBytes is the size at which a block is cut, so only one larger op or
	// group makes a larger block.
	BlockBytes = 1 << 20
	// MaxBlockBytes bounds every block. A group that outgrows it is cut, which
	// breaks its atomicity but loses nothing; callers keep groups below it.
	MaxBlockBytes = 1 << 30

	headerBytes = 38
	crcBytes    = 4
	// minBlockBytes is a header, an empty vector, an empty op and the checksum.
	minBlockBytes = headerBytes + 1 + 2 + crcBytes
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	ecma       = crc64.MakeTable(crc64.ECMA)
)

// Bytes returns the encoded block. It must not be changed.
func (b *Block) Bytes() []byte { return b.data }

// Hash identifies the content of the block.
func (b *Block) Hash() uint64 { return crc64.Checksum(b.data, ecma) }

// Entry is one op of a block.
type Entry struct {
	Dot   crdt.Dot
	Op    []byte // aliases the block
	Group bool   // the next entry belongs to the same atomic group (C2)
}

// Each calls fn for every op in order, until it returns an error.
func (b *Block) Each(fn func(e Entry) error) error {
	ops := b.data[b.payload : len(b.data)-crcBytes]
	t := b.First
	delta, head, rest := entryHeader(ops)
	for {
		t += crdt.Timestamp(delta)
		n := head >> 1
		e := Entry{Dot: crdt.Dot{Time: t, Replica: b.Replica}, Op: rest[:n:n]}
		rest = rest[n:]
		if len(rest) == 0 {
			return fn(e)
		}
		delta, head, rest = entryHeader(rest)
		e.Group = head&1 == 1
		if err := fn(e); err != nil {
			return err
		}
	}
}

// entryHeader reads the two varints before an op of a validated block.
func entryHeader(b []byte) (delta, head uint64, rest []byte) {
	delta, n := binary.Uvarint(b)
	head, m := binary.Uvarint(b[n:])
	return delta, head, b[n+m:]
}

// sumOf is the checksum of a block, reckoned in pieces for the same reason as
// crdt.Copy copies in pieces.
func sumOf(data []byte) (sum uint32) {
	for len(data) > sumStep {
		sum, data = crc32.Update(sum, castagnoli, data[:sumStep]), data[sumStep:]
	}
	return crc32.Update(sum, castagnoli, data)
}

const sumStep = 1 << 20

// seal encodes a run of ops as a block.
func seal(r crdt.ReplicaID, s *segment, prev crdt.Timestamp, deps crdt.VersionVector) *Block {
	var vector [128]byte
	d := crdt.AppendVector(vector[:0], deps)
	ops := s.size()
	size := headerBytes + len(d) + ops + crcBytes
	at := s.front - headerBytes - len(d)
	var data []byte
	if at >= 0 { // the ops are in place
		data = s.buf[at:at:cap(s.buf)]
	} else {
		data = make([]byte, 0, size)
	}
	data = append(data, 'c', 'B', BlockVersion, 0)
	data = binary.BigEndian.AppendUint32(data, uint32(size))
	data = binary.BigEndian.AppendUint16(data, uint16(r))
	data = binary.BigEndian.AppendUint64(data, uint64(s.first))
	data = binary.BigEndian.AppendUint64(data, uint64(s.last))
	data = binary.BigEndian.AppendUint64(data, uint64(prev))
	data = binary.BigEndian.AppendUint32(data, uint32(s.ops))
	data = append(data, d...)
	payload := len(data)
	if at >= 0 {
		data = data[:payload+ops]
	} else {
		data = s.appendPayload(data)
	}
	data = binary.BigEndian.AppendUint32(data, sumOf(data))
	return &Block{
		Replica: r, First: s.first, Last: s.last, Prev: prev, Ops: s.ops,
		Deps: deps, data: data, payload: payload,
	}
}
