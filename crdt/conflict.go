package crdt

// Conflict is one way in which an operation and what another region has done
// concurrently get in each other's way. What merges without a loser (two
// increments, two members of a set) is no conflict.
type Conflict uint8

// The conflicts.
const (
	NoConflict       Conflict = iota
	ConflictWrite             // two writes of one value: the newest dot shows
	ConflictRemove            // a removal met what its author had not seen: that stays
	ConflictDeadline          // two deadlines: the longest counts
	ConflictType              // two types at one key: the newest dot shows
	ConflictEnd
)

var conflictNames = [ConflictEnd]string{"none", "write", "remove", "deadline", "type"}

func (c Conflict) String() string { return conflictNames[c] }

// Contest is a conflict that an operation meets: where, and with which
// operation. Elem aliases the op.
type Contest struct {
	Conflict Conflict
	Type     Type
	Elem     []byte // the field or member, nil for the whole key
	Met      Dot    // the newest live dot that the op's author had not seen
}

// Contest tells whether an operation of another replica, about to be applied,
// meets something live that its author had not seen and that it would have
// replaced or removed. Of several it returns the first. A removal that was
// applied before the write it had not seen leaves nothing to meet: that
// conflict is found where they arrive in the other order.
func (o *Object) Contest(op *Op) (x Contest) {
	switch op.Kind {
	case KindPut:
		return o.contestPut(op)
	case KindDelete:
		return o.contestDelete(op)
	case KindDeadline:
		for _, d := range o.Deadlines {
			if !op.Clear.Covers(d.Dot) {
				x = Contest{Conflict: ConflictDeadline, Type: o.Type(), Met: d.Dot}
			}
		}
		return x
	case KindFlush:
		return x
	}
	if t := o.Type(); t != TypeNone && t != op.Kind.own() {
		if d := o.unseen(t, op.Clear); !d.IsZero() {
			return Contest{Conflict: ConflictType, Type: t, Met: d}
		}
	}
	return o.contestElems(op)
}

// own is the type an operation of this kind writes.
func (k Kind) own() Type {
	if k == KindIncr {
		return TypeString
	}
	return kinds[k].typ
}

// unseen returns the newest live dot of a type, if seen does not cover it.
func (o *Object) unseen(t Type, seen VersionVector) (d Dot) {
	if t == TypeString {
		d = o.Cell.Newest()
	}
	for i := range o.parts {
		if p := &o.parts[i]; p.typ == t && p.coll.Len() > 0 {
			d = p.newestDot()
		}
	}
	if seen.Covers(d) {
		return Dot{}
	}
	return d
}

func (o *Object) contestPut(op *Op) (x Contest) {
	for i := range o.Cell.Siblings {
		if s := &o.Cell.Siblings[i]; !op.Clear.Covers(s.Dot) {
			return Contest{Conflict: ConflictWrite, Type: TypeString, Met: s.Dot}
		}
	}
	for _, p := range o.parts {
		if d := o.unseen(p.typ, op.Clear); !d.IsZero() {
			return Contest{Conflict: ConflictType, Type: p.typ, Met: d}
		}
	}
	return x
}

func (o *Object) contestDelete(op *Op) (x Contest) {
	if op.Clear.Descends(o.seen) {
		return x
	}
	t := o.Type()
	if d := o.unseen(t, op.Clear); !d.IsZero() {
		return Contest{Conflict: ConflictRemove, Type: t, Met: d}
	}
	return x
}

// contestElems looks at the elements that an operation writes or removes in
// types whose elements are registers, or removes from a set.
func (o *Object) contestElems(op *Op) (x Contest) {
	t := kinds[op.Kind].typ
	c := o.of(t)
	if c == nil {
		return x
	}
	op.expand()
	for i := range op.Elems {
		e := &op.Elems[i]
		if e.Of != TypeNone {
			continue
		}
		if d, conflict := contestElem(c, op.Kind, e); !d.IsZero() {
			return Contest{Conflict: conflict, Type: t, Elem: e.Name, Met: d}
		}
	}
	return x
}

func contestElem(c collection, k Kind, e *Elem) (d Dot, conflict Conflict) {
	switch k {
	case KindHashSet, KindZSetAdd:
		if cell := cellOf(c, e.Name); cell != nil {
			for i := range cell.Siblings {
				if s := cell.Siblings[i].Dot; !e.Seen.Covers(s) && s.Newer(d) {
					d = s
				}
			}
		}
		return d, ConflictWrite
	case KindHashRemove, KindZSetRemove:
		if cell := cellOf(c, e.Name); cell != nil {
			d = cell.Newest()
		}
	case KindSetRemove:
		rec, _ := c.record(e.Name)
		for i := 0; i < len(rec); i += DotSize {
			if x := DotAt(rec[i:]); x.Newer(d) {
				d = x
			}
		}
	}
	if e.Seen.Covers(d) {
		return Dot{}, ConflictRemove
	}
	return d, ConflictRemove
}

// cellOf returns the register of a hash field or a member of a sorted set, nil
// if there is none. It aliases the collection.
func cellOf(c collection, name []byte) *Cell {
	switch c.(type) {
	case *Hash, *ZSet:
		if rec, ok := c.record(name); ok {
			return &mustElement(rec).Cell
		}
	}
	return nil
}
