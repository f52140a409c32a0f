package crdt

import "crdb/crdt/dict"

// Hash is an add-wins map from fields to cells: a removal takes what it saw of
// a field, a concurrent write or increment of it survives. The zero value is
// empty.
type Hash struct {
	fields   dict.Dict // field -> encoded Cell
	residue  int       // fields that are not live and kept for removed shares only
	stales   int       // fields that hold removed shares, live or not
	counters int       // fields whose cell is more than one plain sibling
}

// Len returns the number of live fields.
func (h *Hash) Len() int { return h.fields.Len() - h.residue }

// cellLive reports whether an encoded cell shows a value.
func cellLive(rec []byte) bool {
	switch rec[0] {
	case shapePlain, shapeShare:
		return true
	}
	return mustCell(rec).Live()
}

// cellValue returns the shown value of an encoded cell, appending to buf where
// it has to be computed.
func cellValue(buf, rec []byte) []byte {
	if rec[0] == shapePlain {
		return rec[plainHeader:]
	}
	c := mustCell(rec)
	return c.Value(buf)
}

// mustCell decodes a cell this package encoded; the result aliases rec.
func mustCell(rec []byte) *Cell {
	c := &Cell{}
	if err := decodeCell(c, rec); err != nil {
		panic(err) // memory holds only what appendCell wrote
	}
	return c
}

func (h *Hash) get(field []byte) (rec []byte, ok bool) {
	return h.fields.Get(elemHash(field), field)
}

// Get returns the value of a field, valid until the hash changes. buf is room
// for values that are computed.
func (h *Hash) Get(buf, field []byte) (val []byte, ok bool) {
	rec, ok := h.get(field)
	if !ok || !cellLive(rec) {
		return nil, false
	}
	return cellValue(buf, rec), true
}

// Each calls fn for the live fields until it returns false.
func (h *Hash) Each(fn func(field, val []byte) bool) {
	var buf []byte
	h.fields.Each(func(field, rec []byte) bool {
		return !cellLive(rec) || fn(field, cellValue(buf[:0], rec))
	})
}

// Scan calls fn for about count fields from cursor on and returns the next
// cursor, 0 at the end.
func (h *Hash) Scan(cursor uint64, count int, fn func(field, val []byte)) uint64 {
	return h.fields.Scan(cursor, count, func(field, rec []byte) {
		if cellLive(rec) {
			fn(field, cellValue(nil, rec))
		}
	})
}

// Random returns a live field chosen by the random bits of next.
func (h *Hash) Random(next func() uint64) (field, val []byte, ok bool) {
	if h.Len() == 0 {
		return nil, nil, false
	}
	for range 1000 {
		field, rec, _ := h.fields.Random(next)
		if cellLive(rec) {
			return field, cellValue(nil, rec), true
		}
	}
	h.Each(func(f, v []byte) bool { // almost nothing but residue
		field, val, ok = f, v, true
		return false
	})
	return field, val, ok
}

// PrepareSet names the fields of pairs (field, value, ...), their new values
// and what is seen of them. A field named twice takes the last value. The
// result is the number of fields that are new.
func (h *Hash) PrepareSet(op *Op, pairs [][]byte) (added int) {
	var again map[string]int
	if len(pairs) > 2 {
		again = make(map[string]int, len(pairs)/2)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if again != nil {
			if j, ok := again[string(pairs[i])]; ok {
				op.Elems[j].Value = pairs[i+1]
				continue
			}
			again[string(pairs[i])] = len(op.Elems)
		}
		live, _ := h.see(op, pairs[i])
		if !live {
			added++
		}
		op.Elems[len(op.Elems)-1].Value = pairs[i+1]
	}
	return added
}

