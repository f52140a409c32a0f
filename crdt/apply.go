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
		value := op.Value
		if op.Gap.Len > 0 {
			value = op.gapped()
		} else if !op.Owned {
			value = append([]byte(nil), value...)
		}
		o.Cell.put(d, value)
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
	default:
		if !o.applyElems(op, d) {
			return
		}
	}
	o.note(d)
}

// applyElems applies an operation on a collection and reports whether it may
// have added dots.
func (o *Object) applyElems(op *Op, d Dot) bool {
	k := kinds[op.Kind]
	o.change(op, d, k.typ)
	if op.body.n > 0 && o.of(k.typ) == nil {
		op.body.put(o, op, d)
		return true
	}
	op.expand()
	if !k.removes || o.of(k.typ) != nil {
		op.whole = o
		o.make(k.typ).apply(op, d)
		for i := range o.parts {
			if o.parts[i].typ == k.typ {
				o.parts[i].changed(op, d)
			}
		}
		o.prune()
	}
	return !k.removes
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

// clear removes what the op's author had seen, in all types.
func (o *Object) clear(op *Op, d Dot) { o.clearOthers(op, d, TypeNone) }

// clearOthers is clear for the types other than t.
func (o *Object) clearOthers(op *Op, d Dot, t Type) {
	if t != TypeString {
		o.Cell.clear(op.Clear, op.Shares, d)
	}
	all := op.Clear.Descends(o.seen) // nothing here is unseen: no need to look
	for i := range o.parts {
		switch p := &o.parts[i]; {
		case p.typ == t:
		case all && !p.coll.counts():
			p.coll, p.known = types[p.typ](), false
		default:
			p.coll.clear(op.Clear, op.Elems, d)
			p.known = false // also where op has not seen it: what is gone takes along what others have made of it
		}
	}
	o.prune()
}

// setDeadline replaces the deadlines that the op had seen by its own.
func (o *Object) setDeadline(op *Op, d Dot) {
	o.clearDeadlines(op.Clear)
	o.Deadlines = addDeadline(o.Deadlines, Deadline{d, op.Deadline})
}

func (o *Object) clearDeadlines(seen VersionVector) {
	o.Deadlines = dropDeadlines(o.Deadlines, seen)
}

// addDeadline puts x into the register unless it is there.
func addDeadline(list []Deadline, x Deadline) []Deadline {
	if hasDeadlineDot(list, x.Dot) {
		return list
	}
	list = append(list, x)
	sortDeadlines(list)
	return list
}

// dropDeadlines removes, in place, what seen covers.
func dropDeadlines(list []Deadline, seen VersionVector) []Deadline {
	kept := list[:0]
	for _, x := range list {
		if !seen.Covers(x.Dot) {
			kept = append(kept, x)
		}
	}
	return kept
}

// sortDeadlines orders by dot, newest first, so that equal states are equal.
func sortDeadlines(list []Deadline) {
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].Dot.Newer(list[j-1].Dot); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
}
