package oplog

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// tolerance lets the clock be further ahead of the wall clock than
// MaxClockDrift, for a while, because a person said so: by is how much further,
// until the wall clock at which it ends, both in milliseconds.
//
// It ends a sixteenth later than the wall clock reaches what it was given for.
// Until then the clock moves by its counter alone, 65536 ops to the
// millisecond, and so may have gone a little further by itself.
type tolerance struct{ by, until int64 }

// maxTolerance is the most that can be tolerated: further ahead lies a broken
// clock, and after it hardly room for one.
const maxTolerance = 100 * 365 * 24 * time.Hour

// Tolerate accepts stamps up to t, here and over restarts: held blocks are
// received, and own ops get dots behind them (H1). Other replicas hold what is
// written here then, until they are told the same.
func (l *Log) Tolerate(t crdt.Timestamp) error {
	wall := l.opts.Wall()
	by := t.Millis() - wall
	switch {
	case by <= l.drift(wall):
		return nil
	case by > maxTolerance.Milliseconds():
		return fmt.Errorf("%v is %d days ahead of the wall clock; more than %d are never accepted, remove the replica that wrote it",
			t, time.Duration(by)*time.Millisecond/(24*time.Hour), maxTolerance/(24*time.Hour))
	}
	x := &tolerance{by: by, until: t.Millis() + by/16 + l.maxDrift}
	batch := l.store.db.NewBatch()
	value := binary.BigEndian.AppendUint64(nil, uint64(x.by))
	value = binary.BigEndian.AppendUint64(value, uint64(x.until))
	if err := batch.Set(keyTolerance, value, nil); err != nil {
		return err
	}
	if err := l.apply(batch, pebble.Sync); err != nil {
		return err
	}
	l.tolerated.Store(x)
	l.opts.Logger.Warn("the clock may be ahead of the wall clock from now on, as an operator said", "ms", x.by, "until_ms", x.until)
	return nil
}

// drift is how far the clock may be ahead at a reading of the wall clock.
func (l *Log) drift(wall int64) int64 {
	if x := l.tolerated.Load(); x != nil && wall < x.until {
		return l.maxDrift + x.by
	}
	return l.maxDrift
}

func (l *Log) recoverTolerance() error {
	v, err := l.store.get(keyTolerance)
	if err != nil || v == nil {
		return err
	}
	if len(v) != 16 {
		return corrupt("clock tolerance of %d bytes", len(v))
	}
	x := &tolerance{by: int64(binary.BigEndian.Uint64(v)), until: int64(binary.BigEndian.Uint64(v[8:]))}
	if x.by < 0 || x.by > maxTolerance.Milliseconds() {
		return corrupt("clock tolerance of %d ms", x.by)
	}
	l.tolerated.Store(x)
	return nil
}

// Clock returns the newest timestamp issued or received.
func (l *Log) Clock() crdt.Timestamp { return crdt.Timestamp(l.newest.Load()) }
