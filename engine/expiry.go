package engine

import (
	"strings"

	"github.com/tidwall/btree"

	"crdb/crdt"
)

// expiryIndex orders the keys of a partition that have a deadline, or whose
// fields have, by the first of them, each logical database apart. The zero value
// is empty.
type expiryIndex struct {
	trees  [spaces]*btree.BTreeG[dated]
	passed dated // where due goes on; zero: at the beginning
}

// dated is a key and its first deadline; name starts with the byte of its database.
type dated struct {
	at   int64
	name string
}

func datedLess(a, b dated) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return strings.Compare(a.name, b.name) < 0
}

// move re-files a key from one deadline to another; 0 is none.
func (x *expiryIndex) move(db int, key []byte, from, to int64) {
	name := dbKey(db, key)
	if x.trees[db] == nil {
		x.trees[db] = btree.NewBTreeGOptions(datedLess, btree.Options{NoLocks: true})
	}
	if from != 0 {
		x.trees[db].Delete(dated{from, name})
	}
	if to != 0 {
		x.trees[db].Set(dated{to, name})
	}
}

// keys is the number of keys of a database.
func (x *expiryIndex) keys(db int) int {
	if x.trees[db] == nil {
		return 0
	}
	return x.trees[db].Len()
}

// at returns one of the keys of a database, counted from the first deadline on.
func (x *expiryIndex) at(db, i int) dated {
	d, _ := x.trees[db].GetAt(i)
	return d
}

// due returns keys whose deadline is before now, at most limit, from passed on: what
// is others' to delete must not stand before the rest for ever.
func (x *expiryIndex) due(now int64, limit int) (all []dated) {
	from, db := x.passed, 0
	if from.name != "" {
		db = int(from.name[0])
	}
	for ; db < spaces && len(all) < limit; db++ {
		if x.trees[db] != nil {
			x.trees[db].Ascend(from, func(d dated) bool {
				if d.at >= now || len(all) == limit {
					return false
				}
				all = append(all, d)
				return true
			})
		}
		from = dated{}
	}
	return all
}

// any reports whether there is any key.
func (x *expiryIndex) any() bool {
	for db := range x.trees {
		if x.keys(db) > 0 {
			return true
		}
	}
	return false
}

func (x *expiryIndex) dropDB(db int) { x.trees[db] = nil }

// expireBatch bounds the keys and fields that one partition expires in one go,
// and with it the time that its lock is held; what is past it is less than a
// second batch. expireLooks bounds the keys and the fields that are looked at.
const (
	expireBatch = 200
	expireLooks = 2 * expireBatch
)

// expireLoop is the expirer: it deletes keys whose deadline has passed, forgets
// what is kept only until it is causally stable, and serves waiters that were put off.
func (e *Engine) expireLoop() {
	defer e.done.Done()
	t := e.NewTx()
	for round := 0; ; round++ {
		select {
		case <-e.stop:
			return
		case <-e.opts.After(expireEvery):
		}
		e.serveLate()
		if e.log.Admit(e.opts.Wall()) != nil {
			continue
		}
		for i := range e.parts {
			for t.expirePartition(i) >= expireBatch {
				select {
				case <-e.stop:
					return
				default:
				}
			}
		}
		if round%10 == 9 {
			e.forgetResidues(t)
		}
	}
}

// expirePartition deletes due keys and fields of partition i whose deadline this
// replica enforces (X1) and returns how many.
func (t *Tx) expirePartition(i int) (deleted int) {
	p := &t.e.parts[i]
	p.mu.Lock()
	t.now, t.held = t.e.opts.Wall(), 1<<i
	defer t.Unlock()
	if !p.expiry.any() {
		return 0
	}
	if t.e.log.Admit(t.now) != nil { // asked under the lock: who forbids writes waits for it
		return 0
	}
	looks := expireLooks
	all := p.expiry.due(t.now, looks)
	for _, d := range all {
		p.expiry.passed = d
		n := &t.ent
		n.find(t.e, int(d.name[0]), []byte(d.name[1:]))
		if n.rec == nil {
			continue
		}
		switch at, owner := n.load().DeadlineAt(); {
		case at == 0 || t.now <= at:
			swept, looked := t.sweepFields(n)
			deleted, looks = deleted+swept, looks-looked
		case t.enforces(owner.Replica, at):
			t.delete(n, crdt.Expired)
			t.e.stats.expired.Add(1)
			deleted++
		}
		if looks--; deleted >= expireBatch || looks <= 0 {
			return deleted
		}
	}
	p.expiry.passed = dated{}
	return deleted
}

// enforces reports whether this replica deletes what is past a deadline that owner has
// set (X1). Not for a member that is away: what it has not told yet may be a later one.
func (t *Tx) enforces(owner crdt.ReplicaID, at int64) bool {
	return owner == t.e.self || t.now > at+t.e.opts.ExpiryGrace.Milliseconds() && !t.e.opts.Member(owner)
}

// sweepFields deletes fields of a hash as expirePartition does keys.
func (t *Tx) sweepFields(n *entry) (deleted, looked int) {
	o := n.load()
	h := o.Hash()
	t.op.Reset(crdt.KindHashRemove, uint8(n.db), n.key)
	t.op.Flags |= crdt.Expired
	deleted, looked = h.PrepareSweep(&t.op, t.enforces, t.now, expireBatch)
	switch {
	case deleted == 0:
		return 0, looked
	case deleted == h.Len() && o.Type() == crdt.TypeHash: // the key goes with them
		t.delete(n, crdt.Expired)
		t.e.stats.expired.Add(1)
	default:
		n.unused = true
		t.issue(n)
	}
	t.e.stats.expiredFields.Add(int64(deleted))
	return deleted, looked
}
