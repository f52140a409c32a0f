package sim

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// register is what the checkers know of replicas over all the programs that
// ran as them (S1, S3, S9).
type register struct {
	r         *run
	transfers atomic.Int64 // that have ended
	images    atomic.Int64
	mu        struct {
		sync.Mutex
		owner     map[crdt.ReplicaID]*node       // who served under an ID
		instances map[crdt.ReplicaID][]*instance // all that ever were, in order
		doomed    map[crdt.ReplicaID]crdt.Timestamp
		waits     map[crdt.ReplicaID]crdt.Timestamp // when the disk was put back, others had so much of the log, but held it
		loss      map[crdt.ReplicaID]crdt.Timestamp
		gone      []gap
	}
}

// gap is a part of a replica's log that nobody has any more, because its disk was
// put back before anybody else had it on disk.
type gap struct {
	replica   crdt.ReplicaID
	after, to crdt.Timestamp
}

func newRegister(r *run) *register {
	g := &register{r: r}
	g.mu.owner = map[crdt.ReplicaID]*node{}
	g.mu.instances = map[crdt.ReplicaID][]*instance{}
	g.mu.doomed = map[crdt.ReplicaID]crdt.Timestamp{}
	g.mu.waits = map[crdt.ReplicaID]crdt.Timestamp{}
	g.mu.loss = map[crdt.ReplicaID]crdt.Timestamp{}
	return g
}

// born notes that an instance was opened, and tells those before it how much
// of their log is left: all that others may have seen (S1, S3).
func (g *register) born(i *instance) {
	if i.p.n.clone {
		return
	}
	g.mu.Lock()
	owner := g.mu.owner[i.id]
	g.mu.Unlock()
	if owner != nil && owner != i.p.n {
		return // prepared for a configuration that never was, whose ID another one got
	}
	end := i.log.DurableOwn()
	if i.p.n.putBack {
		g.putBack(i.id, end)
	}
	seen := g.r.history.end(i.id)
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, doomed := g.mu.doomed[i.id]; end < seen && seen > g.mu.waits[i.id] && !doomed {
		g.r.fail("S3: the log of replica %d ends at %v after a restart of %s; up to %v it was on disk", i.id, end, i.p.n.name, seen)
	}
	for _, before := range g.mu.instances[i.id] {
		if !before.followed.Swap(true) {
			before.survived.Store(uint64(end))
		}
	}
	g.mu.instances[i.id] = append(g.mu.instances[i.id], i)
}

