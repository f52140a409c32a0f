package crdt

import "fmt"

// body is very many elements of an operation that adds them to a collection: as
// they are encoded, and what they make of a collection that is not there, built
// before the key is locked. Then applying the operation is to put that in its place.
// Where the collection is there after all, they are decoded and applied one by one.
type body struct {
	n      int
	pieces [][]byte   // whole elements, encoded
	ready  collection // what all of them make
	unborn bool       // the dot of ready is yet to be filled in
	extra  []Elem     // the last elements, which are not in ready
	last   []byte     // name of the last one
	does   StreamEffect
}

// addKinds are the kinds of operations that add elements to a collection of a type, in
// a way that does not depend on what else is there.
var addKinds = map[Type]Kind{
	TypeSet: KindSetAdd, TypeHash: KindHashSet, TypeZSet: KindZSetAdd, TypeList: KindListPush, TypeStream: KindStreamAdd,
}

// Body returns the encoded elements that follow what AppendOpHead has written, in
// pieces. Nobody changes them.
func (op *Op) Body() [][]byte { return op.body.pieces }

// HasBody reports whether the op has a body, and no Elems.
func (op *Op) HasBody() bool { return op.body.n > 0 }

// expand makes elements in Elems of those in the body.
func (op *Op) expand() {
	if op.body.n == 0 {
		return
	}
	d := opDecoder{op: op}
	for _, piece := range op.body.pieces {
		for d.b = piece; len(d.b) > 0; {
			d.elem()
		}
	}
	if d.err != nil {
		panic(d.err) // it has been decoded before, or encoded here
	}
	op.body = body{}
}

// put applies an operation with a body to an object without a collection of its type.
func (b *body) put(o *Object, op *Op, d Dot) {
	if b.unborn {
		b.ready.(draftable).stamp(d)
	}
	o.put(kinds[op.Kind].typ, b.ready)
	if len(b.extra) > 0 {
		op.Elems = append(op.Elems, b.extra...)
		b.ready.apply(op, d)
		op.Elems = op.Elems[:0]
	}
	b.ready = nil // an op is applied once
}

// batchElems is how many elements of a large operation are decoded at a time.
const batchElems = 1024

// BuildOp is DecodeOp of an operation under its dot that, where it adds elements,
// keeps them as a body. It needs no lock, and memory for what it builds only.
func BuildOp(op *Op, b []byte, dot Dot) error {
	whole := false
	err := decodeOp(op, b, func(d *opDecoder) {
		typ := kinds[op.Kind].typ
		if whole = addKinds[typ] != op.Kind; whole {
			d.elems()
			return
		}
		before, ready := op.body, types[typ]()
		before.n, before.ready = d.count(2), ready
		first := d.b
		d.batches(before.n, func() {
			for i := range op.Elems {
				whole = whole || op.Elems[i].Of != TypeNone
			}
			before.last = append(before.last[:0], op.Elems[len(op.Elems)-1].Name...)
			if !whole {
				ready.apply(op, dot)
			}
			if typ == TypeStream {
				before.does.look(op)
			}
		})
		before.pieces = [][]byte{first[:len(first)-len(d.b)]}
		op.body = before
	})
	if err == nil && whole && op.body.n > 0 { // it clears other types as well
		return DecodeOp(op, b)
	}
	return err
}

// batches reads n elements and calls fn for some at a time.
func (d *opDecoder) batches(n int, fn func()) {
	op := d.op
	for n > 0 && d.err == nil {
		op.Elems, op.vectors, op.resets, op.names = op.Elems[:0], op.vectors[:0], op.resets[:0], op.names[:0]
		for ; n > 0 && len(op.Elems) < batchElems && d.err == nil; n-- {
			d.elem()
		}
		if d.err == nil {
			fn()
		}
	}
	op.Elems, op.vectors, op.resets, op.names = op.Elems[:0], op.vectors[:0], op.resets[:0], op.names[:0]
}

// CheckOp decodes an operation and tells whether that was possible, and whether it had
// seen nothing but what seen covers. Afterwards op holds nothing of use.
func CheckOp(op *Op, b []byte, seen VersionVector) error {
	within := true
	err := decodeOp(op, b, func(d *opDecoder) {
		d.batches(d.count(2), func() { within = within && op.SeenWithin(seen) })
	})
	if err == nil && !(within && op.SeenWithin(seen)) {
		return errForeseen
	}
	return err
}

// OpKey returns the key of an encoded operation.
func OpKey(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: op header", ErrCorrupt)
	}
	d := opDecoder{b: b[3:]}
	key := d.bytes()
	return key, d.err
}
