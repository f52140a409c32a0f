package engine

import (
	"encoding/binary"
	"math/bits"

	"crdb/crdt"
	"crdb/oplog"
)

// Eviction says which keys make room, as maxmemory-policy does.
type Eviction struct {
	Volatile bool  // only keys with a deadline
	By       Order // which of the keys sampled goes
	Samples  int   // how many are looked at for each that goes
}

// Order is how keys are compared for eviction.
type Order uint8

// Orders.
const (
	ByRandom    Order = iota
	ByIdle            // the longest not used (LRU)
	ByFrequency       // the least often used (LFU)
	ByDeadline        // the nearest deadline
)

// Evict deletes one key as an ordinary delete, which other regions follow. It
// returns about how many bytes that frees; ok is false if there is no key that
// may go, or the log takes no writes. One that is only behind takes these: without
// them there is no room for the writes that wait for it. The Tx holds no locks.
func (t *Tx) Evict(now int64, how Eviction) (freed int64, ok bool) {
	start := t.below(partitions)
	for i := range partitions {
		if freed, ok = t.evictFrom((start+i)%partitions, now, how); ok {
			return freed, true
		}
	}
	return 0, false
}

func (t *Tx) evictFrom(i int, now int64, how Eviction) (int64, bool) {
	p := &t.e.parts[i]
	p.mu.Lock()
	t.now, t.held = now, 1<<i
	defer t.Unlock()
	if oplog.Refusal(t.e.log.Admit(now)) != nil { // asked under the lock, as for expiry
		return 0, false
	}
	db, key := t.victim(p, how)
	if key == nil {
		return 0, false
	}
	n := &t.ent
	n.find(t.e, db, key)
	if n.rec == nil {
		return 0, false
	}
	freed := n.size()
	t.delete(n, crdt.Evicted)
	t.e.stats.evicted.Add(1)
	return freed, true
}

// victim samples keys of a partition, of a database chosen by how many it has,
// and returns a copy of the one that should go first.
func (t *Tx) victim(p *partition, how Eviction) (db int, key []byte) {
	best := uint64(0)
	for range max(how.Samples, 1) {
		d, k, rec := t.sample(p, how.Volatile)
		if rec == nil {
			break
		}
		n := entry{p: p, db: d, key: k, rec: rec}
		if score := t.score(&n, how.By); key == nil || score > best {
			db, key, best = d, append(key[:0], k...), score
		}
		if how.By == ByRandom {
			break
		}
	}
	return db, key
}

// sample returns a random key that shows, of those with a deadline if dated.
func (t *Tx) sample(p *partition, dated bool) (db int, key, rec []byte) {
	if dated {
		return t.sampleDated(p)
	}
	total := 0
	for _, ks := range p.dbs[:Databases] {
		total += ks.visible()
	}
	if total == 0 {
		return 0, nil, nil
	}
	pick := t.below(total)
	for db, ks := range p.dbs[:Databases] {
		if pick -= ks.visible(); pick >= 0 {
			continue
		}
		for range randomTries {
			if k, rec, ok := ks.keys.Random(t.e.opts.Rand); ok && rec[4]&recHidden == 0 {
				return db, k, rec
			}
		}
		break
	}
	return 0, nil, nil
}

// sampleDated is sample of the keys with a deadline.
func (t *Tx) sampleDated(p *partition) (db int, key, rec []byte) {
	total := 0
	for db := range Databases {
		total += p.expiry.keys(db)
	}
	for try := 0; try < randomTries && total > 0; try++ {
		pick, db := t.below(total), 0
		for ; pick >= p.expiry.keys(db); db++ {
			pick -= p.expiry.keys(db)
		}
		n := entry{}
		n.find(t.e, db, []byte(p.expiry.at(db, pick).name[1:]))
		if n.rec != nil && n.flags()&recDated != 0 { // not only fields of it have deadlines
			return n.db, n.key, n.rec
		}
	}
	return 0, nil, nil
}

// below returns a random number in [0, n).
func (t *Tx) below(n int) int {
	hi, _ := bits.Mul64(t.e.opts.Rand(), uint64(n))
	return int(hi)
}

// score is higher for the key that should go first.
func (t *Tx) score(n *entry, by Order) uint64 {
	switch by {
	case ByIdle:
		return uint64(idle(binary.BigEndian.Uint32(n.rec), t.now))
	case ByFrequency:
		return uint64(255 - n.usage().decayed(binary.BigEndian.Uint32(n.rec), t.now))
	case ByDeadline:
		return ^uint64(n.deadline())
	}
	return 0
}

// size estimates the bytes that a key takes.
func (n *entry) size() int64 {
	size := int64(len(n.key)+len(n.rec)) + slotSize
	if !n.isFlat() {
		size += int64(n.raw().Bytes())
	}
	return size
}

// slotSize is what a key costs in its table besides its bytes.
const slotSize = 14

// measure keeps the partition's sum of the bytes of objects up to date. It does so
// at every change: a key that is seldom changed would count for what it once was
// as long as it lives.
func (n *entry) measure() {
	o := n.heap
	size := int64(o.Bytes())
	n.p.heapBytes += size - o.bytes
	o.bytes = size
}

// DataBytes estimates the memory of all keys: live records, their slots, and
// the objects of collections. Go's garbage, the log's buffers and those of
// clients are not in it. It locks partitions one by one; the caller holds none.
func (e *Engine) DataBytes() (sum int64) {
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		sum += p.heapBytes
		for _, ks := range p.dbs {
			if ks != nil {
				sum += int64(ks.keys.Live())
			}
		}
		p.mu.Unlock()
	}
	return sum
}
