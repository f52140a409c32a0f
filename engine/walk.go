package engine

import "crdb/crdt"

// with runs fn with partition i locked, whether the Tx holds it already or not.
func (t *Tx) with(i int, fn func(p *partition)) {
	p := &t.e.parts[i]
	if t.held&(1<<i) == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	fn(p)
}

// Len returns the number of keys in the selected database, as DBSIZE counts.
func (t *Tx) Len() int { return t.LenOf(t.db) }

// LenOf returns the number of keys in a database.
func (t *Tx) LenOf(db int) (n int) {
	for i := range partitions {
		t.with(i, func(p *partition) { n += p.dbs[db].visible() })
	}
	return n
}

// ExpiresOf returns the number of keys with a deadline in a database.
func (t *Tx) ExpiresOf(db int) (n int) {
	for i := range partitions {
		t.with(i, func(p *partition) {
			if p.dbs[db] != nil {
				n += p.dbs[db].dated
			}
		})
	}
	return n
}

// Scan calls fn for about count keys from cursor on and returns the next
// cursor, 0 at the end. A key that is there from the first to the last call is
// passed at least once. fn's key is only valid in the call.
//
// The cursor is a position in hash space: 6 bits of partition, 32 of fragment.
func (t *Tx) Scan(cursor uint64, count int, fn func(key []byte, typ Type)) uint64 {
	if cursor >= partitions<<32 {
		return 0
	}
	for i := int(cursor >> 32); i < partitions; i++ {
		next := uint64(0)
		t.with(i, func(p *partition) {
			ks := p.dbs[t.db]
			if ks == nil {
				return
			}
			next = ks.keys.Scan(cursor&0xffffffff, count, func(key, rec []byte) {
				count--
				n := entry{p: p, db: t.db, key: key, rec: rec}
				if n.shows(t.now) {
					fn(key, typeOf(n.typ()))
				}
			})
		})
		if next != 0 {
			return uint64(i)<<32 | next
		}
		cursor = 0
		if count <= 0 && i+1 < partitions {
			return uint64(i+1) << 32
		}
	}
	return 0
}

// randomTries bounds the search for a key that shows.
const randomTries = 100

// Random returns a random key of the selected database, each with the same
// probability; the slice is the caller's. What it draws among all records and
// does not show, it draws again.
func (t *Tx) Random() (key []byte, ok bool) {
	for try := 0; try < randomTries && !ok; try++ {
		total := uint64(0)
		for i := range partitions {
			t.with(i, func(p *partition) { total += p.dbs[t.db].records() })
		}
		if total == 0 {
			return nil, false
		}
		pick, found := t.e.opts.Rand()%total, false
		for i := 0; i < partitions && !found; i++ {
			t.with(i, func(p *partition) {
				if n := p.dbs[t.db].records(); pick >= n {
					pick -= n
					return
				}
				found = true
				key, ok = t.randomOf(p)
			})
		}
	}
	if ok {
		return key, true
	}
	return t.first()
}

// randomOf returns a random key of a partition if the one it draws shows.
func (t *Tx) randomOf(p *partition) ([]byte, bool) {
	k, rec, ok := p.dbs[t.db].keys.Random(t.e.opts.Rand)
	if !ok {
		return nil, false
	}
	if n := (&entry{p: p, db: t.db, key: k, rec: rec}); !n.shows(t.now) {
		return nil, false
	}
	return append([]byte(nil), k...), true
}

// first returns any key that shows.
func (t *Tx) first() (key []byte, ok bool) {
	for c := uint64(0); ; {
		c = t.Scan(c, 1000, func(k []byte, _ Type) {
			key, ok = append([]byte(nil), k...), true
		})
		if ok || c == 0 {
			return key, ok
		}
	}
}

// Flush removes everything seen in the selected database.
func (t *Tx) Flush() { t.flush([]int{t.db}) }

// FlushAll removes everything seen in all databases.
func (t *Tx) FlushAll() {
	dbs := make([]int, Databases)
	for i := range dbs {
		dbs[i] = i
	}
	t.flush(dbs)
}

// flush holds everything, so that the vector it names is exactly what it
// removes (K2). What the vector does not name is deleted key by key first:
// counters, because it does not say how much of a share was seen, and keys that
// an image has brought further than the vector (T3).
func (t *Tx) flush(dbs []int) {
	if t.held == 0 {
		t.LockAll(t.now)
		defer t.Unlock()
	}
	t.group()
	ahead := t.e.anyAhead()
	for _, db := range dbs {
		for i := range t.e.parts {
			t.deleteUnnamed(&t.e.parts[i], db)
		}
		if t.e.emptyDB(db) {
			continue
		}
		t.op.Reset(crdt.KindFlush, uint8(db), nil)
		t.op.Clear = append(t.op.Clear, t.e.vector()...)
		t.append(&t.e.parts[0])
		for i := range t.e.parts {
			t.e.parts[i].issued = t.last.Time
			t.e.flushPartition(&t.e.parts[i], &t.ent, &t.op, t.last, t.now, !ahead)
		}
	}
}

