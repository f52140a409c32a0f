package crdt

import (
	"encoding/binary"

	"crdb/crdt/dict"
)

// Type is the data type a key shows.
type Type uint8

// The types. They name state on disk: append only.
const (
	TypeNone   Type = 0
	TypeString Type = 1
	TypeSet    Type = 2
	TypeHash   Type = 3
	TypeHLL    Type = 7
	TypeList   Type = 4
	TypeZSet   Type = 5
	TypeStream Type = 6
)

// Deadline is one of the concurrent values of a key's deadline register; At is
// unix milliseconds, 0 for "no deadline", which counts as infinite.
type Deadline struct {
	Dot Dot
	At  int64
}

// Object is everything an instance knows of one key. Concurrent creations with
// different types live side by side; the type with the newest live dot shows.
// The zero value is an absent key.
type Object struct {
	Cell      Cell          // the string
	Deadlines []Deadline    // concurrent; the longest counts
	parts     []part        // the collections, by type
	seen      VersionVector // newest dot applied here per replica
}

// Reset makes o an absent key, keeping its buffers for reuse.
func (o *Object) Reset() {
	*o = Object{Cell: Cell{o.Cell.Siblings[:0], o.Cell.Shares[:0]}, Deadlines: o.Deadlines[:0], seen: o.seen[:0]}
}

// Type returns the visible type.
func (o *Object) Type() Type {
	t, live := TypeNone, 0
	if o.Cell.Live() {
		t, live = TypeString, 1
	}
	for _, p := range o.parts {
		if p.coll.Len() > 0 {
			t, live = p.typ, live+1
		}
	}
	if live < 2 {
		return t
	}
	t, newest := TypeString, o.Cell.Newest()
	for i := range o.parts {
		p := &o.parts[i]
		if d := p.newestDot(); d.Newer(newest) {
			t, newest = p.typ, d
		}
	}
	return t
}

// Empty reports whether nothing of the key is left to keep. An object that is
// not empty may still show nothing: see Type.
func (o *Object) Empty() bool {
	return len(o.Cell.Siblings) == 0 && len(o.Cell.Shares) == 0 && len(o.Deadlines) == 0 && len(o.parts) == 0
}

// DeadlineAt returns the deadline that counts and the dot that set it; 0 is no
// deadline. Concurrent deadlines: the longest, none being infinite; equal ones:
// the newest dot.
func (o *Object) DeadlineAt() (at int64, owner Dot) { return longest(o.Deadlines) }

// longest is DeadlineAt of a register.
func longest(list []Deadline) (at int64, owner Dot) {
	for i, d := range list {
		longer := d.At != at && (d.At == 0 || at != 0 && d.At > at)
		if i == 0 || longer || d.At == at && d.Dot.Newer(owner) {
			at, owner = d.At, d.Dot
		}
	}
	return at, owner
}

// FieldDeadlines returns the earliest deadline of a field of the key's hash, and
// the time after which none of the hash shows; 0 is never.
func (o *Object) FieldDeadlines() (first, last int64) {
	for i := range o.parts {
		if h, ok := o.parts[i].coll.(*Hash); ok {
			return h.FirstDeadline(), h.LastDeadline()
		}
	}
	return 0, 0
}

// Orphaned reports whether fields that are gone have left deadlines. Not what is
// stable decides when these may go, but who set them, and time.
func (o *Object) Orphaned() bool {
	for i := range o.parts {
		if h, ok := o.parts[i].coll.(*Hash); ok && h.times != nil && h.times.orphans.len() > 0 {
			return true
		}
	}
	return false
}

// Context returns, per replica, the newest dot that a removal of the whole key
// made now has seen (K2). The result is o's own: read only.
func (o *Object) Context() VersionVector { return o.seen }

// note covers d in the object's context.
func (o *Object) note(d Dot) { o.seen.Raise(d) }

// PreparePut replaces everything seen by a string.
func (o *Object) PreparePut(op *Op, value []byte, keep bool, deadline int64) {
	o.PrepareDelete(op)
	op.Value, op.Deadline = value, deadline
	if keep && o.Type() != TypeNone {
		op.Flags |= KeepDeadline
	}
}

// PrepareDelete removes everything seen.
func (o *Object) PrepareDelete(op *Op) {
	op.Clear = append(op.Clear[:0], o.seen...)
	_, op.Shares = o.Cell.Seen(nil, op.Shares)
	for _, p := range o.parts {
		p.coll.shares(op)
	}
}

// PrepareDeadline replaces the deadlines seen; the key must be visible.
func (o *Object) PrepareDeadline(op *Op, at int64) {
	op.Clear = append(op.Clear[:0], o.seen...)
	op.Deadline = at
}

// PrepareChange readies an op that changes the collection or counter of type t
// in place: it clears what is seen of hidden types, and creates the key if it
// does not show. A key that shows another type is ErrWrongType. It goes before
// the Prepare method of the collection, and nothing may change o in between.
func (o *Object) PrepareChange(op *Op, t Type) error {
	op.whole = o
	switch shown := o.Type(); {
	case shown == TypeNone:
		op.Flags |= Create
		op.Clear = append(op.Clear[:0], o.seen...)
	case shown != t:
		return ErrWrongType
	case o.hides(t):
		op.Clear = append(op.Clear[:0], o.seen...)
		if t != TypeString {
			_, op.Shares = o.Cell.Seen(nil, op.Shares)
		}
		for _, p := range o.parts {
			if p.typ != t {
				p.coll.shares(op)
			}
		}
	}
	return nil
}

