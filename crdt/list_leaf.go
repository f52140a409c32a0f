package crdt

import "encoding/binary"

// A leaf holds elements in order, each told by its difference from the one
// before: mostly "the next of the same run". An entry is
//
//	byte     parts
//	run      uvarint length, bytes, seq as zigzag uvarint   if entryRun
//	gap      uvarint: seq minus the previous seq, minus 1   if entryGap
//	time     zigzag uvarint: of the add, minus the previous
//	         entry's, or with entryRun that of the run      if entryTime
//	written  dot of the value                               if entryWritten
//	name     uvarint length, run, seq as zigzag uvarint     if entryMoved
//	value    uvarint length, bytes
//
// Without entryRun it belongs to the run of the previous entry, without
// entryGap its seq is the next, without entryTime its time is the same. The
// replica of its dot is that of the run.
const (
	entryRun = 1 << iota
	entryGap
	entryTime
	entryWritten
	entryMoved
)

const (
	maxLeaf        = 2048 // bytes, but for one large element
	maxLeafEntries = 128
)

// listEntry is a decoded element; its runs and its value alias the leaf.
type listEntry struct {
	place
	home       place     // its name if it stands elsewhere, else zero
	time       Timestamp // of its dot
	written    Dot       // of an LSET, zero if the value is the one it came with
	value      []byte
	start, end int // in the leaf
	runAt      int // where its run stands in the leaf
}

// name is the position that the element was born with.
func (e *listEntry) name() place {
	if e.home.run != nil {
		return e.home
	}
	return e.place
}

// moved is the dot of the newest move: it has begun the run. Zero if there was
// none.
func (e *listEntry) moved() Dot {
	if e.home.run != nil {
		return e.owner()
	}
	return Dot{}
}

// dot is that of the op that added the element.
func (e *listEntry) dot() Dot { return Dot{e.time, e.name().owner().Replica} }

// newest is the dot of its value.
func (e *listEntry) newest() Dot {
	if e.written.IsZero() {
		return e.dot()
	}
	return e.written
}

// next decodes the entry that follows e; e starts as the zero entry.
func (e *listEntry) next(data []byte) bool {
	if e.end >= len(data) {
		return false
	}
	at := e.end
	e.start = at
	parts := data[at]
	at++
	var u uint64
	var n int
	if parts&entryRun != 0 {
		u, n = uvarintAt(data[at:])
		at += n
		e.runAt = at
		e.run = data[at : at+int(u) : at+int(u)]
		at += int(u)
		u, n = uvarintAt(data[at:])
		at += n
		e.seq = unzigzag(u)
		e.time = e.owner().Time
	} else {
		e.seq++
	}
	if parts&entryGap != 0 {
		u, n = uvarintAt(data[at:])
		at += n
		e.seq += int64(u)
	}
	if parts&entryTime != 0 {
		u, n = uvarintAt(data[at:])
		at += n
		e.time += Timestamp(unzigzag(u))
	}
	e.written = Dot{}
	if parts&entryWritten != 0 {
		e.written = DotAt(data[at:])
		at += DotSize
	}
	e.home = place{}
	if parts&entryMoved != 0 {
		u, n = uvarintAt(data[at:])
		at += n
		e.home.run = data[at : at+int(u) : at+int(u)]
		at += int(u)
		u, n = uvarintAt(data[at:])
		at += n
		e.home.seq = unzigzag(u)
	}
	u, n = uvarintAt(data[at:])
	at += n
	e.end = at + int(u)
	e.value = data[at:e.end:e.end]
	return true
}

// appendEntry appends e as it is told after prev, nil at the start of a leaf.
func appendEntry(b []byte, prev, e *listEntry) []byte {
	return append(appendEntryHead(b, prev, e), e.value...)
}

// appendEntryHead is appendEntry without the bytes of the value, which are its end.
func appendEntryHead(b []byte, prev, e *listEntry) []byte {
	head := len(b)
	b = append(b, 0)
	parts := byte(0)
	base := Timestamp(0)
	if prev == nil || string(prev.run) != string(e.run) {
		parts |= entryRun
		b = appendBytes(b, e.run)
		b = binary.AppendUvarint(b, zigzag(e.seq))
		base = e.owner().Time
	} else {
		base = prev.time
		if gap := uint64(e.seq) - uint64(prev.seq) - 1; gap != 0 {
			parts |= entryGap
			b = binary.AppendUvarint(b, gap)
		}
	}
	if e.time != base {
		parts |= entryTime
		b = binary.AppendUvarint(b, zigzag(int64(e.time-base)))
	}
	if !e.written.IsZero() {
		parts |= entryWritten
		b = AppendDot(b, e.written)
	}
	if e.home.run != nil {
		parts |= entryMoved
		b = appendBytes(b, e.home.run)
		b = binary.AppendUvarint(b, zigzag(e.home.seq))
	}
	b = binary.AppendUvarint(b, uint64(len(e.value)))
	b[head] = parts
	return b
}