func (t *Tx) deleteUnnamed(p *partition, db int) {
	ks := p.dbs[db]
	if ks == nil || ks.counted == 0 && p.raised.n == 0 {
		return
	}
	var keys [][]byte
	v := t.e.vector()
	ks.keys.Each(func(key, rec []byte) bool {
		if rec[4]&recHidden != 0 {
			return true
		}
		beyond := false
		if p.raised.n > 0 {
			n := entry{p: p, db: db, key: key, rec: rec}
			beyond = !v.Descends(n.load().Context())
		}
		if rec[4]&recCounts != 0 || beyond {
			keys = append(keys, append([]byte(nil), key...))
		}
		return true
	})
	for _, key := range keys {
		t.ent.find(t.e, db, key)
		t.delete(&t.ent, 0)
	}
}

func (e *Engine) emptyDB(db int) bool {
	for i := range e.parts {
		if ks := e.parts[i].dbs[db]; ks != nil && ks.keys.Len() > 0 {
			return false
		}
	}
	return true
}

// flushPartition applies a flush to one partition. When the flush has seen all
// that is here, and no counter shows, it drops the whole table at once, and puts
// back what is left of counters.
func (e *Engine) flushPartition(p *partition, n *entry, op *crdt.Op, d crdt.Dot, now int64, all bool) {
	db := int(op.DB)
	if f := e.observer.Load(); p.index == 0 && f != nil {
		(*f)(Change{By: n.tx, DB: db, Gone: true})
	}
	ks := p.dbs[db]
	if ks == nil {
		return
	}
	if all {
		if rest, ok := e.removedCounters(p, db); ok {
			e.dropSpace(p, db)
			for _, x := range rest {
				n.find(e, db, x.key)
				n.obj = x.obj
				n.obj.Apply(op, d)
				n.settle(now, op)
			}
			return
		}
	}
	var keys [][]byte
	ks.keys.Each(func(key, _ []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range keys {
		n.find(e, db, key)
		if p.raised.covers(n.frag, d) {
			continue // T2
		}
		n.load().Apply(op, d)
		n.settle(now, op)
	}
}

// removedCounter is a key that does not show and has removed counter shares.
type removedCounter struct {
	key []byte
	obj *crdt.Object
}

// removedCounters returns the keys of a database that count, if none of them
// shows: they are among those to look at later.
func (e *Engine) removedCounters(p *partition, db int) (list []removedCounter, ok bool) {
	counted := p.dbs[db].counted
	if counted == 0 {
		return nil, true
	}
	var n entry
	for name := range p.residue {
		if int(name[0]) != db {
			continue
		}
		n.find(e, db, []byte(name[1:]))
		if n.rec != nil && !n.isFlat() && n.flags()&(recHidden|recCounts) == recHidden|recCounts {
			list = append(list, removedCounter{n.key, n.load()})
		}
	}
	return list, len(list) == counted
}

// dropSpace forgets all keys of a database in one partition.
func (e *Engine) dropSpace(p *partition, db int) {
	var n entry
	for name, watchers := range p.watched {
		n.find(e, db, []byte(name[1:]))
		if int(name[0]) == db && n.rec != nil && n.flags()&recHidden == 0 {
			for w := range watchers {
				w.dirty.Store(true)
			}
		}
	}
	p.signalAll(db)
	for i := range p.ranges {
		p.ranges[i].flushed |= 1 << db
	}
	p.expiry.dropDB(db)
	for name := range p.residue {
		if int(name[0]) == db {
			delete(p.residue, name)
		}
	}
	if ks := p.dbs[db]; ks != nil {
		for _, o := range ks.objects {
			if o != nil {
				p.heapBytes -= o.bytes
			}
		}
	}
	p.dbs[db] = nil
}

// ttlSamples is how many keys of each partition MeanTTL looks at.
const ttlSamples = 16

// MeanTTL estimates, per database, for how many milliseconds the keys that have
// a deadline still live: from a sample, spread evenly over the deadlines.
func (t *Tx) MeanTTL() (mean [Databases]int64) {
	var sum, count [Databases]float64
	var e entry
	for i := range partitions {
		t.with(i, func(p *partition) {
			if p.expiry.tree == nil {
				return
			}
			n := p.expiry.tree.Len()
			for k := range min(n, ttlSamples) {
				d, _ := p.expiry.tree.GetAt(k * n / min(n, ttlSamples))
				e.find(t.e, int(d.name[0]), []byte(d.name[1:]))
				if e.rec == nil || e.db >= Databases {
					continue
				}
				if at := e.deadline(); at > t.now {
					sum[e.db] += float64(at - t.now)
					count[e.db]++
				}
			}
		})
	}
	for db := range mean {
		if count[db] > 0 {
			mean[db] = int64(sum[db] / count[db])
		}
	}
	return mean
}
