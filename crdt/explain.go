package crdt

// Explanation is everything live of a key, or of one of its elements: what
// shows, and what concurrent operations have left beside it. Its slices alias
// the object.
type Explanation struct {
	Type      Type       // that shows
	Types     []TypeInfo // all that are live, the one that shows first
	Cell      *Cell      // of a string, hash field or member of a sorted set; nil: none
	Dots      []Dot      // of a member of a set: the adds that no removal has seen
	Deadlines []Deadline // of the key, newest first; of a hash field, those that operations have set
	Context   VersionVector
}

// TypeInfo is a live type of a key.
type TypeInfo struct {
	Type   Type
	Newest Dot // its newest live dot
	Len    int // elements; 1 for a string
}

// Explain returns what is live of the key. With an element's name it is about
// that element of the visible type; ok is false if there is no such element, or
// the type's elements have no name.
func (o *Object) Explain(elem []byte) (x Explanation, ok bool) {
	x = Explanation{Type: o.Type(), Deadlines: o.Deadlines, Context: o.seen}
	if x.Type == TypeNone {
		return x, false
	}
	if o.Cell.Live() {
		x.Types = append(x.Types, TypeInfo{TypeString, o.Cell.Newest(), 1})
	}
	for _, p := range o.parts {
		if n := p.coll.Len(); n > 0 {
			x.Types = append(x.Types, TypeInfo{p.typ, p.coll.newest(), n})
		}
	}
	for i := range x.Types {
		if x.Types[i].Type == x.Type {
			x.Types[0], x.Types[i] = x.Types[i], x.Types[0]
		}
	}
	if elem != nil {
		return x, x.element(o.of(x.Type), elem)
	}
	if x.Type == TypeString {
		x.Cell = &o.Cell
	}
	return x, true
}

// element fills in what is live of one element.
func (x *Explanation) element(c collection, name []byte) bool {
	switch x.Type {
	case TypeSet:
		rec, _ := c.record(name)
		for i := 0; i < len(rec); i += DotSize {
			x.Dots = append(x.Dots, DotAt(rec[i:]))
		}
		return len(rec) > 0
	case TypeHash, TypeZSet:
		x.Cell, x.Deadlines = cellOf(c, name), nil
		if rec, ok := c.record(name); ok {
			x.Deadlines = mustElement(rec).dates
		}
		return x.Cell != nil && x.Cell.Live()
	}
	return false
}

// Removed reports whether removals have taken all that the share added.
func (s *Share) Removed() bool { return s.removed() }

// Adds is what the share adds to the value.
func (s *Share) Adds() Number { return s.Total.Sub(s.BaseTotal) }

// Score is the sibling's value as the score of a member of a sorted set.
func (s *Sibling) Score() float64 { return scoreAt(s.Value) }
