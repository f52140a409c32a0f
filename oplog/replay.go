package oplog

import (
	"fmt"
	"sort"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Replay calls fn for every durable block with an op above `from`, in an order
// that respects prev and deps: the log is causally closed (D4), so there is
// one. It holds one block per replica in memory. fn must not keep the block's
// op bytes longer than it needs them: they pin the whole block.
//
// ErrTruncated: `from` is older than what is kept.
func (l *Log) Replay(from crdt.VersionVector, fn func(b *Block) error) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	l.pub.RLock()
	tails := make(map[crdt.ReplicaID]tail, len(l.pub.tails))
	for id, t := range l.pub.tails {
		tails[id] = *t
	}
	l.pub.RUnlock()
	return replayFrom(l.store.db, tails, from, fn)
}

// replayFrom is Replay over what db holds up to the tails.
func replayFrom(db pebble.Reader, tails map[crdt.ReplicaID]tail, from crdt.VersionVector, fn func(b *Block) error) error {
	r := replay{have: from.Clone()}
	defer r.close()
	if err := r.open(db, tails, from); err != nil {
		return err
	}
	for len(r.heads) > 0 {
		progress, err := r.round(fn)
		if err != nil {
			return err
		}
		if !progress {
			return r.stuck()
		}
	}
	return nil
}

// replay is one run: a head per replica that has blocks left.
type replay struct {
	have  crdt.VersionVector // given to fn, or covered at the start
	heads []*head
}

type head struct {
	*cursor
	last  crdt.Timestamp
	block *Block
}

func (r *replay) open(db pebble.Reader, tails map[crdt.ReplicaID]tail, from crdt.VersionVector) error {
	for id, t := range tails {
		after := from.Get(id)
		if after < t.prev {
			return truncated(id, after, t.prev)
		}
		if after >= t.last {
			continue
		}
		c, err := newCursor(db, id, after)
		if err != nil {
			return err
		}
		h := &head{cursor: c, last: t.last}
		r.heads = append(r.heads, h)
		if err := r.advance(h); err != nil {
			return err
		}
	}
	sort.Slice(r.heads, func(i, j int) bool { return r.heads[i].r < r.heads[j].r })
	return nil
}

// advance loads the next block of a head, nil at its end.
func (r *replay) advance(h *head) error {
	b, err := h.next(h.last)
	if err != nil {
		return err
	}
	have := r.have.Get(h.r)
	switch {
	case b.Block == nil && have < h.last:
		return corrupt("log of replica %d ends at %v, before %v", h.r, have, h.last)
	case b.Block != nil && b.Prev != have && (b.Prev > have || b.First > have):
		return corrupt("log of replica %d has a gap: after %v comes a block after %v", h.r, have, b.Prev)
	}
	h.block = b.Block
	return nil
}

// round gives out what is ready at every head.
func (r *replay) round(fn func(b *Block) error) (progress bool, err error) {
	left := r.heads[:0]
	for i, h := range r.heads {
		some, err := r.give(h, fn)
		if err != nil {
			r.heads = append(left, r.heads[i:]...) // those that are open, each once
			return true, err
		}
		progress = progress || some || h.block == nil
		if h.block != nil {
			left = append(left, h)
		} else {
			h.close()
		}
	}
	r.heads = left
	return progress, nil
}

// give gives out what is ready at one head, and reports whether something was.
func (r *replay) give(h *head, fn func(b *Block) error) (some bool, err error) {
	for h.block != nil && r.have.Descends(h.block.before()) {
		some = true
		if err := fn(h.block); err != nil {
			return some, err
		}
		r.have.Set(h.r, h.block.Last)
		if err := r.advance(h); err != nil {
			return some, err
		}
	}
	return some, nil
}

// before is what must be replayed before the block. The deps of an own block may
// count images, which are merged first; what it had received beside them is
// what the order rests on (D5).
func (b *Block) before() crdt.VersionVector {
	if b.raised {
		return b.held
	}
	return b.Deps
}

func (r *replay) stuck() error {
	b := r.heads[0].block
	return fmt.Errorf("%w: the log is not causally closed: replica %d's block at %v depends on %v, here is %v",
		ErrCorrupt, b.Replica, b.First, b.before(), r.have)
}

func (r *replay) close() {
	for _, h := range r.heads {
		h.close()
	}
}
