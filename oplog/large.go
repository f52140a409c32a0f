package oplog

import (
	"encoding/binary"

	"crdb/crdt"
)

// LargeOp is the size, in bytes, from which an op is a block of its own, unless
// it is in a group. It is copied once, into the block, and not under the lock
// that all writers need; what AppendTaken takes over is copied by the writer.
func (l *Log) LargeOp() int { return l.opts.LargeOp }

// blockRoom is the room for the head of a block and its vector.
const blockRoom = headerBytes + 16*64

// appendLarge is AppendAt of a large op. The block is laid out before the op has
// its dot; seal fills in the head.
func (l *Log) appendLarge(wall int64, head, tail []byte) crdt.Dot {
	size := len(head) + len(tail)
	buf := make([]byte, blockRoom, blockRoom+maxEntryOverhead+size+crcBytes)
	buf = binary.AppendUvarint(append(buf, 0), uint64(size)<<1)
	buf = append(buf, head...)
	at := len(buf)
	buf = buf[:at+len(tail)]
	crdt.Copy(buf[at:], tail)
	m := &l.mu
	m.Lock()
	var t crdt.Timestamp
	if m.inGroup { // C2: it must go into the group's block
		t, _ = l.appendLocked(wall, head, tail, nil)
	} else {
		t = l.tickLocked(wall)
		if m.cur.ops > 0 {
			l.cutLocked()
		}
		m.full = append(m.full, segment{buf: buf, front: blockRoom, first: t, last: t, ops: 1, large: len(buf)})
		l.pendingLocked(0, len(buf))
	}
	m.Unlock()
	l.kickOwn()
	return crdt.Dot{Time: t, Replica: l.self}
}

// pendingLocked counts bytes that wait for the disk, and tells writers to wait
// when they are too many. Large ops count apart: one of them alone must not
// stop everybody else for as long as the disk needs for it.
func (l *Log) pendingLocked(small, large int) {
	m := &l.mu
	m.pending += small
	m.large += large
	if m.pending > l.opts.MaxPending || m.large > l.opts.MaxLarge {
		l.refuse(refuseBacklog)
	} else {
		l.allow(refuseBacklog)
	}
}
