package engine

import (
	"errors"

	"crdb/crdt"
)

// StreamIDMode says which IDs XADD takes and makes: xadd-id-mode.
type StreamIDMode uint8

// The modes. An ID made by a server has a sequence number that only its replica
// makes (crdt.StreamIDStride), except that an instance that is alone makes
// Redis's in the liberal mode.
const (
	StreamLiberal    StreamIDMode = iota // Redis's rules; what is given may collide
	StreamSemiStrict                     // milliseconds alone ask for a made ID; what is given may collide
	StreamStrict                         // a whole ID is refused
)

// Errors of streams; the text is Redis's.
var (
	ErrStreamID     = errors.New("ERR The ID specified in XADD is equal or smaller than the target stream top item")
	ErrStreamFull   = errors.New("ERR The stream has exhausted the last possible ID, unable to add more items")
	ErrStreamStrict = errors.New("ERR a whole ID is refused in xadd-id-mode strict: give * or milliseconds")
	ErrKeyExists    = errors.New("BUSYKEY Target key name already exists.")
	ErrNoKey        = errors.New("ERR no such key")
)

// StreamAdd is what XADD asks for.
type StreamAdd struct {
	ID       crdt.StreamID
	Auto     bool // *: the server makes the ID
	AutoSeq  bool // ms-*: the server makes the sequence number
	OnlyMs   bool // ms: no sequence number was given
	NoCreate bool // NOMKSTREAM
	Mode     StreamIDMode
	Fields   [][]byte // field, value, ...
	Trim     *crdt.StreamTrim
	Trimmed  int // set by Tx.StreamAdd: how many entries Trim has removed
}

// Stream returns the stream of a key to read, nil if the key does not exist.
// It is valid until the next write or Unlock.
func (t *Tx) Stream(key []byte) (*crdt.Stream, error) {
	n := t.lookup(key)
	if n == nil {
		return nil, nil
	}
	if n.typ() != crdt.TypeStream {
		return nil, ErrWrongType
	}
	return n.load().Stream(), nil
}

// changeStream prepares an op on a stream.
func (t *Tx) changeStream(kind crdt.Kind, key []byte) (*entry, *crdt.Stream, error) {
	n := t.change(key)
	t.op.Reset(kind, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeStream); err != nil {
		return nil, nil, ErrWrongType
	}
	s := n.obj.Stream()
	s.Begin()
	return n, s, nil
}

// StreamAdd adds an entry, and trims. ok is false if NoCreate found no stream.
func (t *Tx) StreamAdd(key []byte, a *StreamAdd) (id crdt.StreamID, ok bool, err error) {
	if a.NoCreate {
		if s, err := t.Stream(key); s == nil {
			return id, false, err
		}
	}
	n, s, err := t.changeStream(crdt.KindStreamAdd, key)
	if err != nil {
		return id, false, err
	}
	if id, err = t.streamID(s.LastID(), a); err != nil {
		return id, false, err
	}
	t.val = crdt.AppendStreamFields(t.val[:0], a.Fields)
	fresh := len(t.op.Elems)
	s.PrepareAdd(&t.op, t.e.self, id, t.val)
	if a.Trim != nil {
		a.Trimmed = s.PrepareTrim(&t.op, *a.Trim, fresh)
	}
	t.issue(n)
	t.brought(n, key)
	if cap(t.val) > 1<<16 {
		t.val = make([]byte, 0, 64)
	}
	return id, true, nil
}

// streamID chooses the ID of a new entry.
func (t *Tx) streamID(last crdt.StreamID, a *StreamAdd) (id crdt.StreamID, err error) {
	if last == crdt.MaxStreamID {
		return id, ErrStreamFull
	}
	made := a.Auto || a.AutoSeq || a.OnlyMs && a.Mode != StreamLiberal
	own := a.Mode != StreamLiberal || t.e.opts.Alone != nil && !t.e.opts.Alone()
	ok := true
	switch {
	case !made && a.Mode == StreamStrict:
		return id, ErrStreamStrict
	case !made:
		id = a.ID
	case own && a.Auto:
		ms := max(uint64(t.now), last.Ms)
		if id, ok = last.NextOwn(t.e.self, ms); !ok {
			id, ok = last.NextOwn(t.e.self, ms+1)
		}
	case own:
		id, ok = last.NextOwn(t.e.self, a.ID.Ms)
	case a.Auto && uint64(t.now) > last.Ms:
		id = crdt.StreamID{Ms: uint64(t.now)}
	case a.Auto:
		id, ok = last.Next()
	case last.Ms == a.ID.Ms:
		id, ok = last.Next()
		ok = ok && id.Ms == last.Ms
	default:
		id = a.ID
	}
	if !ok || !last.Less(id) {
		return id, ErrStreamID
	}
	return id, nil
}

// StreamTrim trims and returns how many entries are gone.
func (t *Tx) StreamTrim(key []byte, trim crdt.StreamTrim) (int, error) {
	return t.streamRemove(key, func(s *crdt.Stream) int { return s.PrepareTrim(&t.op, trim, -1) })
}

// StreamDelete removes entries by ID and returns how many were there.
func (t *Tx) StreamDelete(key []byte, ids []crdt.StreamID) (int, error) {
	return t.streamRemove(key, func(s *crdt.Stream) int { return s.PrepareRemove(&t.op, ids) })
}

func (t *Tx) streamRemove(key []byte, prepare func(s *crdt.Stream) int) (int, error) {
	if s, err := t.Stream(key); s == nil {
		return 0, err
	}
	n, s, err := t.changeStream(crdt.KindStreamRemove, key)
	if err != nil {
		return 0, err
	}
	removed := prepare(s)
	if removed > 0 {
		t.issue(n)
	}
	return removed, nil
}

// StreamSetID sets the registers of a stream that exists; nil leaves one alone.
func (t *Tx) StreamSetID(key []byte, last crdt.StreamID, added *uint64, removed *crdt.StreamID) error {
	n, s, err := t.changeStream(crdt.KindStreamAdd, key)
	if err != nil {
		return err
	}
	s.PrepareSetID(&t.op, t.e.self, last, added, removed)
	n.quiet = true
	t.issue(n)
	return nil
}

// streamFill makes of an absent key a copy of a stream: the entries of a large one by
// several ops, the groups by the last, so that they find all entries there. Whoever wants one
// atomic group of them has begun it: an import does not, which may be larger than one.
func (t *Tx) streamFill(key []byte, from *crdt.Stream) {
	for at, more := (crdt.StreamID{}), true; more; {
		n, s, err := t.changeStream(crdt.KindStreamAdd, key)
		if err != nil {
			panic(err) // the key has just been deleted
		}
		if at, more = s.PrepareEntries(&t.op, from, at, t.e.opts.Sizes.OpBytes/fillOps); more {
			t.issue(n)
			continue
		}
		s.PrepareFillApart(&t.op, t.e.self, from)
		t.issue(n)
		t.brought(n, key)
		n.copyReads(from)
	}
}

// fillOps is which part of the largest op is enough for one.
const fillOps = 16

// copyReads gives a copy of a stream what has been read of that, which counts as
// memory, too.
func (n *entry) copyReads(from *crdt.Stream) {
	n.load().Stream().CopyReads(from)
	n.measure()
}

// StreamPut makes of an absent key the stream from, which the caller has made;
// reads and pending entries of its groups are this region's, as always. A key
// that is there is ErrKeyExists.
func (t *Tx) StreamPut(key []byte, from *crdt.Stream) error {
	if n := t.change(key); n.shows(t.now) {
		return ErrKeyExists
	}
	t.streamFill(key, from)
	return nil
}
