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

// maxRangeImage bounds the records of one range in a checkpoint, which commit in
// one batch: Pebble panics where a batch would get to 4 GiB.
const maxRangeImage = 3 << 30

// ErrRangeTooLarge means that what has changed in one range of the keyspace is
// more than a checkpoint can write at once.
var ErrRangeTooLarge = fmt.Errorf("oplog: more than %d bytes have changed in one range of the keyspace", maxRangeImage)

// Checkpoint writes range images. For each range: Put, Delete and DeleteRange
// its changed records, then SetVector, which ends the range; a range's records
// and its vector commit atomically. These only gather in memory and may be
// called under the range's lock. Flush and Commit write, and wait first until
// the log is durable up to the vectors (D3): call them without locks. On a full
// disk they fail with ErrDiskFull instead.
//
// A Checkpoint belongs to one goroutine. After an error it is unknown how much
// is on disk; every range is there wholly or not at all.
type Checkpoint struct {
	l     *Log
	full  []piece // what comes before batch: see room
	held  int     // bytes in full
	batch *pebble.Batch
	ended int                // bytes in full and batch that belong to ended ranges
	ready [][]piece          // ended ranges to write, each list in one commit
	size  int                // bytes in ready
	need  crdt.VersionVector // what the log must hold
	err   error
	limit int // of the batch's bytes

	needImage uint64 // the image up to which all must be on disk
}

// NewCheckpoint begins a checkpoint. End it with Commit or Abort.
func (l *Log) NewCheckpoint() *Checkpoint { return &Checkpoint{l: l, limit: maxRangeImage} }

// room returns the batch to put a record of some size into. What is gathered of
// a large range is a list of batches, put together when they are written: one
// that grows would be copied again and again, under the range's lock.
func (c *Checkpoint) room(size int) *pebble.Batch {
	switch size += batchHead + recordHead; {
	case c.batch == nil && size > CheckpointBytes:
		c.batch = c.l.store.newBatch(size, 0)
	case c.batch == nil:
		c.batch = c.l.store.db.NewBatch()
	case c.batch.Len()+size > CheckpointBytes:
		c.fill()
		c.batch = c.l.store.newBatch(max(CheckpointBytes, size), 0)
	}
	return c.batch
}

// fill ends the batch, if there is one.
func (c *Checkpoint) fill() {
	if c.batch != nil {
		c.full, c.held = append(c.full, piece{batch: c.batch}), c.gathered()
		c.batch = nil
	}
}

// recordHead is the most that a record in a batch takes besides key and value:
// its kind and two lengths; batchHead is what comes before the first.
const (
	recordHead = 1 + 2*binary.MaxVarintLen32
	batchHead  = 12
)

// gathered is the bytes that are not in ready.
func (c *Checkpoint) gathered() int {
	if c.batch == nil {
		return c.held
	}
	return c.held + c.batch.Len()
}

func (c *Checkpoint) note(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Put writes a state record. It copies both.
func (c *Checkpoint) Put(key, value []byte) {
	if !c.admits(len(key) + len(value)) {
		return
	}
	op := c.room(1+len(key)+len(value)).SetDeferred(1+len(key), len(value))
	op.Key[0] = kindState
	copy(op.Key[1:], key)
	copy(op.Value, value)
	c.note(op.Finish())
}

// admits reports whether a record may be put, and notes why not.
func (c *Checkpoint) admits(size int) bool {
	if c.err == nil && c.gathered()+size > c.limit {
		c.note(ErrRangeTooLarge)
	}
	return c.err == nil
}

// PutLater is Put of a value that is copied only when it is written, without a
// lock: nobody may change it any more. It is for large ones.
func (c *Checkpoint) PutLater(key, value []byte) {
	r := &laterRecord{key: prefixed(kindState, key), value: value}
	if !c.admits(r.size()) {
		return
	}
	c.fill()
	c.full, c.held = append(c.full, piece{later: r}), c.held+r.size()
}

// Delete removes a state record.
func (c *Checkpoint) Delete(key []byte) {
	op := c.room(1 + len(key)).DeleteDeferred(1 + len(key))
	op.Key[0] = kindState
	copy(op.Key[1:], key)
	c.note(op.Finish())
}

// DeleteRange removes the state records from start up to but not including
// end; a nil end is the end of all.
func (c *Checkpoint) DeleteRange(start, end []byte) {
	lo, hi := stateBounds(start, end)
	c.note(c.room(len(lo)+len(hi)).DeleteRange(lo, hi, nil))
}

// SetVector ends a range: what was put since the last SetVector is its image
// at exactly vv.
func (c *Checkpoint) SetVector(id RangeID, vv crdt.VersionVector) {
	if id >= MaxRanges {
		c.note(fmt.Errorf("oplog: range %d: the last is %d", id, MaxRanges-1))
		return
	}
	key, value := vectorKey(id), crdt.AppendVector(nil, vv)
	c.note(c.room(len(key)+len(value)).Set(key, value, nil))
	c.need.Merge(vv)
	c.ended = c.gathered()
	if c.ended >= CheckpointBytes {
		c.rotate()
	}
}

// rotate puts what is gathered, which is ended ranges only, with those to write.
func (c *Checkpoint) rotate() {
	c.size += c.gathered()
	c.fill()
	c.ready = append(c.ready, c.full)
	c.full, c.held, c.ended = nil, 0, 0
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
	if c.gathered() > 0 && c.err == nil {
		if c.ended != c.gathered() {
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
	c.fill()
	for _, list := range append(c.ready, c.full) {
		for _, p := range list {
			if p.batch != nil {
				p.batch.Close()
			}
		}
	}
	c.full, c.held, c.ready, c.size, c.ended = nil, 0, nil, 0, 0
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
		list := c.ready[0]
		c.ready[0], c.ready = nil, c.ready[1:]
		for _, p := range list {
			c.size -= p.size()
		}
		var b *pebble.Batch
		if b, c.err = c.l.store.join(list); c.err != nil {
			return c.err
		}
		if c.err = c.l.apply(b, pebble.NoSync); c.err != nil {
			return c.err
		}
	}
	return nil
}

// waitFor waits until the log is durable up to vv, but not for space on a full disk:
// as apply. A vector that claims ops this log has never seen is refused: it would
// never come true.
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
	return l.waitUnless(context.Background(), l.store.guard.stalling(), l.holds(vv, images))
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
