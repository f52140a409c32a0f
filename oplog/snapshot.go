package oplog

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Snapshot is what was on disk at one moment: the ranges of the last
// checkpoint, each with its vector, and the log above them. It is what a crash
// at that moment would have left, and so, by D3 and D4, a causally closed state
// (B2). It keeps its disk space until Close, costs no memory, and delays
// nobody. Its methods may be called by several goroutines, but not with Close.
type Snapshot struct {
	l     *Log
	db    *pebble.Snapshot
	tails map[crdt.ReplicaID]tail
}

// Snapshot makes everything appended and received so far durable and returns a
// snapshot that contains it. Close it: the log's Close waits for that. During a
// state transfer, until a checkpoint after its end, it is ErrAhead: what images
// have brought is no causally closed state.
func (l *Log) Snapshot(ctx context.Context) (*Snapshot, error) {
	if err := l.Sync(ctx); err != nil {
		return nil, err
	}
	if err := l.enter(); err != nil {
		return nil, err
	}
	s := &Snapshot{l: l, db: l.store.db.NewSnapshot(), tails: map[crdt.ReplicaID]tail{}}
	tails, err := tailsOf(s.db)
	for r, t := range tails {
		s.tails[r] = *t
	}
	if err == nil {
		err = s.closed()
	}
	if err == nil {
		err = l.waitDurable(ctx, s.Vector(), 0) // the store shows a commit before its sync (D1)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// closed refuses a state that is ahead of its log.
func (s *Snapshot) closed() error {
	return scan(s.db, []byte{kindImage}, []byte{kindImage + 1}, func(_, _ []byte) error { return ErrAhead })
}

// Vector returns what the snapshot contains.
func (s *Snapshot) Vector() crdt.VersionVector {
	var vv crdt.VersionVector
	for r, t := range s.tails {
		vv.Set(r, t.last)
	}
	return vv
}

// RangeVectors is that of Log.
func (s *Snapshot) RangeVectors() (map[RangeID]crdt.VersionVector, error) {
	return rangeVectors(s.db)
}

// EachState is that of Log.
func (s *Snapshot) EachState(start, end []byte, fn func(key, value []byte) error) error {
	return eachState(s.db, start, end, fn)
}

// Replay is that of Log.
func (s *Snapshot) Replay(from crdt.VersionVector, fn func(b *Block) error) error {
	return replayFrom(s.db, s.tails, from, fn)
}

// Close lets the snapshot go.
func (s *Snapshot) Close() error {
	defer s.l.leave()
	return s.db.Close()
}
