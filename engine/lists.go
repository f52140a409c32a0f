package engine

import (
	"bytes"

	"crdb/crdt"
)

// readList returns the list of a key, nil if the key does not exist.
func (t *Tx) readList(key []byte) (*crdt.List, error) {
	n, err := t.read(key, crdt.TypeList)
	if n == nil {
		return nil, err
	}
	return n.load().List(), nil
}

// ListLen returns the number of elements; a missing key is an empty list.
func (t *Tx) ListLen(key []byte) (int, error) {
	n, err := t.read(key, crdt.TypeList)
	switch {
	case n == nil:
		return 0, err
	case n.isFlat():
		return n.flatLen(), nil
	}
	return n.load().List().Len(), nil
}

// ListIndex returns the element at an index, which counts from the right end
// if it is negative.
func (t *Tx) ListIndex(key []byte, index int64) (value []byte, ok bool, err error) {
	l, err := t.readList(key)
	if l == nil {
		return nil, false, err
	}
	i, ok := listIndex(l, index)
	if !ok {
		return nil, false, nil
	}
	return l.Index(i), true, nil
}

// listIndex turns an index into one from the left end; ok says whether there is
// an element.
func listIndex(l *crdt.List, index int64) (i int, ok bool) {
	if index < 0 {
		index += int64(l.Len())
	}
	return int(index), index >= 0 && index < int64(l.Len())
}

// ListEach calls fn for the elements from index from on until it returns
// false. fn must not write.
func (t *Tx) ListEach(key []byte, from int, fn func(value []byte) bool) error {
	l, err := t.readList(key)
	if l != nil {
		l.Each(from, fn)
	}
	return err
}

// ListEachBack is ListEach downwards.
func (t *Tx) ListEachBack(key []byte, from int, fn func(value []byte) bool) error {
	l, err := t.readList(key)
	if l != nil {
		l.EachBack(from, fn)
	}
	return err
}

// changeList loads a list for a change. It is nil if the key does not exist,
// unless create is set.
func (t *Tx) changeList(key []byte, kind crdt.Kind, create bool) (*entry, *crdt.List, error) {
	n := t.change(key)
	if !create && !n.shows(t.now) {
		return nil, nil, nil
	}
	t.op.Reset(kind, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeList); err != nil {
		return nil, nil, ErrWrongType
	}
	return n, n.obj.List(), nil
}

// ListPush adds values one after the other at the left or the right end and
// returns the new length.
func (t *Tx) ListPush(key []byte, left bool, values [][]byte) (int, error) {
	n, l, err := t.changeList(key, crdt.KindListPush, true)
	if err != nil {
		return 0, err
	}
	l.PreparePush(&t.op, t.e.self, left, values)
	size := l.Len() + len(values)
	t.issue(n)
	return size, nil
}

// ListPop removes up to count elements from the left or right end, passing
// them to fn first. fn must not write. The result is whether the key exists.
func (t *Tx) ListPop(key []byte, left bool, count int64, fn func(value []byte)) (exists bool, err error) {
	n, l, err := t.changeList(key, crdt.KindListRemove, false)
	if l == nil {
		return false, err
	}
	k := int(min(count, int64(l.Len())))
	if k <= 0 {
		return true, nil
	}
	i := 0
	pass := func(v []byte) bool {
		fn(v)
		i++
		return i < k
	}
	switch {
	case k == 1:
		if !left {
			i = l.Len() - 1
		}
		fn(l.PreparePop(&t.op, i))
		t.issue(n)
	case left:
		l.Each(0, pass)
		err = t.listCut(key, 0, k)
	default:
		l.EachBack(l.Len()-1, pass)
		err = t.listCut(key, l.Len()-k, l.Len())
	}
	return true, err
}

// ListSet replaces the element at an index.
func (t *Tx) ListSet(key []byte, index int64, value []byte) error {
	n, l, err := t.changeList(key, crdt.KindListSet, false)
	if l == nil {
		if err == nil {
			err = ErrNoSuchKey
		}
		return err
	}
	i, ok := listIndex(l, index)
	if !ok {
		return ErrIndexRange
	}
	l.PrepareSet(&t.op, i, value)
	t.issue(n)
	return nil
}

// ListInsert puts a value before or after the first element that equals pivot
// and returns the new length: 0 if the key does not exist, -1 without a pivot.
func (t *Tx) ListInsert(key []byte, before bool, pivot, value []byte) (int, error) {
	n, l, err := t.changeList(key, crdt.KindListPush, false)
	if l == nil {
		return 0, err
	}
	at, found := 0, false
	l.Each(0, func(v []byte) bool {
		found = bytes.Equal(v, pivot)
		at++
		return !found
	})
	if !found {
		return -1, nil
	}
	if before {
		at--
	}
	size := l.Len() + 1
	if !l.PrepareInsert(&t.op, t.e.self, at, value) {
		if n, err = t.insertWithRoom(key, at, value); err != nil {
			return 0, err
		}
	}
	t.issue(n)
	return size, nil
}

// insertWithRoom prepares an insert before index at, where positions have
// become too long, and makes the elements there move first. The move and the
// insert are one atomic group.
func (t *Tx) insertWithRoom(key []byte, at int, value []byte) (*entry, error) {
	n, l, err := t.changeList(key, crdt.KindListMove, false)
	if err != nil {
		return nil, err
	}
	if !l.PrepareRoom(&t.op, at) {
		return nil, ErrNoRoom
	}
	t.group()
	t.issue(n)
	if n, l, err = t.changeList(key, crdt.KindListPush, false); err != nil {
		return nil, err
	}
	if !l.PrepareInsert(&t.op, t.e.self, at, value) {
		return nil, ErrNoRoom
	}
	return n, nil
}

