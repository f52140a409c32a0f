package engine

import (
	"encoding/binary"

	"crdb/crdt"
)

// entry is a key found in its partition, loaded for reading or change. It is
// scratch space of one goroutine that holds the partition's lock.
type entry struct {
	p      *partition
	part   int // index of p
	db     int
	key    []byte
	frag   uint32
	rec    []byte       // the record, nil if there is none
	obj    *crdt.Object // loaded by load; its bytes may alias rec
	heap   *object      // set if obj is part of it
	tx     *Tx          // whose scratch space it is; nil: the engine's own
	dot    crdt.Dot     // of the op of another region that is applied
	quiet  bool         // what is issued changes nothing that a client sees
	merge  bool         // the state of another instance is merged
	unused bool         // what changes is no use of the key, or one that has been noted
	fades  bool         // what another region deletes goes with its last field, as Tx.fades
	apart  bool         // a checkpoint has the elements: it must not become flat
	flat   crdt.Object  // what a flat record decodes into
	buf    []byte       // for encoding
}

// find looks the key up; the partition must be locked.
func (n *entry) find(e *Engine, db int, key []byte) {
	h := e.hash(key)
	n.part, n.db, n.key, n.frag = partOf(h), db, key, fragOf(h)
	n.p = &e.parts[n.part]
	n.rec, n.obj, n.heap, n.quiet, n.fades, n.unused = nil, nil, nil, false, false, false
	if ks := n.p.dbs[db]; ks != nil {
		n.rec, _ = ks.keys.Get(n.frag, key)
	}
}

func (n *entry) flags() byte { return n.rec[4] }

// body is the flat record.
func (n *entry) body() []byte { return n.rec[recHeader:] }

// isFlat reports whether the key lies in a flat record.
func (n *entry) isFlat() bool { return n.rec != nil && n.rec[4]&recHeap == 0 }

func (n *entry) index() uint32 { return binary.BigEndian.Uint32(n.rec[recHeader:]) }

// deadline returns the key's deadline that counts, 0 for none.
func (n *entry) deadline() int64 {
	if n.rec[4]&recDated == 0 {
		return 0
	}
	if n.isFlat() {
		return crdt.RecordDeadline(n.body())
	}
	at, _ := n.raw().DeadlineAt()
	return at
}

// shows reports whether the key exists for a client at this time.
func (n *entry) shows(now int64) bool {
	return n.rec != nil && n.rec[4]&recHidden == 0 && !n.expired(now)
}

// expired reports whether the key's deadline has passed, or that of the last
// field of a hash.
func (n *entry) expired(now int64) bool {
	if n.rec == nil || n.rec[4]&(recDated|recFades) == 0 {
		return false
	}
	if at := n.deadline(); at != 0 && now > at {
		return true
	}
	if n.rec[4]&recFades == 0 {
		return false
	}
	_, last := n.raw().FieldDeadlines()
	return now > last
}

// sooner returns the earlier of two deadlines; 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// object returns the heap object of an entry that is not flat. Who has it may keep
// bytes of its string: they are not changed from here on.
func (n *entry) object() *object {
	o := n.raw()
	o.private = crdt.Dot{}
	return o
}

// raw is object for who keeps no bytes of it.
func (n *entry) raw() *object { return n.p.dbs[n.db].objects[n.index()] }

// load makes obj the key's state: the heap object itself, or what the flat
// record says, or an absent key.
func (n *entry) load() *crdt.Object {
	switch {
	case n.obj != nil:
	case n.rec == nil:
		n.flat.Reset()
		n.obj = &n.flat
	case n.isFlat():
		if err := crdt.DecodeKnown(&n.flat, n.body()); err != nil {
			panic(err) // memory holds only what has been decoded or AppendRecord wrote
		}
		n.obj = &n.flat
	default:
		n.heap = n.object()
		n.obj = &n.heap.Object
	}
	return n.obj
}

// typ returns the visible type.
func (n *entry) typ() crdt.Type {
	if n.isFlat() {
		return crdt.RecordType(n.body())
	}
	return n.load().Type()
}

// maxFlat is the largest flat record kept inside the table, in bytes.
const maxFlat = 1024

