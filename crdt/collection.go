package crdt

// collection is a value that consists of elements, each with dots of its own: a
// set, a hash. A type is one implementation, a line in types and its kinds of
// operations in kinds; nothing else in the package knows it.
type collection interface {
	// Len is the number of live elements; kept counts those as well that are
	// there only until something is causally stable.
	Len() int
	kept() int
	// newest is the newest live dot.
	newest() Dot
	// eachDot calls fn for the dots of all writes that the collection holds a trace of.
	eachDot(fn func(d Dot))
	// apply applies an operation of the type's own kinds.
	apply(op *Op, d Dot)
	// clear removes what seen covers of every element, and the named parts of
	// counter shares; by is the dot of the removal.
	clear(seen VersionVector, elems []Elem, by Dot)

	// counts reports whether an element has counter shares, shares adds to op
	// an element for each that has live ones, and forget drops the removed ones
	// whose removal is stable and calls note for the elements that had some; stale
	// reports whether there are removed ones, stable or not.
	counts() bool
	shares(op *Op)
	stale() bool
	forget(stable VersionVector, note func(name []byte))

	// merge joins the same collection of another instance (Object.Merge).
	merge(vv VersionVector, other collection, ovv VersionVector)
	digest() uint64
	bytes() int

	// each, record and load are the stored form, element by element.
	each(fn func(name, rec []byte))
	// walk is each in pieces: it calls fn for about n elements from at on, nil
	// being the beginning, and returns where to go on, nil at the end. What is
	// there all the time is met, whatever changes between two calls.
	walk(at []byte, n int, fn func(name, rec []byte)) (next []byte)
	record(name []byte) (rec []byte, ok bool)
	load(name, rec []byte) error
}

// types makes an empty collection of each type. It is indexed by Type.
var types = [...]func() collection{
	TypeSet:    func() collection { return &Set{} },
	TypeHash:   func() collection { return &Hash{} },
	TypeHLL:    func() collection { return &HLL{} },
	TypeList:   func() collection { return &List{} },
	TypeZSet:   func() collection { return &ZSet{} },
	TypeStream: func() collection { return &Stream{} },
}

// kindInfo tells what a kind of operation is about.
type kindInfo struct {
	typ     Type                   // the collection it changes, TypeNone if none
	removes bool                   // it adds no dot and has nothing to do where the collection is absent
	adds    bool                   // every element of it gets its dot
	parts   byte                   // what every element of it has (opcodec.go)
	name    func(name []byte) bool // whether a name can be; nil: any
	check   func(e *Elem) bool     // whether an element can be; nil: any
}

// kinds is indexed by Kind.
var kinds = [kindEnd]kindInfo{
	KindSetAdd:       {typ: TypeSet, adds: true},
	KindSetRemove:    {typ: TypeSet, removes: true},
	KindHashSet:      {typ: TypeHash, adds: true, parts: partValue},
	KindHashRemove:   {typ: TypeHash, removes: true},
	KindHashIncr:     {typ: TypeHash, adds: true, parts: partNumber},
	KindHashExpire:   {typ: TypeHash, parts: partValue, check: checkDeadline},
	KindHLLAdd:       {typ: TypeHLL, parts: partValue, check: checkHLLElem},
	KindZSetAdd:      {typ: TypeZSet, adds: true, parts: partScore},
	KindZSetRemove:   {typ: TypeZSet, removes: true},
	KindZSetIncr:     {typ: TypeZSet, adds: true, parts: partNumber},
	KindListPush:     {typ: TypeList, adds: true, parts: partValue, name: isNewPlace},
	KindListSet:      {typ: TypeList, parts: partValue, name: isPlace},
	KindListRemove:   {typ: TypeList, removes: true, name: isPlace},
	KindListMove:     {typ: TypeList, parts: partValue, name: isPlace, check: isMove},
	KindListCut:      {typ: TypeList, removes: true, parts: partValue, name: isPlace, check: isSpan},
	KindStreamAdd:    {typ: TypeStream, parts: partValue},
	KindStreamRemove: {typ: TypeStream, removes: true, parts: partValue},
}

// ElemType returns the type whose elements an op of this kind names, TypeNone
// if it names none.
func (k Kind) ElemType() Type { return kinds[k].typ }

// part is one collection of an Object.
type part struct {
	typ    Type
	coll   collection
	newest Dot // of coll, if known: finding it takes a look at everything
	known  bool
}

// newestDot returns the newest live dot of the collection.
func (p *part) newestDot() Dot {
	if !p.known {
		p.newest, p.known = p.coll.newest(), true
	}
	return p.newest
}

// changed is called when the op d has changed the collection. Where it adds, its dot
// is newer than all that it has replaced.
func (p *part) changed(op *Op, d Dot) {
	n := len(op.Elems)
	p.known = p.known && kinds[op.Kind].adds && n > 0 && op.Elems[n-1].Of == TypeNone
	if d.Newer(p.newest) {
		p.newest = d
	}
}

