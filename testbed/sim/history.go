package sim

import (
	"fmt"
	"sort"
	"sync"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// history is every block that was ever on a disk, and what was seen of them
// where. It reports what may not be (S1, S2).
type history struct {
	fail func(format string, args ...any)
	mu   struct {
		sync.Mutex
		logs map[crdt.ReplicaID]*chain
	}
}

// chain is the log of one replica, in order of its dots.
type chain struct {
	blocks  []*oplog.Block
	at      map[crdt.Timestamp]*oplog.Block // by the dot before it
	born    map[*oplog.Block]time.Time      // when it was first seen
	trimmed map[uint64]time.Time            // when those were that trim took out, by their hash
	taken   map[*oplog.Block]bool           // by a member, from a member
	covered crdt.Timestamp                  // by what others hold, of blocks or of images
}

func newHistory(fail func(string, ...any)) *history {
	h := &history{fail: fail}
	h.mu.logs = map[crdt.ReplicaID]*chain{}
	return h
}

// add notes a block that is on disk at its author, or was. The same dot is the
// same block for ever. It reports whether the block is new.
func (h *history) add(b *oplog.Block, where string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.mu.logs[b.Replica]
	if c == nil {
		c = &chain{at: map[crdt.Timestamp]*oplog.Block{}, born: map[*oplog.Block]time.Time{}, trimmed: map[uint64]time.Time{}, taken: map[*oplog.Block]bool{}}
		h.mu.logs[b.Replica] = c
	}
	if old := c.at[b.Prev]; old != nil {
		if old.Last != b.Last || old.Hash() != b.Hash() {
			h.fail("S1: the log of replica %d forks behind %v: (%v, %v] and, %s, (%v, %v]",
				b.Replica, b.Prev, old.First, old.Last, where, b.First, b.Last)
		}
		return false
	}
	i := sort.Search(len(c.blocks), func(i int) bool { return c.blocks[i].Last >= b.First })
	if i < len(c.blocks) && c.blocks[i].First <= b.Last {
		h.fail("S1: dots of replica %d are used twice: [%v, %v] and, %s, [%v, %v]",
			b.Replica, c.blocks[i].First, c.blocks[i].Last, where, b.First, b.Last)
		return false
	}
	c.at[b.Prev] = b
	if at, ok := c.trimmed[b.Hash()]; ok { // somebody had it in memory
		c.born[b] = at
	} else {
		c.born[b] = time.Now()
	}
	c.blocks = append(c.blocks, nil)
	copy(c.blocks[i+1:], c.blocks[i:])
	c.blocks[i] = b
	return true
}

// take notes that another instance than its author has a block, one of which
// its author is a member or not. It returns when the block was first seen, if
// no member has taken it before.
func (h *history) take(b *oplog.Block, member bool) (born time.Time, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.mu.logs[b.Replica]
	c.covered = max(c.covered, b.Last)
	known := c.at[b.Prev]
	if known == nil || c.taken[known] {
		return time.Time{}, false
	}
	c.taken[known] = member
	return c.born[known], true
}

// cover notes that others than its authors hold what a vector covers.
func (h *history) cover(vv crdt.VersionVector) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range vv {
		if c := h.mu.logs[e.Replica]; c != nil {
			c.covered = max(c.covered, e.Time)
		}
	}
}

// trim forgets what was in a log behind end, and behind what others hold of it or
// let wait: it is as if it had never been.
func (h *history) trim(r crdt.ReplicaID, end, held, waits crdt.Timestamp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.mu.logs[r]
	if c == nil {
		return
	}
	c.covered = held // what was taken may be lost again in a crash
	keep := max(end, held, waits)
	for n := len(c.blocks); n > 0 && c.blocks[n-1].First > keep; n-- {
		delete(c.at, c.blocks[n-1].Prev)
		c.trimmed[c.blocks[n-1].Hash()] = c.born[c.blocks[n-1]]
		c.blocks = c.blocks[:n-1]
	}
}

// end returns the newest dot of a replica that was ever on disk.
func (h *history) end(r crdt.ReplicaID) crdt.Timestamp {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.mu.logs[r]; c != nil && len(c.blocks) > 0 {
		return c.blocks[len(c.blocks)-1].Last
	}
	return 0
}

// size returns how many operations there are.
func (h *history) size() (ops int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.mu.logs {
		for _, b := range c.blocks {
			ops += b.Ops
		}
	}
	return ops
}

// each hands every operation that was ever on a disk to f, in the order of each
// log.
func (h *history) each(f func(op *crdt.Op, d crdt.Dot)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var op crdt.Op
	var edits crdt.Edits
	for _, c := range h.mu.logs {
		for _, b := range c.blocks {
			edits.Reset()
			b.Each(func(e oplog.Entry) error {
				if crdt.DecodeOp(&op, e.Op) == nil && edits.Whole(&op, e.Dot) == nil {
					f(&op, e.Dot)
				}
				return nil
			})
		}
	}
}

// replay hands all operations that upTo covers to apply, in a causal order that
// pick chooses: it is asked for a number below n. An operation that never
// becomes due is an error.
func (h *history) replay(upTo crdt.VersionVector, pick func(n int) int, apply func(op *crdt.Op, d crdt.Dot)) error {
	h.mu.Lock()
	rest := map[crdt.ReplicaID][]*oplog.Block{}
	for r, c := range h.mu.logs {
		rest[r] = c.blocks
	}
	h.mu.Unlock()
	var at crdt.VersionVector
	var op crdt.Op
	var edits crdt.Edits
	for {
		var due []crdt.ReplicaID
		for r, blocks := range rest {
			if len(blocks) > 0 && blocks[0].First <= upTo.Get(r) && at.Descends(meet(blocks[0].Deps, upTo)) && blocks[0].Prev == at.Get(r) {
				due = append(due, r)
			}
		}
		if len(due) == 0 {
			break
		}
		sort.Slice(due, func(i, j int) bool { return due[i] < due[j] })
		r := due[pick(len(due))]
		b := rest[r][0]
		rest[r] = rest[r][1:]
		edits.Reset()
		err := b.Each(func(e oplog.Entry) error {
			err := crdt.DecodeOp(&op, e.Op)
			if err == nil {
				err = edits.Whole(&op, e.Dot)
			}
			if err != nil {
				return fmt.Errorf("op %v: %w", e.Dot, err)
			}
			if !upTo.Covers(e.Dot) {
				return nil
			}
			apply(&op, e.Dot)
			return nil
		})
		if err != nil {
			return err
		}
		at.Set(r, min(b.Last, upTo.Get(r)))
	}
	if !at.Descends(upTo) {
		return fmt.Errorf("what is known of the logs leads to %v, not to %v", at, upTo)
	}
	return nil
}

// meet is what both vectors cover. A vector may end inside a block, which was
// sealed, with what it depends on, only later.
func meet(a, b crdt.VersionVector) (both crdt.VersionVector) {
	for _, e := range a {
		if t := min(e.Time, b.Get(e.Replica)); t > 0 {
			both.Set(e.Replica, t)
		}
	}
	return both
}
