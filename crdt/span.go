package crdt

// A span is an element of an operation that stands for a row of elements of a
// list or a stream: see list_span.go and stream_span.go.

// rows is a collection of which rows of elements can be removed.
type rows interface {
	// eachIn calls fn for the names of the elements between two names.
	eachIn(first, last []byte, fn func(name []byte))
}

// Span returns the names of the first and the last element that element i of op
// stands for. ok is false if it stands for one only.
func (op *Op) Span(i int) (first, last []byte, ok bool) {
	e := &op.Elems[i]
	if e.Of != TypeNone {
		return nil, nil, false
	}
	switch kinds[op.Kind].typ {
	case TypeList:
		return e.Name, e.Value, op.Kind == KindListCut
	case TypeStream:
		return streamSpan(e)
	}
	return nil, nil, false
}

// EachElemIn calls fn for the names of the elements of a type that are there
// between two names, both included, as Op.Span gave them.
func (o *Object) EachElemIn(t Type, first, last []byte, fn func(name []byte)) {
	if c, ok := o.of(t).(rows); ok {
		c.eachIn(first, last, fn)
	}
}

// sees reports whether nothing of the object it is applied to is unseen by the
// author of element e.
func (op *Op) sees(e *Elem) bool { return op.whole != nil && e.Seen.Descends(op.whole.seen) }

// appendName appends what fn writes to b and returns it, and b.
func appendName(b []byte, fn func(b []byte) []byte) (name, all []byte) {
	n := len(b)
	b = fn(b)
	return b[n:len(b):len(b)], b
}
