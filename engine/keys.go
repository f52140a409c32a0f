package engine

import (
	"crdb/crdt"
	"encoding/binary"
)

// Type is the data type a key shows.
type Type uint8

// The visible types.
const (
	TypeNone Type = iota
	TypeString
	TypeSet
	TypeHash
	TypeList
	TypeZSet
	TypeStream
)

// String returns the name that TYPE replies with.
func (t Type) String() string {
	return [...]string{"none", "string", "set", "hash", "list", "zset", "stream"}[t]
}

func typeOf(t crdt.Type) Type {
	switch t {
	case crdt.TypeString, crdt.TypeHLL:
		return TypeString
	case crdt.TypeSet:
		return TypeSet
	case crdt.TypeHash:
		return TypeHash
	case crdt.TypeZSet:
		return TypeZSet
	case crdt.TypeList:
		return TypeList
	case crdt.TypeStream:
		return TypeStream
	}
	return TypeNone
}

// Type returns the visible type of a key. A key past its deadline does not
// exist, here and everywhere.
func (t *Tx) Type(key []byte) Type {
	if n := t.peek(key); n != nil {
		return typeOf(n.typ())
	}
	return TypeNone
}

// read finds a key that is to show a type, for reading. It returns nil if the key does
// not show.
func (t *Tx) read(key []byte, typ crdt.Type) (*entry, error) {
	n := t.lookup(key)
	if n == nil {
		return nil, nil
	}
	if n.typ() != typ {
		return nil, ErrWrongType
	}
	return n, nil
}

// flatLen returns the number of elements of a key that lies in a flat record.
func (n *entry) flatLen() int { return crdt.RecordLen(n.body()) }

// flatRandom returns the name of a random element of a key that lies in a flat record. A
// client may ask for very many; to decode the record for each takes up to ten times as long.
func (t *Tx) flatRandom(n *entry) []byte { return crdt.RecordName(n.body(), t.below(n.flatLen())) }

// Exists reports whether the key exists.
func (t *Tx) Exists(key []byte) bool { return t.lookup(key) != nil }

// Touch notes an access and reports whether the key exists.
func (t *Tx) Touch(key []byte) bool { return t.lookup(key) != nil }

// Delete removes the key and reports whether it existed.
func (t *Tx) Delete(key []byte) bool {
	n := t.change(key)
	if !n.shows(t.now) {
		return false
	}
	t.delete(n, 0)
	return true
}

// Replace deletes the key and lets fill write it anew, as one atomic group: to
// an Observer the key is not created if it was there. It reports whether it
// was. fill cannot fail, since there is nothing in its way.
func (t *Tx) Replace(key []byte, fill func() error) (was bool) {
	t.group()
	was = t.Delete(key)
	t.replaces = was
	defer func() { t.replaces = false }()
	if err := fill(); err != nil {
		panic(err)
	}
	return was
}

// Deadline returns the key's deadline in unix milliseconds, 0 for none.
func (t *Tx) Deadline(key []byte) (at int64, exists bool) {
	n := t.lookup(key)
	if n == nil {
		return 0, false
	}
	return n.deadline(), true
}

// SetDeadline makes the key expire at a time; one that is not in the future
// deletes it. It reports whether the key exists.
func (t *Tx) SetDeadline(key []byte, at int64) bool {
	n := t.change(key)
	if !n.shows(t.now) {
		return false
	}
	if at <= t.now {
		t.delete(n, 0)
		return true
	}
	t.setDeadline(n, at)
	return true
}

// Persist removes the key's deadline and reports whether it had one. Without
// one it still is an op: it beats a deadline that is set concurrently elsewhere.
func (t *Tx) Persist(key []byte) bool {
	n := t.change(key)
	if !n.shows(t.now) {
		return false
	}
	had := n.deadline() != 0
	n.quiet = !had
	t.setDeadline(n, 0)
	return had
}

func (t *Tx) setDeadline(n *entry, at int64) {
	t.op.Reset(crdt.KindDeadline, uint8(n.db), n.key)
	n.load().PrepareDeadline(&t.op, at)
	t.issue(n)
}

// Idle returns how long ago the key was last accessed.
func (t *Tx) Idle(key []byte) (seconds int64, exists bool) {
	n := t.peek(key)
	if n == nil {
		return 0, false
	}
	return idle(binary.BigEndian.Uint32(n.rec), t.now), true
}

// SetIdle makes a key look as if it was last accessed so many seconds ago,
// unless uses are counted instead.
func (t *Tx) SetIdle(key []byte, seconds int64) {
	if n := t.peek(key); n != nil && !n.usage().Frequency {
		binary.BigEndian.PutUint32(n.rec, uint32(max(0, t.now/1000-seconds)))
	}
}

// Freq returns the key's logarithmic counter of uses; it is kept with
// Usage.Frequency.
func (t *Tx) Freq(key []byte) (uint8, bool) {
	n := t.peek(key)
	if n == nil {
		return 0, false
	}
	return uint8(n.usage().decayed(binary.BigEndian.Uint32(n.rec), t.now)), true
}

// SetFreq gives a key a count of uses, if uses are counted.
func (t *Tx) SetFreq(key []byte, count uint8) {
	if n := t.peek(key); n != nil && n.usage().Frequency {
		binary.BigEndian.PutUint32(n.rec, minuteOf(t.now)<<8|uint32(count))
	}
}

// MemoryUsage estimates the bytes a key takes.
func (t *Tx) MemoryUsage(key []byte) (int64, bool) {
	n := t.peek(key)
	if n == nil {
		return 0, false
	}
	return n.size(), true
}

// Encoding names the representation as OBJECT ENCODING does: what Redis would
// use for such a value.
func (t *Tx) Encoding(key []byte, limits *EncodingLimits) (string, bool) {
	n := t.peek(key)
	if n == nil {
		return "", false
	}
	switch n.typ() {
	case crdt.TypeString:
		return stringEncoding(t.value(n)), true
	case crdt.TypeHLL:
		return "raw", true
	case crdt.TypeSet:
		return limits.set(n.load().Set()), true
	case crdt.TypeList:
		return "quicklist", true
	case crdt.TypeStream:
		return "stream", true
	case crdt.TypeZSet:
		return limits.zset(n.load().ZSet()), true
	}
	return limits.hash(n.load().Hash().At(t.now)), true
}

func stringEncoding(v []byte) string {
	if _, ok := crdt.ParseInt(v); ok {
		return "int"
	}
	if len(v) <= 44 {
		return "embstr"
	}
	return "raw"
}
