package peer

import (
	"encoding/binary"
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
)

// mark is how far a transfer to this instance has come. It is written with
// every image that is merged (oplog.Image.Mark), so that a restart goes on
// where the state on disk ends.
//
// Layout, integers big endian: version:1, flags:1, source:2, position:8,
// bytes:8, keys:8, number of ends:2, then per end replica:2 time:8 hash:8.
type mark struct {
	source crdt.ReplicaID // 0: no transfer is under way
	base   bool           // the instance held nothing when it began, and applies no block before the end
	done   bool           // the instance has a base: it is complete up to some moment
	at     uint64         // the position of the next image
	bytes  uint64         // of images so far
	keys   uint64
	ends   []oplog.Tip // of the source's logs when it began
}

const (
	markVersion = 1
	markHead    = 2 + 2 + 3*8 + 2
	markEnd     = 2 + 8 + 8

	markBase = 1
	markDone = 2
)

func (m *mark) encode() []byte {
	flags := byte(0)
	if m.base {
		flags |= markBase
	}
	if m.done {
		flags |= markDone
	}
	be := binary.BigEndian
	b := be.AppendUint16([]byte{markVersion, flags}, uint16(m.source))
	b = be.AppendUint64(be.AppendUint64(be.AppendUint64(b, m.at), m.bytes), m.keys)
	b = be.AppendUint16(b, uint16(len(m.ends)))
	for _, t := range m.ends {
		b = be.AppendUint64(be.AppendUint64(be.AppendUint16(b, uint16(t.Replica)), uint64(t.Time)), t.Hash)
	}
	return b
}

func decodeMark(b []byte) (m mark, err error) {
	if len(b) == 0 {
		return m, nil
	}
	be := binary.BigEndian
	if len(b) < markHead || b[0] != markVersion || len(b) != markHead+markEnd*int(be.Uint16(b[28:])) {
		return m, fmt.Errorf("%w: mark of a transfer", oplog.ErrCorrupt)
	}
	m.base, m.done = b[1]&markBase != 0, b[1]&markDone != 0
	m.source = crdt.ReplicaID(be.Uint16(b[2:]))
	m.at, m.bytes, m.keys = be.Uint64(b[4:]), be.Uint64(b[12:]), be.Uint64(b[20:])
	for b = b[markHead:]; len(b) > 0; b = b[markEnd:] {
		m.ends = append(m.ends, oplog.Tip{
			Replica: crdt.ReplicaID(be.Uint16(b)), Time: crdt.Timestamp(be.Uint64(b[2:])), Hash: be.Uint64(b[10:]),
		})
	}
	return m, nil
}
