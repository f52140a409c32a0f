package crdt

import (
	"slices"

	"crdb/crdt/dict"
)

// Kind says what an operation does to its key. The numbers are on disk and on
// the wire: append only.
type Kind uint8

// The kinds of operations. Each names what its author had seen of the state it
// replaces or removes (K2).
const (
	KindPut          Kind = 1  // replace everything seen of the key by a string
	KindDelete       Kind = 2  // remove everything seen of the key
	KindIncr         Kind = 3  // add to the string's counter
	KindDeadline     Kind = 4  // replace the deadlines seen by a new one
	KindSetAdd       Kind = 5  // add members to the set
	KindSetRemove    Kind = 6  // remove members from the set
	KindHashSet      Kind = 7  // replace what was seen of fields by values
	KindHashRemove   Kind = 8  // remove what was seen of fields
	KindHashIncr     Kind = 9  // add to one field's counter
	KindFlush        Kind = 10 // remove everything seen in a logical database
	KindZSetAdd      Kind = 11 // replace what was seen of members by scores
	KindZSetRemove   Kind = 12 // remove what was seen of members
	KindZSetIncr     Kind = 13 // add to one member's score
	KindListPush     Kind = 14 // add elements to the list
	KindListSet      Kind = 15 // give an element of the list another value
	KindListRemove   Kind = 16 // remove elements from the list
	KindHLLAdd       Kind = 17 // raise registers of an epoch of the HyperLogLog
	KindStreamAdd    Kind = 18 // add entries, marks and groups to the stream
	KindStreamRemove Kind = 19 // remove entries and groups, acknowledge
	KindHashExpire   Kind = 20 // give fields of the hash other deadlines
	KindListMove     Kind = 21 // give elements of the list other positions
	kindPutGap       Kind = 22 // a put whose value has a gap; in memory it is KindPut
	KindListCut      Kind = 23 // remove rows of elements from the list
	kindPutEdit      Kind = 24 // a put told as a change of one before; in memory it is KindPut
	kindEnd          Kind = 25
)

// Flags refine an operation.
type Flags uint8

// The flags of operations; the low four tell the codec which parts follow.
const (
	hasClear Flags = 1 << iota
	hasShares
	hasElems
	hasDeadline
	// KeepDeadline leaves the key's deadlines alone (a string write).
	KeepDeadline
	// Create marks the operation that made the key visible at its author: it
	// also sets the deadline register to "none".
	Create
	// Expired marks the delete of a key, or of fields, whose deadline has passed.
	Expired
	// Evicted marks the delete of a key that had to make room.
	Evicted

	codecFlags = hasClear | hasShares | hasElems | hasDeadline
)

// Op is the effect of one command on one key: computed once, where the client
// wrote it, by a Prepare method, and applied at every replica by Object.Apply
// under the dot that the log gives it. An Op is scratch space: its slices may
// alias the request or a block and are valid as long as that is.
type Op struct {
	Kind  Kind
	Flags Flags
	DB    uint8 // logical database
	Key   []byte

	// Clear covers the dots that the operation removes: for a put or delete
	// everything of the key, for the others what the key holds in other types.
	Clear VersionVector
	// Shares are the seen parts of the string's counter shares.
	Shares []Reset
	// Elems are the members or fields the operation names. Those with Of set
	// are elements of other types that it clears, with their seen shares.
	Elems []Elem
	// Deadline is unix milliseconds, 0 for none.
	Deadline int64
	// Total and Delta of KindIncr: the author's running total after it, and
	// what it adds.
	Total, Delta Number
	Value        []byte // KindPut
	// Gap is a run of zeros in the string of KindPut that Value leaves out.
	Gap Gap
	// Edit tells Value as a change. Of a KindPut that has just been decoded it is in
	// place of Value (Edits); of one that is prepared, beside it.
	Edit Edit
	// Owned says that nobody else has Value and nobody ever changes its bytes:
	// Apply keeps it instead of a copy. It is not encoded.
	Owned bool

	vectors []VersionEntry // backs Elems[i].Seen
	resets  []Reset        // backs Elems[i].Shares
	names   []byte         // backs names that were made for the op
	whole   *Object        // what it is prepared on or applied to
	body    body           // elements behind Elems that are not in it
	end     listEnd        // where a push or pop goes, if it is prepared on a list
	work    *work          // scratch space, nil until it is needed
}

// Gap is Len zeros at position At of a string: what a write far behind the end
// leaves in between. They are neither logged nor sent.
type Gap struct{ At, Len int }

// maxGapped bounds a string with a gap, in bytes: the largest string there is.
const maxGapped = 512 << 20