// serves notes that an instance takes commands of clients. An ID is given out
// once (S9).
func (g *register) serves(i *instance) {
	if i.p.n.clone {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if owner := g.mu.owner[i.id]; owner != nil && owner != i.p.n {
		g.r.fail("S9: %s serves as replica %d, which was %s", i.p.n.name, i.id, owner.name)
	}
	g.mu.owner[i.id] = i.p.n
}

// served reports whether an instance ever took commands of clients under an ID.
func (g *register) served(id crdt.ReplicaID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.owner[id] != nil
}

// wrote notes a block that is on disk at its author.
func (g *register) wrote(i *instance, b *oplog.Block) {
	g.mu.Lock()
	end, doomed := g.mu.doomed[i.id]
	g.mu.Unlock()
	if i.p.n.clone {
		end, doomed = i.cloned, true
	}
	if !doomed {
		if g.r.history.add(b, "read at its author") {
			g.mayWrite(i, b)
		}
	} else if b.Last > end {
		g.r.fail("S9: %s has written (%v, %v] as replica %d although its disk was put back or copied at %v", i.p.n.name, b.Prev, b.Last, i.id, end)
	}
}

// mayWrite demands that who has written a block did not know that it is no
// member any more (S9).
func (g *register) mayWrite(i *instance, b *oplog.Block) {
	m := i.members.Load()
	if m != nil && !m.ids[i.id] && time.Since(m.out) > grace {
		g.r.fail("S9: %s has written (%v, %v] as replica %d, which it has known to be no member since %v",
			i.p.n.name, b.Prev, b.Last, i.id, m.out.Sub(g.r.began))
	}
}

// took notes that an instance is about to log and apply a block. Of one that
// left, it is none written afterwards, unless another member had it before
// (S9).
func (g *register) took(i *instance, b *oplog.Block) {
	h := g.r.history
	if i.p.n.clone {
		return
	}
	h.add(b, "taken at "+i.p.n.name)
	m := i.members.Load()
	left, gone := time.Time{}, false
	if m != nil {
		left, gone = m.left[b.Replica]
	}
	if born, known := h.take(b, !gone); gone && known && born.After(left.Add(grace)) {
		g.r.fail("S9: %s takes (%v, %v] of replica %d, written at %v, which it has known to be no member since %v",
			i.p.n.name, b.Prev, b.Last, b.Replica, born.Sub(g.r.began), left.Sub(g.r.began))
	}
}

// merged notes that an image is in the state of an instance.
func (g *register) merged(i *instance, vv crdt.VersionVector) {
	if i.p.n.clone {
		return
	}
	g.images.Add(1)
	g.r.history.cover(vv)
}

// jumped notes the end of a state transfer.
func (g *register) jumped(i *instance) {
	g.transfers.Add(1)
	g.r.trace("%s has the state of another", i.p.n.name)
}

// putBack notes that the log of a replica was set back to end. If others have
// more of it, the replica may not go on (D2).
func (g *register) putBack(id crdt.ReplicaID, end crdt.Timestamp) {
	held, waits := g.r.heldOf(id)
	before := g.r.history.end(id)
	g.r.history.trim(id, end, held, waits)
	g.mu.Lock()
	defer g.mu.Unlock()
	if keep := max(end, held, waits); keep < before {
		g.mu.gone = append(g.mu.gone, gap{id, keep, before})
	}
	g.mu.waits[id] = max(g.mu.waits[id], waits)
	if held > end {
		g.mu.doomed[id] = end
	}
	for _, i := range g.mu.instances[id] {
		i.lossy.Store(true)
		if !i.followed.Swap(true) || i.survived.Load() > uint64(end) {
			i.survived.Store(uint64(end))
		}
	}
}

// isDoomed reports whether a replica may not go on.
func (g *register) isDoomed(id crdt.ReplicaID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, doomed := g.mu.doomed[id]
	return doomed
}

// mayLose notes that what is known of a log only up to held to those that
// stay may get lost behind that.
func (g *register) mayLose(id crdt.ReplicaID, held crdt.Timestamp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, found := g.mu.loss[id]; !found || held < t {
		g.mu.loss[id] = held
	}
	for _, i := range g.mu.instances[id] {
		i.lossy.Store(true)
	}
}

// lost reports whether an operation may have been lost although it was on disk.
func (g *register) lost(d crdt.Dot) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	held, found := g.mu.loss[d.Replica]
	return found && d.Time > held
}

// vanished reports whether a vector ends within what nobody has any more: a
// member had applied it, and lost it in a crash before its author's disk was put
// back.
func (g *register) vanished(vv crdt.VersionVector) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.mu.gone, func(x gap) bool { t := vv.Get(x.replica); return x.after < t && t <= x.to })
}

// partly reports whether a vector covers operations that may have been lost: the
// state then holds what images had brought of them, and counts the rest as
// removed.
func (g *register) partly(vv crdt.VersionVector) bool {
	return slices.ContainsFunc(vv, func(e crdt.VersionEntry) bool { return g.lost(crdt.Dot{Time: e.Time, Replica: e.Replica}) })
}

// highest is the highest ID that has served.
func (g *register) highest() (id crdt.ReplicaID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for x := range g.mu.owner {
		id = max(id, x)
	}
	return max(id, 1)
}
