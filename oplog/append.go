package oplog

import (
	"encoding/binary"
	"slices"

	"crdb/crdt"
)

// segment is a run of own ops that becomes one block: buf is the block's
// payload as it will be on disk.
type segment struct {
	buf         []byte
	front       int         // of buf: room for the block's head
	taken       []crdt.Part // ends of ops that were taken over, with their places in buf
	first, last crdt.Timestamp
	ops         int
	bases       []crdt.Timestamp // of the ops that edits may name
	edited      int              // bytes of the strings that edits make
	small       int              // bytes that count for MaxPending
	large       int              // and for MaxLarge
}

// takesEdit reports whether an edit of the op at base may go behind the other ops: one
// of so many bytes, that makes a string of so many.
func (s *segment) takesEdit(base crdt.Timestamp, bytes, made int) bool {
	if s.ops == 0 || base < s.first || s.edited+made > crdt.MaxEdited || s.size()+bytes+maxEntryOverhead > maxPayload {
		return false
	}
	_, found := slices.BinarySearch(s.bases, base)
	return found
}

// size is the length of the payload.
func (s *segment) size() int {
	n := len(s.buf) - s.front
	for i := range s.taken {
		n += len(s.taken[i].Bytes)
	}
	return n
}

// appendPayload appends the payload to b, which has room for it.
func (s *segment) appendPayload(b []byte) []byte {
	at := s.front
	for _, p := range s.taken {
		b = append(b, s.buf[at:p.At]...)
		n := len(b)
		b = b[:n+len(p.Bytes)]
		crdt.Copy(b[n:], p.Bytes)
		at = p.At
	}
	return append(b, s.buf[at:]...)
}

const (
	segmentBytes     = 64 << 10 // first size of a segment's buffer, behind a full one BlockBytes more
	maxSpareBytes    = 2 << 20  // buffers above it are not kept for reuse
	maxSpareBuffers  = 4
	maxEntryOverhead = 20
)

// Append gives op its dot, copies it behind all earlier ones, and returns the
// dot. It never fails and never waits for the disk: callers ask Admit first.
// The order of dots is the order of the log.
func (l *Log) Append(op []byte) crdt.Dot { return l.AppendAt(l.opts.Wall(), op, nil) }

// AppendAt is Append for a caller that has just read the wall clock itself. The
// op is head and tail together.
func (l *Log) AppendAt(wall int64, head, tail []byte) crdt.Dot {
	if len(head)+len(tail) >= l.opts.LargeOp {
		return l.appendLarge(wall, head, tail)
	}
	return l.append(wall, head, tail, nil)
}

// AppendTaken is AppendAt of an op whose tail is in pieces. Where they are large it
// does not copy them: the log keeps them, and nobody may change them any more.
func (l *Log) AppendTaken(wall int64, head []byte, tail ...[]byte) crdt.Dot {
	size := 0
	for _, piece := range tail {
		size += len(piece)
	}
	if size < l.opts.LargeOp {
		return l.AppendAt(wall, head, slices.Concat(tail...))
	}
	return l.append(wall, head, nil, tail)
}

// AppendString is AppendAt of an op whose tail is a string that ops behind it in the
// same block may be edits of; from LargeOp on it is taken over, and taken tells so. edit
// is the same op, told as an edit of the one at base, or nil: it is what is logged if
// that one is in this block.
func (l *Log) AppendString(wall int64, head, tail []byte, base crdt.Timestamp, edit []byte) (d crdt.Dot, taken bool) {
	m := &l.mu
	m.Lock()
	s := &m.cur
	var whole [][]byte
	switch size := len(tail); {
	case edit != nil && s.takesEdit(base, len(edit), size):
		s.edited += size
		head, tail = edit, nil
	default:
		if !m.inGroup && s.ops > 0 && (s.size() >= BlockBytes || s.edited+size > crdt.MaxEdited) {
			l.cutLocked()
		}
		if size >= l.opts.LargeOp {
			tail, whole = nil, [][]byte{tail}
		}
	}
	t, idle := l.appendLocked(wall, head, tail, whole)
	if s.ops > 0 && s.last == t { // else it has ended its block
		s.bases = append(s.bases, t)
	}
	m.Unlock()
	if idle {
		l.kickOwn()
	}
	return crdt.Dot{Time: t, Replica: l.self}, whole != nil
}

func (l *Log) append(wall int64, head, tail []byte, taken [][]byte) crdt.Dot {
	m := &l.mu
	m.Lock()
	alone := taken != nil && !m.inGroup
	if alone && m.cur.ops > 0 {
		l.cutLocked() // a block of its own
	}
	t, idle := l.appendLocked(wall, head, tail, taken)
	if alone {
		l.cutLocked()
	}
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

// appendLocked copies an op behind the others, but for its end, taken, which it
// takes over; idle is whether it is the first one to write.
func (l *Log) appendLocked(wall int64, op, tail []byte, taken [][]byte) (t crdt.Timestamp, idle bool) {
	m := &l.mu
	t = l.tickLocked(wall)
	s := &m.cur
	size, large := len(op)+len(tail), 0
	for _, piece := range taken {
		large += len(piece)
	}
	size += large
	idle = s.ops == 0
	if idle {
		s.first, s.last = t, t
	} else if s.size()+size+maxEntryOverhead > maxPayload {
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
	for _, piece := range taken {
		s.taken = append(s.taken, crdt.Part{At: len(s.buf), Bytes: piece})
	}
	s.last = t
	s.ops++
	m.joins = m.inGroup
	s.small, s.large = s.small+len(s.buf)-before, s.large+large
	l.pendingLocked(len(s.buf)-before, large)
	if len(s.buf) >= BlockBytes && !m.inGroup {
		l.cutLocked()
	}
	return t, idle
}

// maxPayload keeps the block below MaxBlockBytes with the largest vector.
const maxPayload = MaxBlockBytes - headerBytes - crcBytes - 16*crdt.MaxReplicas

// MaxOpBytes bounds an op, in bytes: a block of a larger one could not be read again,
// neither here nor elsewhere. Callers see to it.
const MaxOpBytes = maxPayload - maxEntryOverhead

// cutLocked ends the current segment; the next op begins another.
func (l *Log) cutLocked() {
	m := &l.mu
	m.full = append(m.full, m.cur)
	var buf []byte
	switch n := len(m.spare); {
	case n > 0:
		buf, m.spare = m.spare[n-1], m.spare[:n-1]
	case len(m.cur.buf) >= BlockBytes: // the next will be full as well: it is not to grow step by step
		buf = make([]byte, 0, segmentBytes+BlockBytes)
	default:
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
	if m.cur.size() >= BlockBytes {
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
