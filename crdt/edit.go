package crdt

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
)

// A large string that is changed in place, by SETBIT, SETRANGE, BITFIELD or APPEND, is a
// put of the whole new string: that is what it means (docs/consistency.md). It need not
// be told so: while the put before it is in the same block of the author's log, it is
// told as an edit of that one. Whoever reads a block makes a put of it again (Edits)
// before anything else sees it, so nothing but the encoding knows of edits.

// Edit tells the string of KindPut as a change of another: the one that the same
// author put at time Base, to the same key, in the same block, and that this op
// replaces. Bytes lie over it from position At on; what is missing before are zeros.
type Edit struct {
	Base  Timestamp // 0: none, Value is the string
	At    int
	Bytes []byte
}

const (
	// MinEdit is the least length, in bytes, of a string that is edited.
	MinEdit = 512
	// MaxEdited bounds the bytes of all strings that the edits in one block make.
	MaxEdited = 64 << 20
)

// size is the length of the string that the edit makes of one of length n.
func (e *Edit) size(n int) int { return max(n, e.At+len(e.Bytes)) }

// IsBase reports whether the op puts a string that may be edited.
func (op *Op) IsBase() bool {
	return op.Kind == KindPut && len(op.Value) >= MinEdit && op.Gap.Len == 0
}

// EditOf returns the change of the string shown that bytes at position at are, if the
// replica self has put it; otherwise the zero Edit.
func (o *Object) EditOf(self ReplicaID, at int, bytes []byte) Edit {
	if o.Type() != TypeString || len(o.Cell.Siblings) == 0 || len(o.Cell.Shares) > 0 || o.Cell.Siblings[0].Dot.Replica != self {
		return Edit{}
	}
	return Edit{Base: o.Cell.Siblings[0].Dot.Time, At: at, Bytes: bytes}
}

// Only returns the string of an object that holds one and nothing else, but for deadlines,
// and the dot that put it. ok is false for others.
func (o *Object) Only() (d Dot, value []byte, ok bool) {
	if len(o.Cell.Siblings) != 1 || len(o.Cell.Shares) > 0 || len(o.parts) > 0 {
		return Dot{}, nil, false
	}
	s := &o.Cell.Siblings[0]
	return s.Dot, s.Value, true
}

// AppendEdit appends the op, a put, encoded as an edit.
func AppendEdit(b []byte, op *Op, e Edit) []byte {
	edit := *op
	edit.Edit, edit.Value = e, nil
	return AppendOpHead(b, &edit)
}

func (e *Edit) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.Base))
	b = binary.AppendUvarint(b, uint64(e.At))
	return append(b, e.Bytes...)
}

// edit reads an edit, which reaches to the end.
func (d *opDecoder) edit() {
	base, at := d.uvarint(), d.uvarint()
	if base == 0 || len(d.b) == 0 || at > maxGapped || at+uint64(len(d.b)) > maxGapped {
		d.fail("edit")
		return
	}
	d.op.Edit = Edit{Timestamp(base), int(at), d.b}
	d.b = nil
}

// Edits makes puts of the edits in one block. The zero value is ready; it is for one
// goroutine. What it returns aliases the block or is kept until Reset.
type Edits struct {
	bases []editBase // by time
	made  int        // bytes of strings that edits have made
}

// editBase is a put that an edit may name.
type editBase struct {
	time  Timestamp
	db    uint8
	key   []byte
	size  int
	value []byte // nil: not made yet
	edit  Edit   // what it is told as, if it is an edit
}

// Reset forgets everything: another block begins.
func (s *Edits) Reset() {
	clear(s.bases)
	s.bases, s.made = s.bases[:0], 0
}

// Whole makes the decoded op a put of its whole string, if it is an edit. Ops come in
// the order of the block; one that has been here may come again.
func (s *Edits) Whole(op *Op, d Dot) error {
	err := s.Note(op, d)
	if err == nil {
		s.Make(op, d)
	}
	return err
}

// Note is Whole for who may not need the string: it leaves an edit as it is, to be made
// a put by Make, or to be laid over the string that it changes.
func (s *Edits) Note(op *Op, d Dot) error {
	if op.Edit.Base == 0 && !op.IsBase() || op.Edit.Base != 0 && s.find(d.Time) != nil {
		return nil
	}
	b := editBase{time: d.Time, db: op.DB, key: op.Key, size: len(op.Value), value: op.Value}
	if op.Edit.Base != 0 {
		base := s.find(op.Edit.Base)
		if base == nil || base.db != op.DB || string(base.key) != string(op.Key) || !op.Clear.Covers(Dot{base.time, d.Replica}) {
			return fmt.Errorf("%w: an edit of what is not there", ErrCorrupt)
		}
		b.size, b.value, b.edit = op.Edit.size(base.size), nil, op.Edit
		if s.made += b.size; s.made > MaxEdited {
			return fmt.Errorf("%w: edits make more than %d bytes", ErrCorrupt, MaxEdited)
		}
	}
	if n := len(s.bases); n == 0 || s.bases[n-1].time < d.Time {
		s.bases = append(s.bases, b)
	}
	return nil
}

// Make makes an edit that Note has seen a put of its whole string. Its bytes are the
// caller's own, as long as what he changes of them are edits that follow in the block.
func (s *Edits) Make(op *Op, d Dot) {
	if op.Edit.Base == 0 {
		return
	}
	op.Value, op.Owned, op.Edit = s.make(s.find(d.Time)), true, Edit{}
}

// make returns the string of a put. From the newest one before it that is there, it lays
// the edits in between over a copy. That one may hold some of them already: it does no
// harm to lay an edit over a string again, before those that follow.
func (s *Edits) make(b *editBase) []byte {
	if b.value != nil {
		return b.value
	}
	var chain []*editBase
	from := b
	for ; from.value == nil; from = s.find(from.edit.Base) {
		chain = append(chain, from)
	}
	value := make([]byte, b.size)
	Copy(value, from.value)
	for _, x := range slices.Backward(chain) {
		copy(value[x.edit.At:], x.edit.Bytes)
	}
	b.value = value
	return value
}

// Lay lays the edit over a string whose bytes nobody else has, in place if there is room
// for what it adds, and returns the string that comes of it.
func (e *Edit) Lay(value []byte) []byte {
	if old := len(value); e.size(old) > old {
		value = slices.Grow(value, e.size(old)-old)[:e.size(old)]
		clear(value[old:])
	}
	copy(value[e.At:], e.Bytes)
	return value
}

func (s *Edits) find(t Timestamp) *editBase {
	i := sort.Search(len(s.bases), func(i int) bool { return s.bases[i].time >= t })
	if i == len(s.bases) || s.bases[i].time != t {
		return nil
	}
	return &s.bases[i]
}
