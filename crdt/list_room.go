package crdt

import "bytes"

// farthest is how far seqs and nums go from zero.
const farthest = 1 << 62

// room is what inserts leave to others: the distance of seqs in a run and of
// nums between runs, and the length above which positions are made short.
var room = struct {
	seq, num int64
	long     int
}{1 << 32, 1 << 20, maxPos}

// SetListRoom lowers what inserts leave to others, so that a few of them are enough to
// move elements: seq is the distance inside a run, num that between runs, long the
// bytes of a position above which elements get shorter ones. For tests, which call it
// before the first list exists.
func SetListRoom(seq, num int64, long int) { room.seq, room.num, room.long = seq, num, long }

// step is one step of a position.
type step struct {
	num        int64
	start, end int // in the position
}

// stepAt reads the step that begins at byte at; ok is false at the end.
func stepAt(pos []byte, at int) (s step, ok bool) {
	if at >= len(pos) {
		return s, false
	}
	num, n := orderedAt(pos[at:])
	_, m := orderedAt(pos[at+n+DotSize:])
	return step{num, at, at + n + DotSize + m}, true
}

// common is the length of the whole steps that two positions begin with alike.
func common(p, q []byte) (n int) {
	for {
		s, ok := stepAt(p, n)
		if !ok || !bytes.HasPrefix(q[n:], p[n:s.end]) {
			return n
		}
		n = s.end
	}
}

// far reports whether a seq or num has no room around it: only a replica that
// does not keep to the rules comes there.
func far(v int64) bool { return v >= farthest || v <= -farthest }

// beyond prepares the places of elements pushed to an end of the list.
func (l *List) beyond(op *Op, self ReplicaID, left bool, values [][]byte) {
	away, first, run := int64(1), int64(0), []byte(nil)
	if left {
		away = -1
	}
	num := int64(0)
	if l.root != nil {
		end := l.root.first()
		if !left {
			end, _ = l.root.last()
		}
		top, n := orderedAt(end.run)
		if num = top; !far(num) {
			num += away
		}
		if len(end.run) == n+DotSize && end.owner().Replica == self && l.free(end.place, away, len(values)) {
			run, first = end.run, end.seq+away
		}
	}
	if run != nil || !far(num) {
		at := 0
		if !left {
			at = l.Len()
		}
		l.endsAt(op, at)
	}
	op.Expect(len(values), false)
	for k, v := range values {
		seq := first + away*int64(k)
		op.named(func(b []byte) []byte {
			if run == nil {
				return appendStep(b, num, seq)
			}
			return appendOrdered(append(b, run...), seq)
		}).Value = v
	}
}

// free reports whether the n places beside p bear no name of an element that
// stands elsewhere.
func (l *List) free(p place, away int64, n int) bool {
	if far(p.seq) {
		return false
	}
	for k := int64(1); k <= int64(n) && len(l.moved) > 0; k++ {
		if l.elsewhere(place{p.run, p.seq + away*k}) {
			return false
		}
	}
	return true
}

// between appends a position between neighbours: in a run of the author, if one
// of them has room, else in a new one.
func (l *List) between(buf []byte, p, q *listEntry, self ReplicaID) []byte {
	for step := room.seq; step > 0; step /= 2 {
		after, before := place{p.run, p.seq + step}, place{q.run, q.seq - step}
		if p.owner().Replica == self && !far(p.seq) && after.compare(q.place) < 0 && !l.elsewhere(after) {
			return after.append(buf)
		}
		if q.owner().Replica == self && !far(q.seq) && before.compare(p.place) > 0 && !l.elsewhere(before) {
			return before.append(buf)
		}
	}
	return newBetween(buf, p.append(nil), q.append(nil))
}

// newBetween appends the position of a new run between two positions, at the
// highest level that has room.
func newBetween(buf, p, q []byte) []byte {
	at := common(p, q)
	s, ok := stepAt(p, at)
	next, _ := stepAt(q, at)
	switch {
	case !ok && !far(next.num): // q lies below p
		return appendStep(append(buf, p...), next.num-room.num, 0)
	case ok && next.num-s.num > 1:
		return appendStep(append(buf, p[:at]...), s.num+min(room.num, (next.num-s.num)/2), 0)
	case ok: // behind what lies below the step of p
		if below, ok := stepAt(p, s.end); ok && !far(below.num) {
			return appendStep(append(buf, p[:s.end]...), below.num+room.num, 0)
		}
	}
	return appendStep(append(buf, p...), 0, 0)
}

// The elements that one op may move are few, or many if few would not do.
// moveStride is the distance of their seqs.
const (
	moveFew    = 4096
	moveMany   = 65536
	moveStride = 1 << 32
)

// PrepareRoom gives the elements around index i short positions, in the same
// order, when PrepareInsert there has found no room. They stay the elements
// that they are: whoever removes one at this moment, or moves it as well, finds
// it by its name. False means that too many would have to move.
func (l *List) PrepareRoom(op *Op, i int) bool {
	p, q := l.at(i-1).append(nil), l.at(i).append(nil)
	shared := common(p, q)
	for _, most := range []int{moveFew, moveMany} {
		for s, ok := stepAt(p, 0); ok && s.end <= shared && s.end+maxStep <= room.long; s, ok = stepAt(p, s.end) {
			lo, hi := l.below(p[:s.end])
			if hi-lo > most {
				continue
			}
			inner, _ := stepAt(q, s.end)
			l.prepareMove(op, lo, hi, appendStep(p[:s.end:s.end], inner.num, 0))
			return true
		}
	}
	return false
}

// below returns the range of the elements whose positions go on from pos.
func (l *List) below(pos []byte) (lo, hi int) {
	p, _ := placeOf(pos, false)
	lo = l.root.find(p)
	if lo < l.Len() {
		if e := l.at(lo); e.compare(p) == 0 {
			lo++
		}
	}
	return lo, l.root.find(place{p.run, p.seq + 1})
}

// prepareMove names the elements from lo to hi and, with the first, the
// position that it gets: the others follow in its run.
func (l *List) prepareMove(op *Op, lo, hi int, to []byte) {
	l.root.walk(lo, func(e *listEntry) bool {
		x := l.see(op, e)
		x.Value, to = to, nil
		lo++
		return lo < hi
	})
}
