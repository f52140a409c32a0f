package crdt

// A delete names every counter share that its author has seen (K2). Where very many elements
// of a key count, one op cannot hold them: most are removed before, some by each op.

// shedKinds are the kinds of operations that remove elements which count.
var shedKinds = [len(types)]Kind{TypeHash: KindHashRemove, TypeZSet: KindZSetRemove}

// shedLook is how many elements at most are looked at between two looks at how large the op is.
const shedLook = 64

// PrepareShed makes op the removal of elements that count, of one type, from a place on and
// until they take some bytes. One element is left to the delete, so that the key shows until
// then. False means that there are no more.
func (o *Object) PrepareShed(op *Op, c *ElemCursor, bytes int) bool {
	for _, p := range o.parts {
		if p.typ < c.typ || !p.coll.counts() {
			continue
		}
		if p.typ != c.typ {
			c.typ, c.at = p.typ, nil
		}
		op.Kind = shedKinds[p.typ]
		mean := o.Bytes()/max(p.coll.Len(), 1) + 1
		look := min(max(bytes/mean, 1), shedLook) // of large elements fewer: all of them go into the op
		for size := 0; size < bytes; {
			c.at = p.coll.walk(c.at, look, func(name, rec []byte) {
				counts := rec[0] != shapePlain && !eachShare(rec, func(s Share) bool { return s.removed() })
				if counts && p.coll.Len()-len(op.Elems) > 1 {
					op.addSeen(p.coll, name)
					size += len(name) + 2*len(rec)
				}
			})
			if c.at == nil {
				c.typ++
				break
			}
		}
		if len(op.Elems) > 0 {
			return true
		}
	}
	return false
}

// addSeen appends an element of a hash or a sorted set with what is seen of it.
func (op *Op) addSeen(c collection, name []byte) {
	switch m := c.(type) {
	case *Hash:
		m.see(op, name)
	case *ZSet:
		m.see(op, name)
	}
}
