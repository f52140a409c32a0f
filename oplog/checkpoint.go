package oplog

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// RangeID names a range of the keyspace.
type RangeID uint16

// MaxRanges bounds the RangeIDs.
const MaxRanges = 1024

// CheckpointBytes is how much Checkpoint.Flush lets gather before it writes.
const CheckpointBytes = 4 << 20

// Checkpoint writes range images. For each range: Put, Delete and DeleteRange
// its changed records, then SetVector, which ends the range; a range's records
// and its vector commit atomically. These only gather in memory and may be
// called under the range's lock. Flush and Commit write, and wait first until
// the log is durable up to the vectors (D3): call them without locks.
//
// A Checkpoint belongs to one goroutine. After an error it is unknown how much
// is on disk; every range is there wholly or not at all.
type Checkpoint struct {
	l     *Log
	batch *pebble.Batch
	ended int                // bytes of the batch that belong to ended ranges
	ready []*pebble.Batch    // ended ranges to write
	size  int                // bytes in ready
	need  crdt.VersionVector // what the log must hold
	err   error

	needImage uint64 // the image up to which all must be on disk
}

// NewCheckpoint begins a checkpoint. End it with Commit or Abort.
func (l *Log) NewCheckpoint() *Checkpoint { return &Checkpoint{l: l} }

func (c *Checkpoint) open() *pebble.Batch {
	if c.batch == nil {
		c.batch = c.l.store.db.NewBatch()
	}
	return c.batch
}

func (c *Checkpoint) note(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Put writes a state record. It copies both.
func (c *Checkpoint) Put(key, value []byte) {
	op := c.open().SetDeferred(1+len(key), len(value))
	op.Key[0] = kindState
	copy(op.Key[1:], key)
	copy(op.Value, value)
	c.note(op.Finish())
}

// Delete removes a state record.
func (c *Checkpoint) Delete(key []byte) {
	op := c.open().DeleteDeferred(1 + len(key))
	op.Key[0] = kindState
	copy(op.Key[1:], key)
	c.note(op.Finish())
}

// DeleteRange removes the state records from start up to but not including
// end; a nil end is the end of all.
func (c *Checkpoint) DeleteRange(start, end []byte) {
	lo, hi := stateBounds(start, end)
	c.note(c.open().DeleteRange(lo, hi, nil))
}

// SetVector ends a range: what was put since the last SetVector is its image
// at exactly vv.
func (c *Checkpoint) SetVector(id RangeID, vv crdt.VersionVector) {
	if id >= MaxRanges {
		c.note(fmt.Errorf("oplog: range %d: the last is %d", id, MaxRanges-1))
		return
	}
	c.note(c.open().Set(vectorKey(id), crdt.AppendVector(nil, vv), nil))
	c.need.Merge(vv)
	c.ended = c.batch.Len()
	if c.ended >= CheckpointBytes {
		c.rotate()
	}
}

// rotate puts the batch, which holds ended ranges only, with those to write.
func (c *Checkpoint) rotate() {
	c.ready = append(c.ready, c.batch)
	c.size += c.batch.Len()
	c.batch, c.ended = nil, 0
}

// Flush writes the ended ranges if at least CheckpointBytes of them have
// gathered: call it between ranges to bound the memory.
func (c *Checkpoint) Flush() error {
	if c.size < CheckpointBytes {
		return c.err
	}
	return c.write()
}

// Commit writes the rest and returns when all is durable.
func (c *Checkpoint) Commit() error {
	if c.batch != nil && c.err == nil {
		if c.ended != c.batch.Len() {
			c.note(fmt.Errorf("oplog: checkpoint has records of a range without its vector"))
		} else {
			c.rotate()
		}
	}
	if err := c.write(); err != nil {
		c.Abort()
		return err
	}
	sync := c.l.store.db.NewBatch()
	if err := sync.LogData(nil, nil); err != nil {
		return err
	}
	return c.l.apply(sync, pebble.Sync)
}

// Abort drops what is not written yet.
func (c *Checkpoint) Abort() {
	if c.batch != nil {
		c.batch.Close()
	}
	for _, b := range c.ready {
		b.Close()
	}
	c.batch, c.ready, c.size, c.ended = nil, nil, 0, 0
}

// write waits for the log (D3), then writes the ended ranges. Pebble's log
// keeps the order, so one sync at the end of the checkpoint is enough.
func (c *Checkpoint) write() error {
	if c.err != nil || len(c.ready) == 0 {
		return c.err
	}
	if err := c.l.waitFor(c.need, c.needImage); err != nil {
		c.err = err
		return err
	}
	for len(c.ready) > 0 {
		b := c.ready[0]
		c.ready = c.ready[1:]
		c.size -= b.Len()
		if c.err = c.l.apply(b, pebble.NoSync); c.err != nil {
			return c.err
		}
	}
	return nil
}

// waitFor waits until the log is durable up to vv. A vector that claims ops
// this log has never seen is refused: it would never come true.
func (l *Log) waitFor(vv crdt.VersionVector, images uint64) error {
	l.mu.Lock()
	seen := l.mu.received.Clone()
	if own := l.issuedLocked(); !own.IsZero() {
		seen.Raise(own)
	}
	l.mu.Unlock()
	if !seen.Descends(vv) {
		return fmt.Errorf("oplog: the state claims %v, the log has only seen %v", vv, seen)
	}
	return l.waitDurable(context.Background(), vv, images)
}

// RangeVectors returns the vector of every range on disk.
func (l *Log) RangeVectors() (map[RangeID]crdt.VersionVector, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	defer l.leave()
	return rangeVectors(l.store.db)
}

func rangeVectors(db pebble.Reader) (map[RangeID]crdt.VersionVector, error) {
	out := make(map[RangeID]crdt.VersionVector)
	err := scan(db, []byte{kindVector}, []byte{kindVector + 1}, func(key, value []byte) error {
		vv, rest, err := crdt.DecodeVector(nil, value)
		if err != nil || len(rest) > 0 || len(key) != 3 {
			return corrupt("vector of range %x", key[1:])
		}
		out[RangeID(binary.BigEndian.Uint16(key[1:]))] = vv
		return nil
	})
	return out, err
}

// EachState calls fn for the state records from start up to but not including
// end, in order; a nil end is the end of all. Both slices are only valid in
// the call.
func (l *Log) EachState(start, end []byte, fn func(key, value []byte) error) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	return eachState(l.store.db, start, end, fn)
}

func eachState(db pebble.Reader, start, end []byte, fn func(key, value []byte) error) error {
	lo, hi := stateBounds(start, end)
	return scan(db, lo, hi, func(key, value []byte) error { return fn(key[1:], value) })
}

func stateBounds(start, end []byte) (lo, hi []byte) {
	lo = prefixed(kindState, start)
	if end == nil {
		return lo, []byte{kindState + 1}
	}
	return lo, prefixed(kindState, end)
}

// each walks the keys from lo up to but not including hi.
func (l *Log) each(lo, hi []byte, fn func(key, value []byte) error) error {
	if err := l.enter(); err != nil {
		return err
	}
	defer l.leave()
	return scan(l.store.db, lo, hi, fn)
}
