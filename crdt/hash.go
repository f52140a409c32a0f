package crdt

// Hash is an add-wins map from fields to cells (cellMap), each with a register
// of deadlines. The zero value is empty.
//
// What a client reads of a hash leaves out the fields whose deadline has passed
// at the time given to At; everything else treats them like the others, since
// the state does not depend on a clock (K3). Len counts them, Shown does not.
type Hash struct {
	cellMap
	times *fieldTimes // nil: no field has a deadline
}

// Get returns the value of a field, valid until the hash changes. buf is room
// for values that are computed.
func (h *Hash) Get(buf, field []byte) (val []byte, ok bool) {
	rec, ok := h.get(field)
	if !ok || !h.shows(rec) {
		return nil, false
	}
	return cellValue(buf, rec), true
}

// Each calls fn for the fields until it returns false.
func (h *Hash) Each(fn func(field, val []byte) bool) {
	var buf []byte
	h.cells.Each(func(field, rec []byte) bool {
		return !h.shows(rec) || fn(field, cellValue(buf[:0], rec))
	})
}

// Scan calls fn for about count fields from cursor on and returns the next
// cursor, 0 at the end.
func (h *Hash) Scan(cursor uint64, count int, fn func(field, val []byte)) uint64 {
	return h.cells.Scan(cursor, count, func(field, rec []byte) {
		if h.shows(rec) {
			fn(field, cellValue(nil, rec))
		}
	})
}

// Random returns a field chosen by the random bits of next.
func (h *Hash) Random(next func() uint64) (field, val []byte, ok bool) {
	n := h.Shown()
	if n == 0 {
		return nil, nil, false
	}
	for range 1000 {
		field, rec, _ := h.cells.Random(next)
		if h.shows(rec) {
			return field, cellValue(nil, rec), true
		}
	}
	skip := int(next() % uint64(n)) // almost nothing but residue
	h.Each(func(f, v []byte) bool {
		field, val, ok = f, v, true
		skip--
		return skip >= 0
	})
	return field, val, ok
}

// PrepareSet names the fields of pairs (field, value, ...), their new values
// and what is seen of them. A field named twice takes the last value. The
// result is the number of fields that are new.
func (h *Hash) PrepareSet(op *Op, pairs [][]byte) (added int) {
	names, first := NamesOf(len(pairs)/2), len(op.Elems)
	op.Expect(len(pairs)/2, false)
	for i := 0; i+1 < len(pairs); i += 2 {
		if place, again := names.Place(pairs[i]); again {
			op.Elems[first+place].Value = pairs[i+1]
			continue
		}
		if !h.see(op, pairs[i]) || h.Past(pairs[i]) {
			added++
		}
		op.Elems[len(op.Elems)-1].Value = pairs[i+1]
	}
	return added
}

// PrepareRemove names those of the fields that show and what is seen of them.
// The result is their number; with none there is nothing to issue. When none
// stays behind the op becomes a delete of the key, as in Redis.
func (h *Hash) PrepareRemove(op *Op, fields [][]byte) (removed int) {
	done := NamesOf(len(fields))
	op.Expect(min(len(fields), h.Len()), true)
	for _, f := range fields {
		if done.again(f) {
			continue
		}
		if h.see(op, f) && !h.Past(f) {
			removed++
		} else {
			op.Elems = op.Elems[:len(op.Elems)-1]
		}
	}
	if removed > 0 && removed == h.Shown() {
		op.empty()
	}
	return removed
}

// PrepareIncr names the field and replica r's new total. It returns the new
// value and whether the field is new. The field keeps its deadline, which must
// not have passed.
func (h *Hash) PrepareIncr(op *Op, r ReplicaID, field []byte, delta int64) (value int64, fresh bool, err error) {
	c := h.elementFor(op, field)
	total, value, err := c.IncrInt(r, delta)
	if err != nil {
		return 0, false, err
	}
	e := op.addElem(field)
	e.Total, e.Delta = total, Int(delta)
	op.seeOrphans(e, c)
	return value, !c.Live(), nil
}

// PrepareIncrFloat is PrepareIncr for HINCRBYFLOAT.
func (h *Hash) PrepareIncrFloat(op *Op, r ReplicaID, field, incr []byte) (value Number, fresh bool, err error) {
	c := h.elementFor(op, field)
	total, delta, value, err := c.IncrFloat(r, incr)
	if err != nil {
		return Number{}, false, err
	}
	e := op.addElem(field)
	e.Total, e.Delta = total, delta
	op.seeOrphans(e, c)
	return value, !c.Live(), nil
}

// seeOrphans notes that an increment which makes a field has seen the deadlines
// left of an earlier one: they are not the new field's.
func (op *Op) seeOrphans(e *Elem, c *element) {
	if c.Live() {
		return
	}
	for _, x := range c.dates {
		op.seeDot(e, x.Dot)
	}
}

// put applies a write of a field.
func (h *Hash) put(op *Op, e *Elem, d Dot) {
	if b, _, _, ok := h.fresh(e, d, len(e.Value)); ok {
		copy(b, e.Value)
		return
	}
	h.changeIn(op.scratch(), e.Name, func(c *element) { c.set(e.Seen, e.Shares, d, e.Value) })
}

// change is the changer of the hash: it keeps the index of deadlines.
func (h *Hash) change(field []byte, fn func(e *element)) { h.changeIn(&work{}, field, fn) }

// changeIn is change with scratch space.
func (h *Hash) changeIn(w *work, field []byte, fn func(e *element)) {
	h.cellMap.changeIn(w, field, func(e *element) {
		was := filingOf(e)
		fn(e)
		if now := filingOf(e); was != now {
			h.refile(field, was, now)
		}
	})
}

func (h *Hash) apply(op *Op, d Dot) {
	op.expectIn(&h.cells, elementSize)
	for i := range op.Elems {
		e := &op.Elems[i]
		switch {
		case e.Of != TypeNone:
		case op.Kind == KindHashSet:
			h.put(op, e, d)
		case op.Kind == KindHashRemove:
			h.remove(h.change, e, d)
		case op.Kind == KindHashExpire:
			h.change(e.Name, func(c *element) { c.expire(e.Seen, Deadline{d, deadlineAt(e.Value)}) })
		case op.Kind == KindHashIncr:
			if h.raise(e, d) {
				continue
			}
			h.changeIn(op.scratch(), e.Name, func(c *element) {
				c.undate(e.Seen)
				c.add(d, e.Total, e.Delta)
			})
		}
	}
}

func (h *Hash) clear(seen VersionVector, elems []Elem, by Dot) {
	h.clearAll(h.change, TypeHash, seen, elems, by)
}

func (h *Hash) shares(op *Op) { h.addShares(op, TypeHash) }

func (h *Hash) forget(stable VersionVector, note func(name []byte)) {
	h.forgetAll(h.change, stable, note)
}

func (h *Hash) merge(vv VersionVector, other collection, ovv VersionVector) {
	h.mergeAll(h.change, vv, &other.(*Hash).cellMap, ovv)
}

func (h *Hash) load(name, rec []byte) error {
	if h.loadPlain(name, rec) {
		return nil
	}
	e := &element{}
	if err := decodeElement(e, rec); err != nil {
		return err
	}
	if err := e.countsFor(TypeHash); err != nil {
		return err
	}
	h.change(name, func(old *element) { *old = *e })
	return nil
}
