package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"crdb/crdt"
	"crdb/engine"
)

// capture is what one program showed at one moment.
type capture struct {
	i      *instance
	at     time.Duration
	vector crdt.VersionVector
	digest uint64
	keys   map[string]uint64 // digests, by database and key

	set  []string
	list []string
	sum  string
	reg  string
}

// proofs are the captures of a run, to be held against what the logs say.
type proofs struct {
	r       *run
	checked int
	again   int // of databases made of backups
	mu      struct {
		sync.Mutex
		all      []*capture
		restored []*capture // of databases made of backups
	}
}

func newProofs(r *run) *proofs { return &proofs{r: r} }

// audit captures what a node shows every now and then.
func (r *run) audit(n *node) {
	rng := r.rand("audit " + n.name)
	for r.wait(upTo(rng, 1500*time.Millisecond)) {
		if i := n.instance(); i != nil && !i.ahead() && !n.clone {
			r.proofs.capture(i)
		}
	}
}

// capture takes a picture of an instance. All keys are locked meanwhile. While
// a state transfer is under way there is none, since no one vector says what is
// there; then it is not kept.
func (ps *proofs) capture(i *instance) *capture {
	c, whole := ps.picture(i)
	if !whole {
		return c
	}
	i.p.alive(func() {
		ps.mu.Lock()
		ps.mu.all = append(ps.mu.all, c)
		ps.mu.Unlock()
	})
	return c
}

// picture is a capture that is not kept. It reports whether it is whole.
func (ps *proofs) picture(i *instance) (c *capture, whole bool) {
	c = &capture{i: i, at: time.Since(ps.r.began), keys: map[string]uint64{}}
	i.use.RLock()
	defer i.use.RUnlock()
	if i.over {
		return c, false
	}
	tx := i.engine.NewTx()
	tx.LockAll(i.p.n.clock.now())
	tx.NoTouch(true)
	c.vector = i.engine.Vector()
	for db := range engine.Databases {
		tx.Select(db)
		tx.EachDigest(func(key []byte, d uint64) {
			c.keys[keyName(db, string(key))] = d
			c.digest += engine.KeySum(db, key, d)
		})
	}
	tx.Select(ledgerNum)
	tx.SetEach([]byte(setKey), func(m []byte) bool { c.set = append(c.set, string(m)); return true })
	tx.ListEach([]byte(listKey), 0, func(v []byte) bool { c.list = append(c.list, string(v)); return true })
	sum, _, _ := tx.Get([]byte(sumKey))
	c.sum = string(sum)
	reg, _, _ := tx.Get([]byte(regKey))
	c.reg = string(reg)
	if d := tx.Digest(); d != c.digest {
		ps.r.fail("S6: %s sums the digests of its keys to %x, not %x", i.p.n.name, d, c.digest)
	}
	tx.Unlock()
	return c, !i.ahead()
}

// restored keeps a capture of a database that was made of a backup, with the vector
// of that: only its ledger is known.
func (ps *proofs) restored(c *capture) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.mu.restored = append(ps.mu.restored, c)
}

// settle waits until all nodes show the same at the same vector, and captures
// it (S6, S7).
func (r *run) settle(end time.Time) {
	for !r.stop.Load() {
		var all []*capture
		same := true
		for _, n := range r.members() {
			i := n.instance()
			if i == nil {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			i.log.Sync(ctx)
			cancel()
			c := r.proofs.capture(i)
			all = append(all, c)
			same = same && c.vector.Equal(all[0].vector)
		}
		if same {
			r.final = all[0].vector
			pause(time.Second) // the watchers read what is on disk
			return             // what they show is compared with all other captures
		}
		if time.Now().After(end) {
			r.fail("S7: the nodes do not come to rest: %v, %v", all[0].vector, all[len(all)-1].vector)
			return
		}
		pause(50 * time.Millisecond)
	}
}

// lost reports whether a crash took something that the capture shows, or the disk
// went with it: then no log tells what it is. Where nobody has opened the log again, as
// on an empty disk, known is where the part of it ends that was seen: what was written
// while the instance was closed nobody saw.
func (c *capture) lost(known crdt.Timestamp) bool {
	if c.i.followed.Load() {
		known = crdt.Timestamp(c.i.survived.Load())
	}
	return (c.i.p.crashed.Load() || c.i.lossy.Load()) && c.vector.Get(c.i.id) > known
}

func keyName(db int, key string) string { return fmt.Sprintf("%d %q", db, key) }
