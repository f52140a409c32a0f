package engine

import (
	"crdb/crdt"
)

// Rename moves what src shows to dst, replacing what dst holds, as one atomic
// group; an unseen write to src survives there. It reports whether src exists.
func (t *Tx) Rename(src, dst []byte) bool {
	t.group()
	if string(src) == string(dst) {
		return t.peek(src) != nil
	}
	return t.move(src, dst, t.db)
}

// Move moves what key shows to another logical database, as Rename does.
func (t *Tx) Move(key []byte, db int) bool { return t.move(key, key, db) }

// move is a copy that has been used as often as what it was made of, which goes.
func (t *Tx) move(src, dst []byte, dstDB int) bool {
	uses, _ := t.Freq(src)
	if !t.copy(src, dst, dstDB, true) {
		return false
	}
	t.Delete(src)
	home := t.db
	t.db = dstDB
	t.SetFreq(dst, uses)
	t.db = home
	return true
}

// Copy writes what src shows to dst in another or the same logical database,
// under fresh dots, replacing what dst holds. It reports whether src exists.
func (t *Tx) Copy(src, dst []byte, dstDB int) bool { return t.copy(src, dst, dstDB, false) }

// copy is Copy; with moves the caller deletes src, in the same group.
func (t *Tx) copy(src, dst []byte, dstDB int, moves bool) bool {
	t.group()
	from := &t.src
	t.touches(src)
	from.find(t.e, t.db, src)
	if !from.shows(t.now) {
		return false
	}
	typ, at := from.typ(), from.deadline()
	home := t.db
	t.db = dstDB
	defer func() { t.db = home }()
	if d := t.draftOf(from, moves); d != nil {
		if d.Bytes(&d.o.Object)+len(dst) > t.e.opts.Sizes.OpBytes {
			panic(ErrOpTooLarge) // before dst is deleted
		}
		t.Delete(dst)
		t.place(dst, d)
		t.dateCopy(dst, at)
		return true
	}
	if typ == crdt.TypeString && at > t.now {
		t.copySmall(from, typ, dst, at)
		return true
	}
	t.copySmall(from, typ, dst, 0)
	t.dateCopy(dst, at)
	return true
}

// dateCopy gives a copy the deadline of what it was made of, if any: that is not over,
// but it may be the present millisecond.
func (t *Tx) dateCopy(key []byte, at int64) {
	if at != 0 {
		t.setDeadline(t.change(key), at)
	}
}

// copySmall writes to dst what an entry shows, which is not so much that a draft is
// worth while; a string with its deadline.
func (t *Tx) copySmall(from *entry, typ crdt.Type, dst []byte, at int64) {
	switch typ {
	case crdt.TypeString:
		value := from.load().Cell.Value(nil)
		if len(value) < t.e.log.LargeOp() || from.isFlat() { // else it has a place of its own, and nobody changes it
			value = append([]byte(nil), value...)
		}
		t.anew = true // to an Observer: as in Redis, dst is deleted first
		t.PutOwned(dst, value, Expiry{At: at})
		t.anew = false // nobody may have looked
	case crdt.TypeHLL:
		t.hllStore(dst, from.load().HLL())
	case crdt.TypeSet:
		t.Delete(dst)
		t.SetStore(dst, setMembers(from.load().Set()))
	case crdt.TypeHash:
		h := from.load().Hash().At(t.now)
		pairs, times := hashPairs(h), hashDeadlines(h)
		if pairsBytes(pairs)+len(dst) > t.e.opts.Sizes.OpBytes {
			panic(ErrOpTooLarge)
		}
		t.Delete(dst)
		if _, err := t.HashSet(dst, pairs); err != nil {
			panic(err) // the key has just been deleted
		}
		t.setFieldDeadlines(dst, times)
	case crdt.TypeZSet:
		members, scores := zsetMembers(from.load().ZSet())
		t.Delete(dst)
		t.ZSetStore(dst, members, scores)
	case crdt.TypeList:
		values := listValues(from.load().List())
		t.Delete(dst)
		if _, err := t.ListPush(dst, false, values); err != nil {
			panic(err) // the key has just been deleted
		}
	case crdt.TypeStream:
		t.Delete(dst)
		t.streamFill(dst, from.load().Stream())
	}
}

func setMembers(s *crdt.Set) [][]byte {
	list := make([][]byte, 0, s.Len())
	s.Each(func(m []byte) bool {
		list = append(list, m)
		return true
	})
	return list
}

func zsetMembers(z *crdt.ZSet) (members [][]byte, scores []float64) {
	z.Range(0, z.Len(), false, func(m []byte, score float64) bool {
		members, scores = append(members, m), append(scores, score)
		return true
	})
	return members, scores
}

func listValues(l *crdt.List) [][]byte {
	list := make([][]byte, 0, l.Len())
	l.Each(0, func(v []byte) bool {
		list = append(list, append([]byte(nil), v...))
		return true
	})
	return list
}

// pairsBytes is no less than what pairs take in an op.
func pairsBytes(pairs [][]byte) (n int) {
	for _, b := range pairs {
		n += len(b) + pairRoom
	}
	return n
}

// pairRoom is more than a field or a value takes in an op besides itself, and half of what
// the deadline of a field does.
const pairRoom = 16

func hashPairs(h *crdt.Hash) [][]byte {
	list := make([][]byte, 0, 2*h.Shown())
	h.Each(func(f, v []byte) bool {
		list = append(list, f, append([]byte(nil), v...))
		return true
	})
	return list
}