// PrepareReplace readies an op that puts a new collection in the place of all
// that the key shows or hides in other types; deadlines stay.
func (o *Object) PrepareReplace(op *Op) {
	o.PrepareDelete(op)
	op.whole = o
}

// empty makes of a removal that leaves nothing behind the delete of the key:
// otherwise the deadlines of every collection ever emptied would stay.
func (op *Op) empty() {
	if op.whole == nil {
		return
	}
	op.Kind, op.Flags = KindDelete, 0
	op.Shares, op.Elems = op.Shares[:0], op.Elems[:0]
	op.whole.PrepareDelete(op)
}

// hides reports whether a type other than t has live content.
func (o *Object) hides(t Type) bool {
	if t != TypeString && o.Cell.Live() {
		return true
	}
	for _, p := range o.parts {
		if p.typ != t && p.coll.Len() > 0 {
			return true
		}
	}
	return false
}

// Merge joins the state of the same key at another instance into o, given what
// each instance had applied. o takes over what it needs of other.
func (o *Object) Merge(vv VersionVector, other *Object, ovv VersionVector) {
	o.Cell = o.Cell.Merge(vv, &other.Cell, ovv)
	var taken [len(types)]bool
	for _, p := range other.parts {
		if n, ok := p.coll.(newcomer); ok && o.of(p.typ) == nil && n.unseenBy(vv) {
			o.put(p.typ, p.coll)
			taken[p.typ] = true
			continue
		}
		o.make(p.typ)
	}
	for _, p := range o.parts {
		if taken[p.typ] {
			continue
		}
		theirs := other.of(p.typ)
		if theirs == nil {
			theirs = types[p.typ]()
		}
		p.coll.merge(vv, theirs, ovv)
	}
	o.forgetNewest()
	o.prune()
	o.Deadlines = mergeDeadlines(o.Deadlines, vv, other.Deadlines, ovv)
	o.seen.Merge(other.seen)
}

// forgetNewest lets the newest dots be looked for again.
func (o *Object) forgetNewest() {
	for i := range o.parts {
		o.parts[i].known = false
	}
}

func mergeDeadlines(a []Deadline, avv VersionVector, b []Deadline, bvv VersionVector) []Deadline {
	var out []Deadline
	for _, d := range a {
		if hasDeadlineDot(b, d.Dot) || !bvv.Covers(d.Dot) {
			out = append(out, d)
		}
	}
	for _, d := range b {
		if !hasDeadlineDot(a, d.Dot) && !avv.Covers(d.Dot) {
			out = append(out, d)
		}
	}
	sortDeadlines(out)
	return out
}

func hasDeadlineDot(list []Deadline, d Dot) bool {
	for _, x := range list {
		if x.Dot == d {
			return true
		}
	}
	return false
}

// Forget drops what is kept only until removals are causally stable. After it,
// o merges only with states that hold all that stable covers (K4). It reports
// whether there was anything to drop, and calls note, unless it is nil, for each
// element of which something was; note must not keep its name.
func (o *Object) Forget(stable VersionVector, note func(t Type, elem []byte)) (changed bool) {
	changed = o.Cell.forget(stable)
	for _, p := range o.parts {
		p.coll.forget(stable, func(name []byte) {
			if changed = true; note != nil {
				note(p.typ, name)
			}
		})
	}
	o.prune()
	return changed
}

// Residue reports whether removed counter shares are kept in the object.
func (o *Object) Residue() bool {
	for _, p := range o.parts {
		if p.coll.stale() {
			return true
		}
	}
	return o.Cell.stale()
}

// Digest is a hash of the live state: equal on all replicas that have applied
// the same operations. It is 0 if nothing is left, or only what is kept until
// it is causally stable; the deadlines of an object that shows nothing count.
func (o *Object) Digest() uint64 {
	if o.Type() == TypeNone && len(o.Deadlines) == 0 {
		return 0
	}
	b := o.Cell.canonical(nil)
	for _, d := range o.Deadlines {
		b = binary.BigEndian.AppendUint64(AppendDot(b, d.Dot), uint64(d.At))
	}
	sum := dict.Hash(digestSeed, b)
	for _, p := range o.parts {
		if p.coll.Len() > 0 {
			sum = dict.Hash(sum+uint64(p.typ), binary.BigEndian.AppendUint64(nil, p.coll.digest()))
		}
	}
	return sum
}

// canonical appends bytes that are equal for equal live state: siblings, and
// what each live share adds (its numbering may differ between replicas).
func (c *Cell) canonical(b []byte) []byte {
	for i := range c.Siblings {
		b = appendBytes(AppendDot(b, c.Siblings[i].Dot), c.Siblings[i].Value)
	}
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.removed() {
			b = AppendDot(b, Dot{s.Last, s.Replica})
			b = s.Total.Sub(s.BaseTotal).Append(b)
		}
	}
	return b
}