// ListRemove removes elements that equal value: the first count of them, the
// last if count is negative, all if it is 0. It returns how many.
func (t *Tx) ListRemove(key []byte, count int64, value []byte) (int, error) {
	n, l, err := t.changeList(key, crdt.KindListRemove, false)
	if l == nil {
		return 0, err
	}
	limit := l.Len()
	if count > 0 {
		limit = int(min(count, int64(limit)))
	} else if count < 0 && count > -int64(limit) {
		limit = int(-count)
	}
	if limit > maxCut {
		t.group()
	}
	total := 0
	for l != nil && total < limit {
		removed := l.PrepareRemoveEqual(&t.op, value, min(limit-total, maxCut), count < 0)
		if removed == 0 {
			break
		}
		t.issue(n)
		total += removed
		if n, l, err = t.changeList(key, crdt.KindListRemove, false); err != nil {
			return total, err
		}
	}
	return total, nil
}

// ListTrim removes everything but the elements from index first to last.
func (t *Tx) ListTrim(key []byte, first, last int64) error {
	n, l, err := t.changeList(key, crdt.KindListRemove, false)
	if l == nil {
		return err
	}
	size := l.Len()
	from, to := ListSpan(size, first, last)
	switch {
	case from >= to:
		return t.listCut(key, 0, size)
	case to-from == size: // nothing to do, but WATCH takes it for a change, as in Redis
		n.p.touchWatched(n.db, n.key, false)
		return nil
	case from > 0 && to < size:
		t.group()
	}
	if err := t.listCut(key, to, size); err != nil {
		return err
	}
	return t.listCut(key, 0, from)
}

// maxCut bounds the elements that one op removes name by name, and so the op: 16384
// times 30 bytes for usual elements, 9 MB at worst. More are one atomic group.
const maxCut = 1 << 14

// listCut removes the elements from index i to j of a list that is there.
func (t *Tx) listCut(key []byte, i, j int) error {
	for i < j {
		n, l, err := t.changeList(key, crdt.KindListRemove, false)
		if err != nil {
			return err
		}
		from := i
		if j-i > maxCut && j-i < l.Len() && !l.Spans(&t.op) {
			from = j - maxCut
			t.group()
		}
		l.PrepareRemove(&t.op, from, j)
		t.issue(n)
		j = from
	}
	return nil
}

// ListSpan turns the first and last index of LRANGE into indexes from and to
// (exclusive) of a list of a size.
func ListSpan(size int, first, last int64) (from, to int) {
	n := int64(size)
	if first < 0 {
		first = max(first+n, 0)
	}
	if last < 0 {
		last += n
	}
	last = min(last, n-1)
	if first > last {
		return 0, 0
	}
	return int(first), int(last) + 1
}

// ListMove moves an element from an end of src to an end of dst and returns it.
func (t *Tx) ListMove(src, dst []byte, fromLeft, toLeft bool) (value []byte, ok bool, err error) {
	n, l, err := t.changeList(src, crdt.KindListRemove, false)
	if l == nil {
		return nil, false, err
	}
	at := 0
	if !fromLeft {
		at = l.Len() - 1
	}
	if string(src) == string(dst) {
		value = t.keep(l.Index(at))
		return value, true, t.listRotate(n, value, fromLeft, toLeft)
	}
	if !t.mayPush(&t.src, dst) {
		return nil, false, ErrWrongType
	}
	t.group()
	value = t.keep(l.PreparePop(&t.op, at))
	t.issue(n)
	t.one[0] = value
	_, err = t.ListPush(dst, toLeft, t.one[:])
	t.one[0] = nil
	return value, true, err
}

// mayPush finds a key and reports whether it is a list or none.
func (t *Tx) mayPush(n *entry, key []byte) bool {
	t.touches(key)
	n.find(t.e, t.db, key)
	return !n.shows(t.now) || n.typ() == crdt.TypeList
}

// keep copies a value that has to outlive the next write; it is valid until the
// Tx computes another one.
func (t *Tx) keep(value []byte) []byte {
	if len(value) > keepOp {
		return append([]byte(nil), value...)
	}
	t.val = append(t.val[:0], value...)
	return t.val
}

// listRotate is ListMove within one list, which is there and loaded. First comes the
// new element: the list is never empty, so it keeps its deadline.
func (t *Tx) listRotate(n *entry, value []byte, fromLeft, toLeft bool) error {
	t.group()
	t.one[0] = value
	l, err := t.changeAgain(n, crdt.KindListPush)
	if err != nil {
		return err
	}
	l.PreparePush(&t.op, t.e.self, toLeft, t.one[:])
	t.one[0] = nil
	t.issue(n)
	if l, err = t.changeAgain(n, crdt.KindListRemove); err != nil {
		return err
	}
	at := 0
	if !fromLeft {
		at = l.Len() - 1
	}
	if fromLeft == toLeft { // the old one is behind the new one
		if at = 1; !toLeft {
			at = l.Len() - 2
		}
	}
	l.PrepareCut(&t.op, at, at+1)
	t.issue(n)
	return nil
}

// changeAgain readies another change of the list of an entry that is found.
func (t *Tx) changeAgain(n *entry, kind crdt.Kind) (*crdt.List, error) {
	t.op.Reset(kind, uint8(t.db), n.key)
	if err := n.load().PrepareChange(&t.op, crdt.TypeList); err != nil {
		return nil, ErrWrongType
	}
	return n.obj.List(), nil
}
