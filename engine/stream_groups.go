package engine

import (
	"errors"

	"crdb/crdt"
)

// ErrGroupExists is XGROUP CREATE's refusal.
var ErrGroupExists = errors.New("BUSYGROUP Consumer Group name already exists")

// GroupCreate creates a consumer group; make creates the stream if there is
// none. The caller has checked that the group is new.
func (t *Tx) GroupCreate(key, name []byte, start crdt.StreamID, read int64, make bool) error {
	n, s, err := t.changeStream(crdt.KindStreamAdd, key)
	if err != nil {
		return err
	}
	if s.Group(name) != nil {
		return ErrGroupExists
	}
	s.PrepareGroup(&t.op, name, start, read, make)
	n.quiet = !make // as in Redis, WATCH sees no groups
	t.issue(n)
	return nil
}

// GroupDestroy removes a group that exists.
func (t *Tx) GroupDestroy(key, name []byte) error {
	n, s, err := t.changeStream(crdt.KindStreamRemove, key)
	if err != nil {
		return err
	}
	s.PrepareDestroy(&t.op, name)
	n.quiet = true
	t.issue(n)
	t.brought(n, key) // who waits for the group learns that it is gone
	return nil
}

// GroupAck acknowledges those entries of a group that are pending here, for all
// regions, and returns how many they are. What is not pending here is left
// alone, as in Redis: it may still have to be delivered. The IDs, whose slice is
// changed, are asked for if there is such a group; ok is false if they were refused.
func (t *Tx) GroupAck(key, name []byte, ask func() (ids []crdt.StreamID, ok bool)) (acked int, ok bool, err error) {
	s, err := t.Stream(key)
	if s == nil {
		return 0, true, err
	}
	g := s.Group(name)
	if g == nil {
		return 0, true, nil
	}
	ids, ok := ask()
	known := ids[:0]
	for _, id := range ids {
		if g.PendingOf(id) != nil {
			known = append(known, id)
		}
	}
	if len(known) == 0 || !ok {
		return 0, ok, nil
	}
	n := &t.ent // found by Stream
	t.op.Reset(crdt.KindStreamRemove, uint8(t.db), n.key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeStream); err != nil {
		return 0, true, ErrWrongType
	}
	before := g.PendingLen()
	s.Begin()
	s.PrepareAck(&t.op, g, known)
	n.quiet = true
	t.issue(n)
	return before - g.PendingLen(), true, nil
}

// GroupChanged notes that local state of a group has changed, so that the next
// checkpoint saves it, and that the key counts for what it holds now.
func (t *Tx) GroupChanged(key, name []byte) {
	n := t.peek(key)
	if n == nil {
		return
	}
	n.load()
	if n.heap == nil {
		return
	}
	if !n.heap.all {
		var b [64]byte
		n.heap.changed.add(crdt.TypeStream, crdt.AppendGroupElem(b[:0], name))
		if n.heap.changedTooMuch() {
			n.heap.all = true
			n.heap.changed = changes{}
		}
	}
	n.measure()
	n.markDirty()
}
