package crdt

// Detach returns a copy of o that shares no bytes with the record o was decoded
// from. Collections are taken over, not copied: o must not be used afterwards.
func (o *Object) Detach() Object {
	c := Object{Set: o.Set, Hash: o.Hash, seen: o.seen.Clone(), Deadlines: append([]Deadline(nil), o.Deadlines...)}
	c.Cell.Shares = append([]Share(nil), o.Cell.Shares...)
	for _, s := range o.Cell.Siblings {
		c.Cell.Siblings = append(c.Cell.Siblings, Sibling{s.Dot, append([]byte(nil), s.Value...)})
	}
	return c
}

// HasShares reports whether the cell or a field of the hash counts, or has
// counted and is kept for it.
func (o *Object) HasShares() bool {
	return len(o.Cell.Shares) > 0 || o.Hash != nil && o.Hash.counters > 0
}

// RecordHasShares reports the same of a flat record.
func RecordHasShares(rec []byte) bool {
	return rec[0] == formDated && rec[datedHeader] != shapePlain
}

// Bytes estimates the memory of the object.
func (o *Object) Bytes() int {
	n := 160 + 32*len(o.Deadlines) + 16*len(o.seen) + 112*len(o.Cell.Shares)
	for _, s := range o.Cell.Siblings {
		n += 40 + cap(s.Value)
	}
	if o.Set != nil {
		n += o.Set.members.Bytes()
	}
	if o.Hash != nil {
		n += o.Hash.fields.Bytes()
	}
	return n
}
