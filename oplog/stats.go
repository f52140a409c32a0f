package oplog

import (
	"sort"
	"time"

	"crdb/crdt"
)

// counts are running totals since Open.
type counts struct {
	commits, blocks, ops, bytes uint64
	commitTime                  time.Duration
}

func (c *counts) add(i *Commit) {
	c.commits++
	c.blocks += uint64(i.Blocks)
	c.ops += uint64(i.Ops)
	c.bytes += uint64(i.Bytes)
	c.commitTime += i.Duration
}

// ReplicaBounds says what of one replica's log is kept.
type ReplicaBounds struct {
	Replica crdt.ReplicaID
	Prev    crdt.Timestamp // Read works from here on
	First   crdt.Timestamp
	Last    crdt.Timestamp
	Ops     uint64
	Bytes   uint64
}

// Bounds returns what is kept of every replica's log, by ReplicaID.
func (l *Log) Bounds() []ReplicaBounds {
	l.pub.RLock()
	defer l.pub.RUnlock()
	out := make([]ReplicaBounds, 0, len(l.pub.tails))
	for r, t := range l.pub.tails {
		out = append(out, ReplicaBounds{r, t.prev, t.first, t.last, t.end.ops - t.start.ops, t.end.bytes - t.start.bytes})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Replica < out[j].Replica })
	return out
}

// First returns the first kept op of r, 0 if there is none.
func (l *Log) First(r crdt.ReplicaID) crdt.Timestamp {
	l.pub.RLock()
	defer l.pub.RUnlock()
	if t := l.pub.tails[r]; t != nil {
		return t.first
	}
	return 0
}

// Bytes returns the size of all kept blocks.
func (l *Log) Bytes() int64 {
	var n uint64
	for _, b := range l.Bounds() {
		n += b.Bytes
	}
	return int64(n)
}

// Behind returns how many ops and bytes of r's durable log come after `after`,
// by whole blocks: the lag of a peer that holds r up to there.
func (l *Log) Behind(r crdt.ReplicaID, after crdt.Timestamp) (ops, bytes uint64, err error) {
	p := &l.pub
	p.RLock()
	t := p.tails[r]
	if t == nil || after >= t.last {
		p.RUnlock()
		return 0, 0, nil
	}
	end, last, start := t.end, t.last, t.start
	list, ok := p.cache.after(r, max(after, t.prev))
	var first cached
	if ok {
		first = list[0]
	}
	p.RUnlock()
	if !ok && after > t.prev {
		if first, err = l.firstKept(r, after, last); err != nil {
			return 0, 0, err
		}
	}
	if first.Block != nil {
		start = first.end.minus(first.Block)
	}
	return end.ops - start.ops, end.bytes - start.bytes, nil
}

// Stats is a snapshot for metrics.
type Stats struct {
	Bytes         int64         // kept blocks of all replicas
	Commits       uint64        // since Open, as all below
	Blocks        uint64        // local and received
	Ops           uint64        // own
	BytesWritten  uint64        // of blocks
	CommitTime    time.Duration // sum; 0 without Options.Mono
	PendingBytes  int           // own bytes not durable
	ReceiveBytes  int           // received bytes not durable
	CacheBytes    int
	ClockAhead    time.Duration // of the last timestamp over the wall clock; negative: behind it
	OverRetention bool          // Bytes is above Options.RetentionBytes
	Refusing      error         // what Admit says now
}

// Ops returns how many own ops have become durable since Open.
func (l *Log) Ops() uint64 {
	l.pub.RLock()
	defer l.pub.RUnlock()
	return l.pub.counts.ops
}

// DiskBytes returns the size of the store's files, with state and garbage. Pebble would say
// it under a lock that it holds while it waits for a full disk, and for good after a failure.
func (l *Log) DiskBytes() (sum uint64) {
	names, _ := l.opts.FS.List(l.opts.Dir)
	for _, name := range names {
		if info, err := l.opts.FS.Stat(l.opts.FS.PathJoin(l.opts.Dir, name)); err == nil { // else it is gone already
			sum += uint64(info.Size())
		}
	}
	return sum
}

// Stats returns a snapshot. It waits for no disk.
func (l *Log) Stats() Stats {
	s := Stats{Bytes: l.Bytes(), Refusing: l.Admit(l.opts.Wall())}
	s.OverRetention = l.opts.RetentionBytes > 0 && s.Bytes > l.opts.RetentionBytes
	l.mu.Lock()
	s.PendingBytes, s.ReceiveBytes = l.mu.pending+l.mu.large, l.mu.queued
	s.ClockAhead = time.Duration(l.mu.clock.Millis()-l.opts.Wall()) * time.Millisecond
	l.mu.Unlock()
	l.pub.RLock()
	c := l.pub.counts
	s.CacheBytes = l.pub.cache.bytes
	l.pub.RUnlock()
	s.Commits, s.Blocks, s.Ops, s.BytesWritten, s.CommitTime = c.commits, c.blocks, c.ops, c.bytes, c.commitTime
	return s
}