// seek decodes up to entry i of the leaf, and returns the one before as well,
// which is zero if there is none. i may be the number of entries: then ok is
// false.
func (n *listNode) seek(i int) (prev, e listEntry, ok bool) {
	for range i {
		e.next(n.data)
	}
	prev = e
	ok = e.next(n.data)
	return prev, e, ok
}

// orNil is e, or nil for the zero entry.
func (e *listEntry) orNil() *listEntry {
	if e.run == nil {
		return nil
	}
	return e
}

// splice replaces bytes of the leaf.
func (n *listNode) splice(from, to int, with []byte) {
	grow := len(with) - (to - from)
	if size := len(n.data) + grow; size > cap(n.data) {
		room := max(size, min(2*cap(n.data), maxLeaf))
		data := make([]byte, size, room)
		copy(data, n.data[:from])
		copy(data[from:], with)
		copy(data[from+len(with):], n.data[to:])
		n.data, n.front = data, nil
		return
	}
	old := n.data
	n.data = n.data[:len(old)+grow]
	copy(n.data[from+len(with):], old[to:])
	copy(n.data[from:], with)
}

// tail is what an append to a leaf needs to know of its last entry.
type tail struct {
	known   bool
	moved   bool
	popped  bool   // the leaf's last change was a removal at its end
	at      uint32 // where it begins
	runAt   uint32 // where its run stands
	runSize uint32
	seq     int64
	time    Timestamp
}

// lastPlace returns the last entry without its value, and without its name if
// that is another; the leaf is not empty.
func (n *listNode) lastPlace() (e listEntry, moved bool) {
	t := &n.tail
	if !t.known {
		for e.next(n.data) {
		}
		n.endsWith(&e)
	}
	return listEntry{place: place{n.data[t.runAt : t.runAt+t.runSize], t.seq}, time: t.time}, t.moved
}

// lastEntry decodes the last entry; the leaf is not empty.
func (n *listNode) lastEntry() (e listEntry) {
	end, _ := n.lastPlace()
	e.end, e.time = int(n.tail.at), end.time
	e.place = place{end.run, end.seq - 1} // as the one before it stands, if it told no gap
	e.next(n.data)
	e.place, e.time, e.runAt = end.place, end.time, int(n.tail.runAt)
	return e
}

// endsWith notes that e, decoded from the leaf, is its last entry.
func (n *listNode) endsWith(e *listEntry) {
	n.tail = tail{known: true, moved: e.home.run != nil, at: uint32(e.start), runAt: uint32(e.runAt), runSize: uint32(len(e.run)), seq: e.seq, time: e.time}
}

// appendLeaf adds an entry at the end if there is room.
func (n *listNode) appendLeaf(e *listEntry) bool {
	var prev *listEntry
	if n.count > 0 {
		if n.count == maxLeafEntries || len(n.data) >= maxLeaf {
			return false
		}
		last, _ := n.lastPlace()
		prev = &last
	}
	old := len(n.data)
	if need := old + len(e.run) + len(e.value) + 40; need > cap(n.data) && need <= maxLeaf {
		n.data, n.front = append(make([]byte, 0, max(need, min(2*cap(n.data), maxLeaf))), n.data...), nil
	}
	b := appendEntry(n.data, prev, e)
	if n.count > 0 && len(b) > maxLeaf {
		return false
	}
	if cap(b) != cap(n.data) { // it has moved
		n.front = nil
	}
	n.data, n.count = b, n.count+1
	if b[old]&entryRun != 0 {
		_, k := uvarintAt(b[old+1:])
		n.tail.runAt, n.tail.runSize = uint32(old+1+k), uint32(len(e.run))
	}
	if n.offs != nil {
		*n.offs = append(*n.offs, uint32(old))
	}
	n.tail.at = uint32(old)
	n.tail.popped = false
	n.tail.known, n.tail.moved, n.tail.seq, n.tail.time = true, e.home.run != nil, e.seq, e.time
	return true
}

// insertLeaf puts e before entry i if there is room or it must.
func (n *listNode) insertLeaf(i int, e *listEntry, must bool) bool {
	if i == 0 && len(n.front) > 0 && n.unshiftLeaf(e) || i == n.count && n.appendLeaf(e) {
		return true
	}
	prev, next, ok := n.seek(i)
	var buf [512]byte
	b := appendEntry(buf[:0], prev.orNil(), e)
	from, to := len(n.data), len(n.data)
	if ok {
		b = appendEntry(b, e, &next)
		from, to = next.start, next.end
	}
	if !must && n.count > 0 && (len(n.data)+len(b)-(to-from) > maxLeaf || n.count >= maxLeafEntries) {
		return false
	}
	known := n.tail
	n.changed()
	n.splice(from, to, b)
	n.count++
	if ok && i == 0 {
		n.keepTail(known, to, 2)
	}
	return true
}
