package crdt

// work is scratch space for one element of a hash or a sorted set that is more than
// a value: it lies with an op, so that neither preparing nor applying it allocates.
type work struct {
	e        element
	rec, out []byte // its encoding before and after a change

	of   *cellMap // whose element e is as it stands, by name; nil: nobody's
	name []byte
}

// keepWork bounds the encoding that an op keeps room for, in bytes.
const keepWork = 4096

// scratch returns the op's scratch space.
func (op *Op) scratch() *work {
	if op.work == nil {
		op.work = &work{}
	}
	return op.work
}

// forget makes sure that nothing is taken for the element of a name.
func (w *work) forget() {
	if w != nil {
		w.of, w.name = nil, nil
	}
}

// reset empties the element, keeping its room.
func (w *work) reset() {
	w.forget()
	w.e.Siblings, w.e.Shares, w.e.dates = w.e.Siblings[:0], w.e.Shares[:0], nil
}

// trim lets go what the element refers to, and room that is hardly needed.
func (w *work) trim() {
	switch {
	case w == nil:
	case cap(w.rec)+cap(w.out) > keepWork:
		*w = work{}
	default:
		w.reset()
		clear(w.e.Siblings[:cap(w.e.Siblings)])
		clear(w.e.Shares[:cap(w.e.Shares)])
	}
}

// decode makes e what a record says; its values alias rec.
func (w *work) decode(rec []byte) {
	if err := decodeElement(&w.e, rec); err != nil {
		panic(err) // memory holds only what appendElement wrote
	}
}

// elementFor is element for an op that is being prepared: it is decoded once, and
// valid until the op or the map changes.
func (m *cellMap) elementFor(op *Op, name []byte) *element {
	w := op.scratch()
	if w.of == m && string(w.name) == string(name) {
		return &w.e
	}
	w.reset()
	if rec, ok := m.get(name); ok {
		w.decode(rec)
	}
	w.of, w.name = m, name
	return &w.e
}

// changeIn is change with scratch space.
func (m *cellMap) changeIn(w *work, name []byte, fn func(e *element)) {
	w.reset()
	e := &w.e
	if rec, ok := m.cells.Get(name); ok {
		w.rec = append(w.rec[:0], rec...)
		w.decode(w.rec)
		m.tally(e, -1)
	}
	fn(e)
	if e.empty() {
		m.cells.Delete(name)
		return
	}
	m.tally(e, 1)
	w.out = appendElement(w.out[:0], e)
	m.cells.Put(name, w.out)
}
