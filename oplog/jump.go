package oplog

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// Tip is the end of a replica's log: its last op, and the hash of the block
// that ends with it.
type Tip struct {
	Replica crdt.ReplicaID
	Time    crdt.Timestamp
	Hash    uint64
}

// Tips returns the durable ends of all logs here.
func (l *Log) Tips() ([]Tip, error) {
	var tips []Tip
	for _, e := range l.Durable() {
		d, hash, err := l.LastHash(e.Replica)
		if err != nil { // it was truncated between two steps: there is a newer end
			d, hash, err = l.LastHash(e.Replica)
		}
		if err != nil {
			return nil, err
		}
		tips = append(tips, Tip{e.Replica, d.Time, hash})
	}
	return tips, nil
}

// VectorOf covers what the tips end with.
func VectorOf(tips []Tip) (vv crdt.VersionVector) {
	for _, t := range tips {
		if t.Time != 0 {
			vv.Set(t.Replica, t.Time)
		}
	}
	return vv
}

// pendingJump waits for the writer.
type pendingJump struct {
	tips []Tip
	mark []byte
}

// Jump sets the log ahead to the ends that the source of a state transfer held
// when it began: what is received rises to them although the blocks are not
// here. Blocks of those logs that are here go, since others follow that do not
// continue them. mark, if not nil, replaces the metadata of MarkName. Jump
// returns when all this is durable, atomically.
//
// Every image that the ends rest on must have been given to ReceiveImage, for
// the whole keyspace (D6); the images are on disk before the jump. Jump must
// not run at the same time as Receive. Ends that are here already are ignored.
func (l *Log) Jump(ctx context.Context, tips []Tip, mark []byte) error {
	if err := l.Sync(ctx); err != nil { // so that no image, and no block of those logs, is queued
		return err
	}
	m := &l.mu
	m.Lock()
	j := &pendingJump{mark: mark}
	for _, t := range tips {
		if t.Replica != l.self && t.Time > m.received.Get(t.Replica) {
			j.tips = append(j.tips, t)
		}
	}
	err := l.stopped()
	if to := VectorOf(j.tips); err == nil && !m.raised.Descends(to) {
		err = fmt.Errorf("oplog: a jump to %v, but the images merged only cover %v", to, m.raised)
	}
	if err != nil {
		m.Unlock()
		return err
	}
	for _, t := range j.tips {
		m.received.Set(t.Replica, t.Time)
	}
	m.jump = j
	m.jumps++
	jumps := m.jumps
	m.Unlock()
	l.kick()
	return l.waitUntil(ctx, func() bool { return l.pub.jumps >= jumps })
}

// The record of a jump: time:8 hash:8, then the totals of the replica's log.
const jumpBytes = 16 + totalsBytes

// jumpIn puts a jump into a cycle's batch, before the blocks that follow it.
func jumpIn(batch *pebble.Batch, j *pendingJump, tails map[crdt.ReplicaID]*tail) error {
	if j == nil {
		return nil
	}
	for _, t := range j.tips {
		lo, hi := replicaBounds(t.Replica)
		if err := batch.DeleteRange(lo, hi, nil); err != nil {
			return err
		}
		var end totals
		if old := tails[t.Replica]; old != nil {
			end = old.end
		}
		b := binary.BigEndian.AppendUint64(nil, uint64(t.Time))
		b = appendTotals(binary.BigEndian.AppendUint64(b, t.Hash), end)
		if err := batch.Set(jumpKey(t.Replica), b, nil); err != nil {
			return err
		}
	}
	return markIn(batch, j.mark)
}

// jumpLocked publishes a jump.
func (p *published) jumpLocked(j *pendingJump) {
	for _, x := range j.tips {
		var end totals
		if old := p.tails[x.Replica]; old != nil {
			end = old.end
		}
		p.tails[x.Replica] = jumped(x, end)
		p.durable.Set(x.Replica, x.Time)
		p.cache.drop(x.Replica)
	}
	p.jumps++
}

// jumped is the tail of a log that has no block yet.
func jumped(t Tip, end totals) *tail {
	return &tail{prev: t.Time, first: t.Time, last: t.Time, hash: t.Hash, start: end, end: end}
}

// bare reports that the log was set ahead and has no block since.
func (t *tail) bare() bool { return t.prev == t.last }

// recoverJumps adds the logs that end with a jump.
func recoverJumps(db pebble.Reader, tails map[crdt.ReplicaID]*tail) error {
	return scan(db, []byte{kindJump}, []byte{kindJump + 1}, func(key, v []byte) error {
		if len(key) != 3 || len(v) != jumpBytes {
			return corrupt("jump %x", key)
		}
		r, u := crdt.ReplicaID(binary.BigEndian.Uint16(key[1:])), binary.BigEndian.Uint64
		if tails[r] == nil {
			tails[r] = jumped(Tip{r, crdt.Timestamp(u(v)), u(v[8:])}, totals{u(v[16:]), u(v[24:])})
		}
		return nil
	})
}
