package oplog

import (
	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Truncate drops the blocks that upTo covers completely, but never a replica's
// newest block, which carries the end of its log over a restart. The caller
// answers for upTo being covered by a checkpoint on disk and by every member's
// acknowledgement.
func (l *Log) Truncate(upTo crdt.VersionVector) {
	for _, e := range upTo {
		if err := l.truncate(e.Replica, e.Time); err != nil {
			l.opts.Logger.Warn("the log could not be truncated", "dir", l.opts.Dir, "replica", e.Replica, "err", err)
		}
	}
}

// Budget is Options.RetentionBytes: how many bytes of blocks may be kept for
// members that have not acknowledged them; 0: any number.
func (l *Log) Budget() int64 { return l.opts.RetentionBytes }

// OverBudget reports whether more is kept.
func (l *Log) OverBudget() bool { return l.Budget() > 0 && l.Bytes() > l.Budget() }

// Excess returns what Truncate has to be given so that the rest is within the
// budget: the oldest ops of all replicas up to one moment, but nothing that
// limit does not cover.
func (l *Log) Excess(limit crdt.VersionVector) (crdt.VersionVector, error) {
	low, high := int64(1<<62), int64(0) // milliseconds
	for _, b := range l.Bounds() {
		low, high = min(low, b.First.Millis()), max(high, b.Last.Millis()+1)
	}
	for low < high { // the first moment at which the rest fits
		mid := low + (high-low)/2
		bytes, err := l.bytesBehind(upTo(limit, mid))
		if err != nil {
			return nil, err
		}
		if bytes <= l.Budget() {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return upTo(limit, high), nil
}

// upTo lowers a vector to a moment.
func upTo(limit crdt.VersionVector, ms int64) (vv crdt.VersionVector) {
	for _, e := range limit {
		vv.Set(e.Replica, min(e.Time, crdt.TimestampAt(ms)))
	}
	return vv
}

// bytesBehind is the size of the blocks that vv does not cover.
func (l *Log) bytesBehind(vv crdt.VersionVector) (sum int64, err error) {
	for _, b := range l.Bounds() {
		_, bytes, err := l.Behind(b.Replica, vv.Get(b.Replica))
		if err != nil {
			return 0, err
		}
		sum += int64(bytes)
	}
	return sum, nil
}

// KeptBehind returns how many bytes of the kept blocks are not covered by vv:
// what is kept for a member that has acknowledged vv.
func (l *Log) KeptBehind(vv crdt.VersionVector) int64 {
	n, err := l.bytesBehind(vv)
	if err != nil {
		return 0 // the log has failed, which shows elsewhere
	}
	return n
}

func (l *Log) truncate(r crdt.ReplicaID, upTo crdt.Timestamp) error {
	l.pub.RLock()
	t := l.pub.tails[r]
	if t == nil || t.bare() || upTo < t.first {
		l.pub.RUnlock()
		return nil
	}
	last, first := t.last, t.first
	l.pub.RUnlock()
	keep, err := l.firstKept(r, min(upTo, last-1), last)
	if err != nil || keep.Block == nil || keep.First <= first {
		return err
	}
	batch := l.store.db.NewBatch()
	lo, _ := replicaBounds(r)
	if err := batch.DeleteRange(lo, blockKey(r, keep.First), nil); err != nil {
		return err
	}
	// Readers are turned away first, then the blocks go.
	l.pub.Lock()
	t.prev, t.first, t.start = keep.Prev, keep.First, keep.end.minus(keep.Block)
	l.pub.Unlock()
	return l.apply(batch, pebble.NoSync)
}

// firstKept returns r's first block with an op after upTo.
func (l *Log) firstKept(r crdt.ReplicaID, upTo, last crdt.Timestamp) (cached, error) {
	if err := l.enter(); err != nil {
		return cached{}, err
	}
	defer l.leave()
	c, err := newCursor(l.store.db, r, upTo)
	if err != nil {
		return cached{}, err
	}
	defer c.close()
	return c.next(last)
}