// PrepareRemove names those of the fields that are live and what is seen of
// them. The result is their number; with none there is nothing to issue. When
// none stays behind the op becomes a delete of the key, as in Redis.
func (h *Hash) PrepareRemove(op *Op, fields [][]byte) (removed int) {
	var done onceOnly
	for _, f := range fields {
		if len(fields) > 1 && done.again(f) {
			continue
		}
		if live, _ := h.see(op, f); live {
			removed++
		} else {
			op.Elems = op.Elems[:len(op.Elems)-1]
		}
	}
	if removed > 0 && removed == h.Len() {
		op.empty()
	}
	return removed
}

// see appends an element for the field with what is seen of it.
func (h *Hash) see(op *Op, field []byte) (live bool, e *Elem) {
	e = op.addElem(field)
	rec, ok := h.get(field)
	if !ok {
		return false, e
	}
	if rec[0] == shapePlain {
		op.seeDot(e, DotAt(rec[1:]))
		return true, e
	}
	c := mustCell(rec)
	op.seeCell(e, c)
	return c.Live(), e
}

// PrepareIncr names the field and replica r's new total. It returns the new
// value and whether the field is new.
func (h *Hash) PrepareIncr(op *Op, r ReplicaID, field []byte, delta int64) (value int64, fresh bool, err error) {
	c := h.cell(field)
	total, value, err := c.IncrInt(r, delta)
	if err != nil {
		return 0, false, err
	}
	e := op.addElem(field)
	e.Total, e.Delta = total, Int(delta)
	return value, !c.Live(), nil
}

// PrepareIncrFloat is PrepareIncr for HINCRBYFLOAT.
func (h *Hash) PrepareIncrFloat(op *Op, r ReplicaID, field, incr []byte) (value Number, fresh bool, err error) {
	c := h.cell(field)
	total, delta, value, err := c.IncrFloat(r, incr)
	if err != nil {
		return Number{}, false, err
	}
	e := op.addElem(field)
	e.Total, e.Delta = total, delta
	return value, !c.Live(), nil
}

// cell decodes the cell of a field, empty if there is none.
func (h *Hash) cell(field []byte) *Cell {
	if rec, ok := h.get(field); ok {
		return mustCell(rec)
	}
	return &Cell{}
}

// change replaces the cell of a field by what fn makes of it.
func (h *Hash) change(field []byte, fn func(c *Cell)) {
	hash := elemHash(field)
	c := &Cell{}
	if rec, ok := h.fields.Get(hash, field); ok {
		c = mustCell(append([]byte(nil), rec...))
		h.tally(c, rec, -1)
	}
	fn(c)
	if len(c.Siblings) == 0 && len(c.Shares) == 0 {
		h.fields.Delete(hash, field)
		return
	}
	rec := appendCell(nil, c)
	h.tally(c, rec, 1)
	h.fields.Put(hash, field, rec)
}

// tally counts a field in or out.
func (h *Hash) tally(c *Cell, rec []byte, n int) {
	if rec[0] == shapePlain {
		return
	}
	h.counters += n
	if c.stale() {
		h.stales += n
	}
	if !c.Live() {
		h.residue += n
	}
}

// put applies a write of a field.
func (h *Hash) put(e *Elem, d Dot) {
	hash := elemHash(e.Name)
	rec, ok := h.fields.Get(hash, e.Name)
	if !ok || rec[0] == shapePlain && (e.Seen.Covers(DotAt(rec[1:])) || DotAt(rec[1:]) == d) {
		b, _ := h.fields.Reserve(hash, e.Name, plainHeader+len(e.Value))
		b[0] = shapePlain
		AppendDot(b[1:1], d)
		copy(b[plainHeader:], e.Value)
		return
	}
	h.change(e.Name, func(c *Cell) {
		c.clear(e.Seen, e.Shares, d)
		c.put(d, e.Value)
	})
}

// clear removes what seen covers of every field, and the named parts of shares.
func (h *Hash) clear(seen VersionVector, elems []Elem, by Dot) {
	for i := range elems {
		if elems[i].Of != TypeHash {
			continue
		}
		if _, ok := h.get(elems[i].Name); ok {
			h.change(elems[i].Name, func(c *Cell) { c.clear(nil, elems[i].Shares, by) })
		}
	}
	var names [][]byte
	h.fields.Each(func(field, rec []byte) bool {
		if rec[0] != shapePlain || seen.Covers(DotAt(rec[1:])) {
			names = append(names, append([]byte(nil), field...))
		}
		return true
	})
	for _, f := range names {
		h.change(f, func(c *Cell) { c.clear(seen, nil, by) })
	}
}

