package oplog

import (
	"encoding/binary"
	"fmt"

	"crdb/crdt"
)

// Keys of the store. The first byte tells the kind:
//
//	'i' name                     internal: identity, clock bound, clock tolerance
//	'l' replica:2 first:8        a block, then its replica's totals up to it:
//	                             ops:8 bytes:8; between the two, of an own block
//	                             whose deps count images, the vector of what was
//	                             received when it was sealed
//	'j' replica:2                where the log was set ahead without blocks (Jump)
//	'm' name                     metadata of the layers above
//	'r' range:2 seq:8            a received range image
//	's' key                      state records of the layers above
//	'v' range:2                  the vector of a range
//
// Integers are big endian, so keys of one replica sort by time.
const (
	kindInternal = 'i'
	kindBlock    = 'l'
	kindJump     = 'j'
	kindMeta     = 'm'
	kindImage    = 'r'
	kindState    = 's'
	kindVector   = 'v'
)

var (
	keyIdentity  = []byte("iidentity")
	keyBound     = []byte("ibound")
	keyTolerance = []byte("itolerance")
)

const (
	blockKeyBytes = 1 + 2 + 8
	totalsBytes   = 16
)

func blockKey(r crdt.ReplicaID, first crdt.Timestamp) []byte {
	k := make([]byte, 0, blockKeyBytes)
	k = append(k, kindBlock)
	k = binary.BigEndian.AppendUint16(k, uint16(r))
	return binary.BigEndian.AppendUint64(k, uint64(first))
}

// replicaBounds are the bounds of all block keys of r.
func replicaBounds(r crdt.ReplicaID) (start, end []byte) {
	start = []byte{kindBlock, byte(r >> 8), byte(r)}
	if r == 1<<16-1 {
		return start, []byte{kindBlock + 1}
	}
	return start, []byte{kindBlock, byte((r + 1) >> 8), byte(r + 1)}
}

func vectorKey(id RangeID) []byte { return []byte{kindVector, byte(id >> 8), byte(id)} }

const imageKeyBytes = 1 + 2 + 8

func imageKey(id ImageID) []byte {
	k := []byte{kindImage, byte(id.Range >> 8), byte(id.Range)}
	return binary.BigEndian.AppendUint64(k, id.Seq)
}

func jumpKey(r crdt.ReplicaID) []byte { return []byte{kindJump, byte(r >> 8), byte(r)} }

func prefixed(kind byte, key []byte) []byte {
	return append(append(make([]byte, 0, 1+len(key)), kind), key...)
}

func appendTotals(b []byte, t totals) []byte {
	b = binary.BigEndian.AppendUint64(b, t.ops)
	return binary.BigEndian.AppendUint64(b, t.bytes)
}

// decodeRecord decodes the value of a block key. It copies nothing.
func decodeRecord(r crdt.ReplicaID, v []byte) (cached, error) {
	end := len(v) - totalsBytes
	if end < headerBytes {
		return cached{}, corrupt("block record of %d bytes", len(v))
	}
	n := min(int(binary.BigEndian.Uint32(v[4:])), end)
	b, err := DecodeBlock(v[:n:n])
	if err != nil {
		return cached{}, fmt.Errorf("block on disk: %w", err)
	}
	if n < end {
		held, rest, err := crdt.DecodeVector(nil, v[n:end])
		if err != nil || len(rest) > 0 {
			return cached{}, corrupt("what replica %d had received at %v", r, b.First)
		}
		b.raised, b.held = true, held
	}
	if b.Replica != r {
		return cached{}, corrupt("block of replica %d under replica %d", b.Replica, r)
	}
	t := totals{binary.BigEndian.Uint64(v[end:]), binary.BigEndian.Uint64(v[end+8:])}
	if t.ops < uint64(b.Ops) || t.bytes < uint64(n) {
		return cached{}, corrupt("totals of replica %d", r)
	}
	return cached{b, t}, nil
}
