package crdt

// A Draft is the copy of a large collection under another key, made in steps, so
// that the key is locked for some elements at a time: the elements as the op that
// writes them has them, encoded, and the collection that they make, but for the dot
// of that op. What has changed when it is complete makes it worthless: the caller
// sees to that.
//
// A collection that goes with its key, which is deleted in the same group, need not be
// copied: it gets the new dot where it is, if all of it shows and nothing counts.
type Draft struct {
	typ    Type
	moves  bool
	size   int        // elements
	pieces [][]byte   // full ones, and the last
	ready  collection // unless it moves
	at     uint64     // where to go on
	last   StreamID
	buf    []byte
}

// draftable is a collection that can be copied by a Draft.
type draftable interface {
	collection
	// draft appends some n elements more to d and reports whether there are others.
	draft(d *Draft, n int) (more bool)
	// movable reports whether stamp makes of the collection what a copy is.
	movable() bool
	// stamp makes d the only dot of every element, and its value the one that shows.
	stamp(d Dot)
}

// bornDot stands for the dot of a copy that has none yet.
func bornDot(self ReplicaID) Dot { return Dot{1, self} }

// Draft begins a draft of what the key shows, for a replica; moves says that the key
// goes. It is nil where there are no elements, or where fields have deadlines.
func (o *Object) Draft(self ReplicaID, moves bool) *Draft {
	d := &Draft{typ: o.Type()}
	c, ok := o.of(d.typ).(draftable)
	if !ok {
		return nil
	}
	if h, ok := c.(*Hash); ok && h.times != nil {
		return nil
	}
	if d.moves = moves && c.movable(); !d.moves {
		d.ready = types[d.typ]()
	}
	d.self(self)
	return d
}

// self prepares what bears the name of the author.
func (d *Draft) self(self ReplicaID) {
	d.buf = AppendDot(nil, bornDot(self))
	if d.typ == TypeList {
		d.buf = AppendDot(appendOrdered(nil, 0), bornDot(self))
	}
}

// DraftStep takes some n elements more into the draft and reports whether there are
// others. o must not have changed since the draft was begun.
func (o *Object) DraftStep(d *Draft, n int) (more bool) { return o.of(d.typ).(draftable).draft(d, n) }

// Type returns the type of what is copied.
func (d *Draft) Type() Type { return d.typ }

// Kind is the kind of the operation that writes the copy.
func (d *Draft) Kind() Kind { return addKinds[d.typ] }

// Bytes is no less than what the op that writes the copy of o takes, besides its key.
func (d *Draft) Bytes(o *Object) (n int) {
	const room = 256 // for the head
	for _, piece := range d.pieces {
		n += len(piece)
	}
	if d.typ == TypeStream {
		s := o.Stream()
		for _, g := range s.groups {
			n += len(g.Name) + room
		}
	}
	return n + room
}

// Into makes the elements those of op, which has been prepared by PrepareChange for
// the key of the copy, and may have got some to follow them; o is the key that the
// draft is of. Then op is to be logged and applied, and o, if it moves, deleted.
func (d *Draft) Into(op *Op, o *Object) {
	b := body{n: d.size, pieces: d.pieces, ready: d.ready, unborn: true}
	if len(op.Elems) > 0 {
		var piece []byte
		for i := range op.Elems {
			piece = appendElem(piece, op.Kind, &op.Elems[i])
		}
		b.n += len(op.Elems)
		b.pieces = append(b.pieces, piece)
		b.extra, op.Elems = op.Elems, nil
	}
	if d.moves {
		for i := range o.parts {
			if p := &o.parts[i]; p.typ == d.typ {
				b.ready, p.coll, p.known = p.coll, types[d.typ](), false
			}
		}
	}
	op.body = b
}

// draftPiece is the size from which on a piece is full, in bytes.
const draftPiece = 256 << 10

// piece returns the piece to append an element to.
func (d *Draft) piece() *[]byte {
	n := len(d.pieces)
	if n == 0 || len(d.pieces[n-1]) >= draftPiece {
		d.pieces = append(d.pieces, make([]byte, 0, draftPiece+draftPiece/16))
		n++
	}
	d.size++
	return &d.pieces[n-1]
}

// elem appends an element without a value.
func (d *Draft) elem(name []byte) {
	p := d.piece()
	*p = append(appendBytes(*p, name), 0)
}

// valued appends an element with a value.
func (d *Draft) valued(name, value []byte) {
	p := d.piece()
	*p = appendBytes(append(appendBytes(*p, name), partValue), value)
}
