package crdt

import "encoding/binary"

// fieldTimes is what a hash keeps besides as soon as a field has a deadline.
type fieldTimes struct {
	now     int64  // what passed before does not show
	due     zindex // the live fields by deadline; a double holds it exactly
	orphans zindex // fields that are not live and have deadlines, by the longest; 0 is none
	looked  int    // how many of orphans PrepareOrphans has been through
	swept   int    // how many of due PrepareSweep has been through
}

// filing is where fieldTimes has a field.
type filing struct {
	at     int64
	orphan bool
}

func filingOf(e *element) (f filing) {
	if len(e.dates) == 0 {
		return f
	}
	f.at, _ = longest(e.dates)
	f.orphan = !e.Live()
	return f
}

// refile moves a field in the index of deadlines.
func (h *Hash) refile(field []byte, was, now filing) {
	if h.times == nil {
		h.times = &fieldTimes{}
	}
	t := h.times
	switch {
	case was.orphan:
		t.orphans.delete(float64(was.at), field)
	case was.at != 0:
		t.due.delete(float64(was.at), field)
	}
	switch {
	case now.orphan:
		t.orphans.insert(float64(now.at), field)
	case now.at != 0:
		t.due.insert(float64(now.at), field)
	}
	if t.due.len() == 0 && t.orphans.len() == 0 {
		h.times = nil
	}
}

// At says what time it is for those who read, in unix milliseconds: fields
// whose deadline is before it do not show. It returns h.
func (h *Hash) At(now int64) *Hash {
	if h.times != nil {
		h.times.now = now
	}
	return h
}

// Dated reports whether a field has a deadline.
func (h *Hash) Dated() bool { return h.times != nil && h.times.due.len() > 0 }

// Shown returns the number of fields whose deadline has not passed.
func (h *Hash) Shown() int {
	if h.times == nil {
		return h.Len()
	}
	now := float64(h.times.now)
	return h.Len() - h.times.due.find(func(at float64, _ []byte) bool { return at < now })
}

// shows reports whether an encoded field is there for those who read.
func (h *Hash) shows(rec []byte) bool {
	switch rec[0] {
	case shapePlain, shapeShare:
		return true
	case shapeDated:
		if at := elementDeadline(rec); at != 0 && h.times != nil && at < h.times.now {
			return false
		}
	}
	return cellLive(rec)
}

// Past reports whether a field is there and its deadline has passed.
func (h *Hash) Past(field []byte) bool {
	if h.times == nil {
		return false
	}
	rec, ok := h.get(field)
	return ok && cellLive(rec) && !h.shows(rec)
}

// Deadline returns the deadline of a field that shows, 0 for none.
func (h *Hash) Deadline(field []byte) (at int64, ok bool) {
	rec, ok := h.get(field)
	if !ok || !h.shows(rec) {
		return 0, false
	}
	return elementDeadline(rec), true
}

// FirstDeadline returns the earliest deadline of a field, 0 if there is none.
func (h *Hash) FirstDeadline() (at int64) {
	if h.times != nil {
		h.times.due.walk(0, 1, false, func(_ []byte, x float64) bool { at = int64(x); return false })
	}
	return at
}

// LastDeadline returns the deadline of the field that stays longest, 0 if one
// has none.
func (h *Hash) LastDeadline() (at int64) {
	if n := h.Len(); h.times != nil && n > 0 && h.times.due.len() == n {
		h.times.due.walk(n-1, n, false, func(_ []byte, x float64) bool { at = int64(x); return false })
	}
	return at
}

// PrepareDeadline names a field that shows, what is seen of it, and its new
// deadline, 0 for none.
func (h *Hash) PrepareDeadline(op *Op, field []byte, at int64) {
	h.see(op, field)
	e := &op.Elems[len(op.Elems)-1]
	e.Shares = nil
	first := len(op.names)
	op.names = binary.BigEndian.AppendUint64(op.names, uint64(at))
	e.Value = op.names[first:len(op.names):len(op.names)]
}

// Persists reports whether an operation of KindHashExpire takes deadlines away.
func Persists(op *Op) bool {
	for i := range op.Elems {
		if e := &op.Elems[i]; e.Of == TypeNone { // what it clears of hidden types has no deadline
			return deadlineAt(e.Value) == 0
		}
	}
	return false
}

func deadlineAt(value []byte) int64 { return int64(binary.BigEndian.Uint64(value)) }

// checkDeadline reports whether an element of KindHashExpire can be.
func checkDeadline(e *Elem) bool {
	return len(e.Value) == 8 && binary.BigEndian.Uint64(e.Value) <= MaxFieldDeadline
}

// sweepLooks is how many fields PrepareSweep looks at for each that it may name.
const sweepLooks = 10

// PrepareSweep names the fields whose deadline is before due and is the caller's to
// enforce, as mine says of the replica that set it: at most limit. It returns their
// number, and how many fields were looked at: where thousands are past that are
// others' to remove, not all, and the next ones when it is called again.
func (h *Hash) PrepareSweep(op *Op, mine func(owner ReplicaID, at int64) bool, due int64, limit int) (n, looked int) {
	if h.times == nil {
		return 0, 0
	}
	t := h.times
	var names [][]byte
	past := true // whether the walk ended where nothing more is due
	t.due.walk(t.swept, t.swept+sweepLooks*limit, false, func(field []byte, at float64) bool {
		x := int64(at)
		if past = x >= due; past || len(names) == limit {
			return false
		}
		looked++
		if _, owner := longest(h.element(field).dates); mine(owner.Replica, x) {
			names = append(names, append([]byte(nil), field...))
		}
		return true
	})
	t.swept += looked - len(names) // these go
	if past || t.swept+len(names) >= t.due.len() {
		t.swept = 0
	}
	for _, f := range names {
		h.see(op, f)
	}
	return len(names), looked
}

// orphanLooks is how many fields PrepareOrphans looks at: a few milliseconds' worth.
const orphanLooks = 4096

// PrepareOrphans names fields that are gone but for deadlines, if those are
// the caller's to remove, as mine says of who set them; at is 0 where that was none.
// Of many it looks at some, and at the next ones when it is called again. It returns
// the number of names.
func (h *Hash) PrepareOrphans(op *Op, mine func(owner ReplicaID, at int64) bool) (n int) {
	if h.times == nil || h.times.orphans.len() == 0 {
		return 0
	}
	t := h.times
	if t.looked >= t.orphans.len() {
		t.looked = 0
	}
	var names [][]byte
	t.orphans.walk(t.looked, t.looked+orphanLooks, false, func(field []byte, at float64) bool {
		if _, owner := longest(h.element(field).dates); mine(owner.Replica, int64(at)) {
			names = append(names, append([]byte(nil), field...))
		}
		return true
	})
	t.looked += orphanLooks - len(names) // these go
	for _, f := range names {
		h.see(op, f)
	}
	return len(names)
}

// PreparePast names one field whose deadline has passed, for a write to it.
func (h *Hash) PreparePast(op *Op, field []byte) { h.see(op, field) }

// stale reports whether something is kept until it can be forgotten.
func (h *Hash) stale() bool { return h.stales > 0 || h.times != nil && h.times.orphans.len() > 0 }

func (h *Hash) bytes() int {
	n := h.cellMap.bytes()
	if h.times != nil {
		n += 48 + h.times.due.bytes() + h.times.orphans.bytes()
	}
	return n
}
