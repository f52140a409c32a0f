package crdt

// Apply applies an operation under its dot. The caller applies every operation
// exactly once and in causal order (C1). Bytes of op are copied.
func (o *Object) Apply(op *Op, d Dot) {
	switch op.Kind {
	case KindPut:
		o.clear(op, d)
		if op.Flags&KeepDeadline == 0 {
			o.setDeadline(op, d)
		}
		o.Cell.put(d, append([]byte(nil), op.Value...))
	case KindDelete:
		o.clear(op, d)
		o.clearDeadlines(op.Clear)
		return // adds no dot
	case KindDeadline:
		o.setDeadline(op, d)
	case KindFlush:
		o.clear(op, d)
		o.clearDeadlines(op.Clear)
		return
	case KindIncr:
		o.change(op, d, TypeString)
		o.Cell.add(d, op.Total, op.Delta)
	case KindSetAdd, KindSetRemove:
		o.change(op, d, TypeSet)
		o.applySet(op, d)
		if op.Kind == KindSetRemove {
			return
		}
	case KindHashSet, KindHashRemove, KindHashIncr:
		o.change(op, d, TypeHash)
		o.applyHash(op, d)
		if op.Kind == KindHashRemove {
			return
		}
	}
	o.note(d)
}

// change does the part of PrepareChange that goes before the change itself.
func (o *Object) change(op *Op, d Dot, t Type) {
	if len(op.Clear) > 0 {
		o.clearOthers(op, d, t)
	}
	if op.Flags&Create != 0 {
		o.setDeadline(op, d)
	}
}

func (o *Object) applySet(op *Op, d Dot) {
	if o.Set == nil {
		if op.Kind == KindSetRemove {
			return
		}
		o.Set = &Set{}
	}
	for i := range op.Elems {
		switch e := &op.Elems[i]; {
		case len(e.Shares) > 0: // a field of a hidden hash: see clearHash
		case op.Kind == KindSetAdd:
			o.Set.add(e.Name, e.Seen, d)
		default:
			o.Set.remove(e.Name, e.Seen)
		}
	}
	if o.Set.Len() == 0 {
		o.Set = nil
	}
}

func (o *Object) applyHash(op *Op, d Dot) {
	if o.Hash == nil {
		if op.Kind == KindHashRemove {
			return
		}
		o.Hash = &Hash{}
	}
	for i := range op.Elems {
		e := &op.Elems[i]
		switch op.Kind {
		case KindHashSet:
			o.Hash.put(e, d)
		case KindHashRemove:
			if _, ok := o.Hash.get(e.Name); ok {
				o.Hash.change(e.Name, func(c *Cell) { c.clear(e.Seen, e.Shares, d) })
			}
		case KindHashIncr:
			o.Hash.change(e.Name, func(c *Cell) { c.add(d, e.Total, e.Delta) })
		}
	}
	if o.Hash.fields.Len() == 0 {
		o.Hash = nil
	}
}

// clear removes what the op's author had seen, in all types.
func (o *Object) clear(op *Op, d Dot) {
	o.Cell.clear(op.Clear, op.Shares, d)
	o.clearSet(op.Clear)
	o.clearHash(op, d)
}

// clearOthers is clear for the types other than t.
func (o *Object) clearOthers(op *Op, d Dot, t Type) {
	if t != TypeString {
		o.Cell.clear(op.Clear, op.Shares, d)
	}
	if t != TypeSet {
		o.clearSet(op.Clear)
	}
	if t != TypeHash {
		o.clearHash(op, d)
	}
}

func (o *Object) clearSet(seen VersionVector) {
	if o.Set == nil {
		return
	}
	if seen.Descends(o.seen) { // nothing here is unseen: no need to look
		o.Set = nil
		return
	}
	if o.Set.clear(seen); o.Set.Len() == 0 {
		o.Set = nil
	}
}

func (o *Object) clearHash(op *Op, d Dot) {
	if o.Hash == nil {
		return
	}
	if o.Hash.counters == 0 && op.Clear.Descends(o.seen) {
		o.Hash = nil
		return
	}
	if o.Hash.clear(op.Clear, op.Elems, d); o.Hash.fields.Len() == 0 {
		o.Hash = nil
	}
}

// setDeadline replaces the deadlines that the op had seen by its own.
func (o *Object) setDeadline(op *Op, d Dot) {
	o.clearDeadlines(op.Clear)
	if hasDeadlineDot(o.Deadlines, d) {
		return
	}
	o.Deadlines = append(o.Deadlines, Deadline{d, op.Deadline})
	sortDeadlines(o.Deadlines)
}

func (o *Object) clearDeadlines(seen VersionVector) {
	kept := o.Deadlines[:0]
	for _, x := range o.Deadlines {
		if !seen.Covers(x.Dot) {
			kept = append(kept, x)
		}
	}
	o.Deadlines = kept
}

// sortDeadlines orders by dot, newest first, so that equal states are equal.
func sortDeadlines(list []Deadline) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].Dot.Newer(list[j-1].Dot); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}