// settle stores obj after an op has been applied to it, and brings everything
// that depends on the key up to date.
func (n *entry) settle(now int64, op *crdt.Op) {
	ks := n.p.space(n.db)
	old, had := byte(0), n.rec != nil
	if had {
		old = n.flags()
		ks.tally(old, -1)
	}
	oldAt := n.indexed(old)
	if n.obj.Empty() {
		n.drop(ks)
	} else if n.fitsFlat() {
		n.storeFlat(ks, now)
	} else {
		n.storeHeap(ks, now)
		n.heap.revision++
		n.measure()
		n.noteElems(op)
	}
	newAt := int64(0)
	if n.rec != nil {
		ks.tally(n.flags(), 1)
		newAt, _ = n.obj.DeadlineAt()
		if n.heap != nil {
			first, _ := n.obj.FieldDeadlines()
			newAt = sooner(newAt, first)
			n.heap.due = newAt
		}
	}
	if oldAt != newAt {
		n.p.expiry.move(n.db, n.key, oldAt, newAt)
	}
	if n.rec != nil || had {
		n.markDirty()
	}
	was, is := had && old&recHidden == 0, n.rec != nil && n.flags()&recHidden == 0
	if (was || is) && !n.quiet {
		n.changed(op, !was)
	}
}

// fitsFlat reports whether the key fits a flat record, which is in buf then.
func (n *entry) fitsFlat() bool {
	if n.obj.Kept() > 0 {
		return n.fitsFew()
	}
	for i := range n.obj.Cell.Siblings {
		if len(n.obj.Cell.Siblings[i].Value) > maxFlat {
			return false // not to be copied to find that out
		}
	}
	rec, ok := crdt.AppendRecord(n.buf[:0], n.obj)
	n.buf = rec
	return ok && len(rec) <= maxFlat
}

// fitsFew is fitsFlat for a key with elements. One that has grown too large for a flat
// record stays an object, which a checkpoint saves element by element.
func (n *entry) fitsFew() (ok bool) {
	if n.heap == nil && !n.apart {
		n.buf, ok = n.obj.Few(n.buf[:0], n.p.eng.opts.Sizes.FewBytes)
	}
	return ok
}

// indexed returns the time under which the expiry index has the key: the first
// deadline, its own or that of a field.
func (n *entry) indexed(old byte) int64 {
	switch {
	case n.rec == nil:
		return 0
	case old&recHeap == 0:
		return crdt.RecordDeadline(n.body())
	}
	return n.raw().due
}

// drop removes the key from the table.
func (n *entry) drop(ks *keyspace) {
	if n.rec == nil {
		return
	}
	if !n.isFlat() {
		n.forgetHeap(ks)
	}
	ks.keys.Delete(n.frag, n.key)
	n.rec = nil
}

// forgetHeap lets the heap object go; its saved elements must leave the store.
func (n *entry) forgetHeap(ks *keyspace) {
	if n.raw().saved {
		n.rangeState().dropped = appendKey(n.rangeState().dropped, n.db, n.key)
	}
	n.p.heapBytes -= n.raw().bytes
	ks.freeObject(n.index())
	n.heap = nil
}

// storeFlat writes buf as the key's flat record.
func (n *entry) storeFlat(ks *keyspace, now int64) {
	if n.rec != nil && !n.isFlat() {
		n.forgetHeap(ks)
	}
	flags := byte(0)
	if crdt.RecordDeadline(n.buf) != 0 {
		flags |= recDated
	}
	if crdt.RecordHasShares(n.buf) {
		flags |= recCounts
		if n.obj.Residue() {
			n.p.noteResidue(n.db, n.key)
		}
	}
	noted := n.noted()
	n.rec, _ = ks.keys.Reserve(n.frag, n.key, recHeader+len(n.buf))
	copy(n.rec[recHeader:], n.buf)
	n.rec[4] = flags
	n.restamp(noted, now)
}

// storePlain writes a value without deadline that replaces all that was seen
// of an absent key or a plain record.
func (n *entry) storePlain(op *crdt.Op, d crdt.Dot, now int64) {
	val := op.Value
	ks := n.p.space(n.db)
	noted, created := n.noted(), n.rec == nil
	n.rec, _ = ks.keys.Reserve(n.frag, n.key, recHeader+crdt.PlainRecordSize(val))
	crdt.SetPlainRecord(n.rec[recHeader:], d, val)
	n.rec[4] = 0
	n.restamp(noted, now)
	n.markDirty()
	n.changed(op, created)
}

