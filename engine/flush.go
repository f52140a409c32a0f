package engine

import (
	"errors"
	"slices"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// Flush removes everything seen in the selected database. It locks everything if
// nothing is locked; then an error says why the log takes no writes any more.
func (t *Tx) Flush() error { return t.flush([]int{t.db}) }

// FlushAll removes everything seen in all databases, as Flush does.
func (t *Tx) FlushAll() error {
	dbs := make([]int, Databases)
	for i := range dbs {
		dbs[i] = i
	}
	return t.flush(dbs)
}

// flush holds everything, so that the vector it names is exactly what it
// removes (K2). What the vector does not name is deleted key by key first:
// counters, because it does not say how much of a share was seen, and keys that
// an image has brought further than the vector (T3).
func (t *Tx) flush(dbs []int) error {
	if t.held == 0 {
		t.LockAll(t.now)
		defer t.Unlock()
		if err := oplog.Refusal(t.e.log.Admit(t.now)); err != nil {
			return err // asked under the locks: who forbids writes waits for them
		}
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
	return nil
}

// flushPause is for how long a log that has enough is left alone.
const flushPause = 5 * time.Millisecond

// FlushIsLong reports whether Flush, or FlushAll, would hold everything for long:
// DeleteCounters is to go before it then. No locks are held.
func (t *Tx) FlushIsLong(all bool) bool {
	counters := 0
	for i := range t.e.parts {
		p := &t.e.parts[i]
		p.mu.Lock()
		for db, ks := range p.dbs {
			if ks != nil && (all || db == t.db) {
				counters += ks.counted
			}
		}
		p.mu.Unlock()
	}
	return counters >= t.e.opts.Sizes.FlushFrom
}

// DeleteCounters deletes the counters that show in the selected database, or in
// all, some at a time. Others see them go one after the other, but need not wait
// until all are gone. It ends early where the log admits no more writes. No locks
// are held.
func (t *Tx) DeleteCounters(now int64, all bool) {
	t.now = now
	for i := range t.e.parts {
		for db := range Databases {
			if (all || db == t.db) && !t.deleteCounters(&t.e.parts[i], db) {
				return
			}
		}
	}
}

func (t *Tx) deleteCounters(p *partition, db int) (ok bool) {
	for names := range slices.Chunk(p.counters(db), t.e.opts.Sizes.FlushStep) {
		if !t.admitted() {
			return false
		}
		p.mu.Lock()
		t.held = 1 << p.index
		for _, name := range names {
			if t.ent.find(t.e, db, name); t.ent.rec != nil && t.ent.rec[4]&(recHidden|recCounts) == recCounts {
				t.delete(&t.ent, 0)
			}
		}
		t.Unlock()
	}
	return true
}

// admitted asks the log whether it takes more writes, and waits while it has too
// many that are not on disk.
func (t *Tx) admitted() bool {
	for {
		switch err := t.e.log.Admit(t.e.opts.Wall()); {
		case err == nil:
			return true
		case !errors.Is(err, oplog.ErrBacklog):
			return false
		}
		time.Sleep(flushPause)
	}
}

// counters returns the names of the counters that show in a database. The
// partition is not locked.
func (p *partition) counters(db int) (names [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ks := p.dbs[db]
	if ks == nil || ks.counted == 0 {
		return nil
	}
	names = make([][]byte, 0, ks.counted)
	ks.keys.Each(func(key, rec []byte) bool {
		if rec[4]&(recHidden|recCounts) == recCounts {
			names = append(names, append([]byte(nil), key...))
		}
		return true
	})
	return names
}

func (t *Tx) deleteUnnamed(p *partition, db int) {
	ks := p.dbs[db]
	if ks == nil || ks.hidden == ks.keys.Len() || ks.counted == 0 && p.raised.n == 0 {
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
		if ks.spent == ks.keys.Len() {
			return // nothing shows and no flush changes it
		}
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
	e.flushKeys(p, n, op, d, now, nil)
}

// flushKeys applies a flush to the keys of one partition, one by one, but for
// those in ranges that are to be skipped. skip may be nil.
func (e *Engine) flushKeys(p *partition, n *entry, op *crdt.Op, d crdt.Dot, now int64, skip func(r int, d crdt.Dot) bool) {
	db := int(op.DB)
	ks := p.dbs[db]
	if ks == nil {
		return
	}
	var keys [][]byte
	ks.keys.Each(func(key, _ []byte) bool {
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	for _, key := range keys {
		n.find(e, db, key)
		if skip != nil && skip(rangeOf(n), d) || p.raised.covers(n.frag, d) { // T2
			continue
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
	for name := range p.residue.all() {
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
			for w, stale := range watchers {
				if !stale {
					w.dirty.Store(true)
				}
			}
		}
	}
	p.signalAll(db)
	for i := range p.ranges {
		p.ranges[i].flushed |= 1 << db
	}
	p.expiry.dropDB(db)
	for name := range p.residue.all() {
		if int(name[0]) == db {
			p.residue.drop(name)
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
