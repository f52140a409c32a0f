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
