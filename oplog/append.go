package oplog

import (
	"encoding/binary"

	"crdb/crdt"
)

// segment is a run of own ops that becomes one block: buf is the block's
// payload as it will be on disk.
type segment struct {
	buf         []byte
	front       int // of buf: room for the block's head
	first, last crdt.Timestamp
	ops         int
}

func (s *segment) payload() []byte { return s.buf[s.front:] }

const (
	segmentBytes     = 64 << 10 // first size of a segment's buffer
	maxSpareBytes    = 2 << 20  // buffers above it are not kept for reuse
	maxSpareBuffers  = 2
	maxEntryOverhead = 20
)

// Append gives op its dot, copies it behind all earlier ones, and returns the
// dot. It never fails and never waits for the disk: callers ask Admit first.
// The order of dots is the order of the log.
func (l *Log) Append(op []byte) crdt.Dot { return l.AppendAt(l.opts.Wall(), op, nil) }

// AppendAt is Append for a caller that has just read the wall clock itself. The
// op is head and tail together.
func (l *Log) AppendAt(wall int64, head, tail []byte) crdt.Dot {
	if len(head)+len(tail) >= LargeOp {
		return l.appendLarge(wall, head, tail)
	}
	m := &l.mu
	m.Lock()
	t, idle := l.appendLocked(wall, head, tail)
	m.Unlock()
	if idle {
		l.kickOwn()
	}
	return crdt.Dot{Time: t, Replica: l.self}
}

// tickLocked returns the next timestamp.
func (l *Log) tickLocked(wall int64) crdt.Timestamp {
	m := &l.mu
	t := m.clock + 1
	if w := crdt.TimestampAt(wall); w > t && wall > 0 {
		t = w
	}
	m.clock = t
	l.newest.Store(uint64(t))
	if ahead := t.Millis() - wall; ahead > l.maxDrift && ahead > l.drift(wall) {
		l.refuse(refuseClock)
	}
	return t
}

// appendLocked copies an op behind the others; idle is whether it is the first
// one to write.
func (l *Log) appendLocked(wall int64, op, tail []byte) (t crdt.Timestamp, idle bool) {
	m := &l.mu
	t = l.tickLocked(wall)
	s := &m.cur
	size := len(op) + len(tail)
	idle = s.ops == 0
	if idle {
		s.first, s.last = t, t
	} else if len(s.buf)+size+maxEntryOverhead > maxPayload {
		l.cutLocked()
		m.joins = false
		s.first, s.last = t, t
	}
	head := uint64(size) << 1
	if m.joins {
		head |= 1
	}
	before := len(s.buf)
	buf := binary.AppendUvarint(s.buf, uint64(t-s.last))
	buf = binary.AppendUvarint(buf, head)
	s.buf = append(append(buf, op...), tail...)
	s.last = t
	s.ops++
	m.joins = m.inGroup
	l.pendingLocked(len(s.buf)-before, 0)
	if len(s.buf) >= BlockBytes && !m.inGroup {
		l.cutLocked()
	}
	return t, idle
}

// maxPayload keeps the block below MaxBlockBytes with the largest vector.
const maxPayload = MaxBlockBytes - headerBytes - crcBytes - 16*crdt.MaxReplicas

// cutLocked ends the current segment; the next op begins another.
func (l *Log) cutLocked() {
	m := &l.mu
	m.full = append(m.full, m.cur)
	var buf []byte
	if n := len(m.spare); n > 0 {
		buf, m.spare = m.spare[n-1], m.spare[:n-1]
	} else {
		buf = make([]byte, 0, segmentBytes)
	}
	m.cur = segment{buf: buf[:0]}
}

// recycleLocked keeps a segment's buffer for reuse, within bounds.
func (l *Log) recycleLocked(s *segment) {
	if s.front == 0 && cap(s.buf) <= maxSpareBytes && len(l.mu.spare) < maxSpareBuffers {
		l.mu.spare = append(l.mu.spare, s.buf)
	}
}

// BeginGroup opens an atomic group (C2): the ops appended until EndGroup sit
// in one block and become visible together everywhere. It waits while another
// group is open. Ops of others appended meanwhile belong to the group as well.
// The holder must not call Sync or Close.
func (l *Log) BeginGroup() {
	l.group.Lock()
	l.mu.Lock()
	l.mu.inGroup, l.mu.joins = true, false
	l.mu.Unlock()
}

// EndGroup closes the group.
func (l *Log) EndGroup() {
	m := &l.mu
	m.Lock()
	m.inGroup, m.joins = false, false
	if len(m.cur.buf) >= BlockBytes {
		l.cutLocked()
	}
	waiting := m.cur.ops > 0 || len(m.full) > 0
	m.Unlock()
	l.group.Unlock()
	if waiting {
		l.kickOwn()
	}
}

// Issued returns the last own dot given out, in this run or an earlier one.
func (l *Log) Issued() crdt.Dot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.issuedLocked()
}

func (l *Log) issuedLocked() crdt.Dot {
	m := &l.mu
	t := m.sealed
	if m.cur.ops > 0 {
		t = m.cur.last
	} else if n := len(m.full); n > 0 {
		t = m.full[n-1].last
	}
	if t == 0 {
		return crdt.Dot{}
	}
	return crdt.Dot{Time: t, Replica: l.self}
}