// gapped returns a copy of Value with the gap in its place. The zeros are not
// written, so that memory fresh from the system is not touched.
func (op *Op) gapped() []byte {
	val := make([]byte, len(op.Value)+op.Gap.Len)
	copy(val, op.Value[:op.Gap.At])
	copy(val[op.Gap.At+op.Gap.Len:], op.Value[op.Gap.At:])
	return val
}

// Elem is one member or field of an operation.
type Elem struct {
	Name         []byte
	Of           Type          // a type the operation clears; TypeNone: its own
	Seen         VersionVector // live dots of the element that are replaced
	Shares       []Reset
	Value        []byte // KindHashSet, KindStreamAdd, KindStreamRemove; KindListCut: the last name; KindZSetAdd: 8 bytes of score; KindHashExpire: of deadline
	Total, Delta Number // KindHashIncr, KindZSetIncr
}

// Reset empties the op for reuse, keeping its buffers.
func (op *Op) Reset(kind Kind, db uint8, key []byte) {
	*op = Op{Kind: kind, DB: db, Key: key, Clear: op.Clear[:0], Shares: op.Shares[:0], Elems: op.Elems[:0],
		vectors: op.vectors[:0], resets: op.resets[:0], names: op.names[:0], work: op.work}
	op.work.forget()
}

// What Trim keeps.
const (
	keepElems = 1024
	keepNames = 64 << 10
)

// Trim lets go what a large operation has left behind: its value, and buffers
// that others hardly need. The op may be used on after Reset only.
func (op *Op) Trim() {
	if len(op.Value) > keepNames {
		op.Value = nil
	}
	if cap(op.Elems) > keepElems || cap(op.vectors) > keepElems || cap(op.resets) > keepElems ||
		cap(op.Shares) > keepElems || cap(op.names) > keepNames {
		*op = Op{Kind: op.Kind}
	}
	clear(op.Elems) // their values are pieces of a request
	op.whole, op.end.list = nil, nil
	op.work.trim()
}

// addElem appends an element that had seen the dots and shares of a cell.
func (op *Op) addElem(name []byte) *Elem {
	op.Elems = append(doubled(op.Elems), Elem{Name: name})
	return &op.Elems[len(op.Elems)-1]
}

// Expect makes room for n more elements, and for what they have seen if they have,
// where they are many. Without it room grows step by step.
func (op *Op) Expect(n int, seen bool) {
	if n < expectElems {
		return
	}
	op.Elems = slices.Grow(op.Elems, n)
	if seen {
		op.vectors = slices.Grow(op.vectors, n)
	}
}

// expectIn makes room in a table for the elements of an op that add to it: for very
// many, all at once. size is of an element's record without its value.
func (op *Op) expectIn(table *elems, size int) {
	if len(op.Elems) < expectElems {
		return
	}
	n, bytes := 0, 0
	for i := range op.Elems {
		if e := &op.Elems[i]; e.Of == TypeNone && len(e.Seen) == 0 {
			n++
			bytes += dict.EntrySize(len(e.Name), len(e.Value)+size)
		}
	}
	if n >= expectElems {
		all := n + table.Len()
		table.Expect(all, bytes/n*all)
	}
}

// expectElems is how many elements are not left to make room step by step: as few as
// most operations have are not worth room that each client's op would keep.
const expectElems = 1000

// doubled returns list with room for one more. A list that is full gets twice its
// room: append makes a long one larger by a quarter, and an op may have a million
// elements.
func doubled[T any](list []T) []T {
	if n := len(list); n == cap(list) {
		list = slices.Grow(list, n+1)
	}
	return list
}

// named makes what fn appends the name of a new element.
func (op *Op) named(fn func(b []byte) []byte) *Elem {
	first := len(op.names)
	op.names = fn(op.names)
	return op.addElem(op.names[first:len(op.names):len(op.names)])
}

// seeDot notes that the last element added had seen d.
func (op *Op) seeDot(e *Elem, d Dot) {
	if len(e.Seen) > 0 { // rare: concurrent siblings
		e.Seen = e.Seen.Clone()
		e.Seen.Raise(d)
		return
	}
	op.vectors = append(doubled(op.vectors), VersionEntry{d.Replica, d.Time})
	e.Seen = op.vectors[len(op.vectors)-1:]
	e.Seen = e.Seen[:1:1]
}

// seeCell notes that an element had seen all of a cell.
func (op *Op) seeCell(e *Elem, c *Cell) {
	for i := range c.Siblings {
		op.seeDot(e, c.Siblings[i].Dot)
	}
	first := len(op.resets)
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.removed() {
			op.seeDot(e, Dot{s.Last, s.Replica})
			op.resets = append(op.resets, Reset{s.Replica, s.Last, s.Total})
		}
	}
	if n := len(op.resets); n > first {
		e.Shares = op.resets[first:n:n]
	}
}