// of returns the collection of a type, nil if there is none.
func (o *Object) of(t Type) collection {
	for i := range o.parts {
		if o.parts[i].typ == t {
			return o.parts[i].coll
		}
	}
	return nil
}

// make returns the collection of a type, creating it.
func (o *Object) make(t Type) collection {
	if c := o.of(t); c != nil {
		return c
	}
	i := 0
	for i < len(o.parts) && o.parts[i].typ < t {
		i++
	}
	o.parts = append(o.parts, part{})
	copy(o.parts[i+1:], o.parts[i:])
	o.parts[i] = part{typ: t, coll: types[t]()}
	return o.parts[i].coll
}

// put makes c the collection of a type.
func (o *Object) put(t Type, c collection) {
	o.make(t)
	for i := range o.parts {
		if o.parts[i].typ == t {
			o.parts[i].coll, o.parts[i].known = c, false
		}
	}
}

// newcomer is a collection that can tell that nothing of it was ever seen by who
// has applied what vv covers. Merged into none it is taken over as it is.
type newcomer interface {
	unseenBy(vv VersionVector) bool
}

// prune drops the collections of which nothing is left.
func (o *Object) prune() {
	kept := o.parts[:0]
	for _, p := range o.parts {
		if p.coll.kept() > 0 {
			kept = append(kept, p)
		}
	}
	clear(o.parts[len(kept):])
	if o.parts = kept; len(kept) == 0 {
		o.parts = nil
	}
}

// Set returns the set to read, or to prepare an op on: empty if there is none.
func (o *Object) Set() *Set {
	if c := o.of(TypeSet); c != nil {
		return c.(*Set)
	}
	return &Set{}
}

// Hash returns the hash to read, or to prepare an op on: empty if there is none.
func (o *Object) Hash() *Hash {
	if c := o.of(TypeHash); c != nil {
		return c.(*Hash)
	}
	return &Hash{}
}

// ZSet returns the sorted set to read, or to prepare an op on: empty if there
// is none.
func (o *Object) ZSet() *ZSet {
	if c := o.of(TypeZSet); c != nil {
		return c.(*ZSet)
	}
	return &ZSet{}
}

// List returns the list to read, or to prepare an op on: empty if there is none.
func (o *Object) List() *List {
	if c := o.of(TypeList); c != nil {
		return c.(*List)
	}
	return &List{}
}

// HLL returns the HyperLogLog to read, or to prepare an op on: empty if there
// is none.
func (o *Object) HLL() *HLL {
	if c := o.of(TypeHLL); c != nil {
		return c.(*HLL)
	}
	return &HLL{}
}

// Stream returns the stream to read, or to prepare an op on: empty if there is
// none.
func (o *Object) Stream() *Stream {
	if c := o.of(TypeStream); c != nil {
		return c.(*Stream)
	}
	return &Stream{}
}

// EachElem calls fn with the stored form of every element: the type it belongs
// to, its name and its record, which alias o.
func (o *Object) EachElem(fn func(t Type, name, rec []byte)) {
	for _, p := range o.parts {
		p.coll.each(func(name, rec []byte) { fn(p.typ, name, rec) })
	}
}

// ElemCursor is a place in a walk over the elements of an object. The zero value
// is the beginning.
type ElemCursor struct {
	typ Type
	at  []byte
}

// WalkElems is EachElem in pieces: it calls fn for some n elements more and
// reports whether that was all. The object may change between two calls: what
// is there all the time is met, what comes, goes or changes may be.
func (o *Object) WalkElems(c *ElemCursor, n int, fn func(t Type, name, rec []byte)) (done bool) {
	for _, p := range o.parts {
		if p.typ < c.typ || n <= 0 {
			continue
		}
		if p.typ != c.typ {
			c.typ, c.at = p.typ, nil
		}
		c.at = p.coll.walk(c.at, n, func(name, rec []byte) { n--; fn(p.typ, name, rec) })
		if c.at != nil {
			return false
		}
		c.typ++
	}
	return n > 0
}

// Kept returns how many elements are stored, live or not.
func (o *Object) Kept() (n int) {
	for _, p := range o.parts {
		n += p.coll.kept()
	}
	return n
}

// ElemRecord returns the stored form of one element; ok is false if there is none.
func (o *Object) ElemRecord(t Type, name []byte) (rec []byte, ok bool) {
	if c := o.of(t); c != nil {
		return c.record(name)
	}
	return nil, false
}

// LoadElem puts back an element that EachElem or ElemRecord gave.
func (o *Object) LoadElem(t Type, name, rec []byte) error {
	if int(t) >= len(types) || types[t] == nil {
		return errElemType(t)
	}
	o.forgetNewest()
	return o.make(t).load(name, rec)
}