// shares adds to op an element for each field with live shares.
func (h *Hash) shares(op *Op) {
	if h.counters == 0 {
		return
	}
	h.fields.Each(func(field, rec []byte) bool {
		if rec[0] != shapePlain {
			c := mustCell(rec)
			if _, resets := c.Seen(nil, nil); len(resets) > 0 {
				e := op.addElem(field)
				e.Of, e.Shares = TypeHash, resets
			}
		}
		return true
	})
}

// forget drops the removed shares whose removal is stable.
func (h *Hash) forget(stable VersionVector) {
	if h.stales == 0 {
		return
	}
	var names [][]byte
	h.fields.Each(func(field, rec []byte) bool {
		if rec[0] == shapeGeneral && mustCell(rec).stale() {
			names = append(names, append([]byte(nil), field...))
		}
		return true
	})
	for _, f := range names {
		h.change(f, func(c *Cell) { c.forget(stable) })
	}
}

// newest returns the newest live dot.
func (h *Hash) newest() (d Dot) {
	h.fields.Each(func(_, rec []byte) bool {
		x := Dot{}
		if rec[0] == shapePlain {
			x = DotAt(rec[1:])
		} else {
			x = mustCell(rec).Newest()
		}
		if x.Newer(d) {
			d = x
		}
		return true
	})
	return d
}

// merge joins o into h, field by field.
func (h *Hash) merge(vv VersionVector, other collection, ovv VersionVector) {
	o := other.(*Hash)
	var names [][]byte
	collect := func(field, _ []byte) bool {
		names = append(names, append([]byte(nil), field...))
		return true
	}
	h.fields.Each(collect)
	o.fields.Each(func(field, rec []byte) bool {
		if _, ok := h.get(field); !ok {
			collect(field, rec)
		}
		return true
	})
	for _, f := range names {
		theirs := o.cell(f)
		h.change(f, func(c *Cell) { *c = c.Merge(vv, theirs, ovv) })
	}
}

// digest sums the hashes of the live fields.
func (h *Hash) digest() (sum uint64) {
	h.fields.Each(func(field, rec []byte) bool {
		if c := mustCell(rec); c.Live() {
			sum += dict.Hash(dict.Hash(digestSeed, field), c.canonical(nil))
		}
		return true
	})
	return sum
}

func (h *Hash) kept() int    { return h.fields.Len() }
func (h *Hash) counts() bool { return h.counters > 0 }
func (h *Hash) stale() bool  { return h.stales > 0 }
func (h *Hash) bytes() int   { return h.fields.Bytes() }

func (h *Hash) apply(op *Op, d Dot) {
	for i := range op.Elems {
		e := &op.Elems[i]
		switch {
		case e.Of != TypeNone:
		case op.Kind == KindHashSet:
			h.put(e, d)
		case op.Kind == KindHashRemove:
			if _, ok := h.get(e.Name); ok {
				h.change(e.Name, func(c *Cell) { c.clear(e.Seen, e.Shares, d) })
			}
		case op.Kind == KindHashIncr:
			h.change(e.Name, func(c *Cell) { c.add(d, e.Total, e.Delta) })
		}
	}
}

func (h *Hash) each(fn func(name, rec []byte)) {
	h.fields.Each(func(name, rec []byte) bool { fn(name, rec); return true })
}

func (h *Hash) record(name []byte) (rec []byte, ok bool) { return h.get(name) }

func (h *Hash) load(name, rec []byte) error {
	c := &Cell{}
	if err := decodeCell(c, rec); err != nil {
		return err
	}
	h.change(name, func(old *Cell) { *old = *c })
	return nil
}