// storeShare writes what a plain increment makes of an absent key.
func (n *entry) storeShare(op *crdt.Op, d crdt.Dot, now int64) {
	total, _, _, _ := op.PlainIncr()
	ks := n.p.space(n.db)
	noted := n.noted()
	n.rec, _ = ks.keys.Reserve(n.frag, n.key, recHeader+crdt.ShareRecordSize)
	crdt.SetNewShareRecord(n.rec[recHeader:], d, total)
	n.rec[4] = recCounts
	ks.tally(recCounts, 1)
	n.restamp(noted, now)
	n.markDirty()
	n.changed(op, true)
}

// addShare adds a plain increment to a record that crdt.RecordShare knows, in
// place.
func (n *entry) addShare(op *crdt.Op, d crdt.Dot, total, now int64) {
	crdt.SetRecordShare(n.body(), d.Time, total)
	if !n.unused {
		n.touch(now)
	}
	n.markDirty()
	n.changed(op, false)
}

// storeHeap keeps the key as an object, making one of it if it was flat.
func (n *entry) storeHeap(ks *keyspace, now int64) {
	if n.heap == nil {
		o := &object{Object: n.obj.DetachFrom(maxFlat), all: true} // n.obj is from a flat record, if from any
		noted, i := n.noted(), ks.newObject(o)
		n.rec, _ = ks.keys.Reserve(n.frag, n.key, recHeader+4)
		binary.BigEndian.PutUint32(n.rec[recHeader:], i)
		n.heap, n.obj = o, &o.Object
		n.restamp(noted, now)
	} else if !n.unused {
		n.touch(now)
	}
	flags := byte(recHeap)
	if typ := n.obj.Type(); typ == crdt.TypeNone {
		flags |= recHidden
		if n.obj.Spent() {
			flags |= recSpent
		}
	} else {
		if at, _ := n.obj.DeadlineAt(); at != 0 {
			flags |= recDated
		}
		if _, last := n.obj.FieldDeadlines(); last != 0 && typ == crdt.TypeHash {
			flags |= recFades
		}
	}
	if n.obj.HasShares() {
		flags |= recCounts
	}
	if flags&recHidden != 0 || n.obj.Residue() {
		n.p.noteResidue(n.db, n.key)
	}
	n.rec[4] = flags
}

// noteElems lists the elements an op has changed, for the next checkpoint.
func (n *entry) noteElems(op *crdt.Op) {
	o := n.heap
	defer n.noteLarge(o)
	if o.all {
		return
	}
	t := op.Kind.ElemType()
	if len(op.Clear) > 0 && op.Kind != crdt.KindDeadline || op.HasBody() || o.changedTooMuch() {
		o.all = true // a clear may have taken any element, a body names none
		o.changed = changes{}
		return
	}
	if op.Kind == crdt.KindStreamAdd {
		o.Stream().EachLate(func(g *crdt.Group) { o.changed.add(t, crdt.AppendGroupElem(nil, g.Name)) })
	}
	for i := range op.Elems {
		first, last, row := op.Span(i)
		if !row {
			o.changed.add(t, op.Elems[i].Name)
			continue
		}
		o.changed.addRow(t, first, last)
		o.EachElemIn(t, first, last, func(name []byte) { o.changed.add(t, name) }) // what others have put there
	}
}

// noteElem lists an element that has changed without an op, before settle, which
// sees to the rest.
func (n *entry) noteElem(t crdt.Type, elem []byte) {
	if !n.heap.all {
		n.heap.changed.add(t, elem)
	}
}

func (n *entry) rangeState() *rangeState { return &n.p.ranges[subOf(n.frag)] }

// markDirty makes the next checkpoint save the key.
func (n *entry) markDirty() {
	r := n.rangeState()
	if n.rec == nil {
		r.gone = appendKey(r.gone, n.db, n.key)
		return
	}
	n.rec[4] |= recDirty
	r.dirty |= 1 << n.db
}
