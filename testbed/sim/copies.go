package sim

import (
	"math/rand/v2"
	"time"

	"crdb/control/api"
	"crdb/crdt"
)

// quiet ends all faults for a while: everybody is up and reaches everybody, and
// nobody but the caller starts and ends programs. A copy of a disk is told from
// the disk by what others know, so there must be others.
func (r *run) quiet() (end func()) {
	r.calm.Store(true)
	var releases []func()
	for _, n := range r.nodes {
		releases = append(releases, n.hold())
	}
	r.mend()
	return func() {
		r.calm.Store(false)
		for _, release := range releases {
			release()
		}
	}
}

// settled is how long what is on its way, or held, needs to arrive.
const settled = 6 * time.Second

// rewind puts an old copy of a node's disk back, or an empty disk. The node must
// find out before its first write if others hold more of its log (S9, D2).
func rewind(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	n := r.anyNode(rng)
	p := n.program()
	if p == nil {
		return
	}
	r.trace("the disk of %s is copied", n.name)
	old := p.disk.AfterCrash([]int{0, 100}[rng.IntN(2)], rng)
	empty := false
	if rng.IntN(4) == 0 {
		old, empty = NewDisk(), true
	}
	if !r.wait(upTo(rng, longCut)) {
		return
	}
	defer r.quiet()()
	if p = n.program(); p == nil || r.over() || !r.othersWell(n) {
		return
	}
	own, _ := n.lastLog()
	if p.stop() != nil {
		r.restart(n)
		return
	}
	pause(settled)
	r.trace("the disk of %s is replaced by the copy", n.name)
	r.mayForget(n, own)
	n.mu.Lock()
	n.mu.disk = old
	n.mu.Unlock()
	n.putBack, n.emptied = true, empty
	r.putBack.Store(true)
	r.restart(n)
	n.putBack = false
	if p = n.program(); p != nil && p.newest.Load() == nil { // a copy from before it had the database
		n.emptied = true
	}
	if i := n.instance(); i != nil && r.register.isDoomed(i.id) && i.Err() == nil {
		r.fail("S9: %s takes writes as replica %d on a disk that was put back, though others hold more of its log", n.name, i.id)
	}
}

// heldOf returns how much of a replica's log other members that are up hold, and
// up to where blocks of it wait there, or are in memory only.
func (r *run) heldOf(id crdt.ReplicaID) (end, waits crdt.Timestamp) {
	for _, n := range r.members() {
		if i := n.instance(); i != nil && i.id != id {
			end = max(end, i.log.Raised().Get(id))
			waits = max(waits, crdt.Timestamp(api.At(i.Holdings().Held, int(id))), i.log.Received().Get(id))
		}
	}
	return end, waits
}

// startClone starts a copy of a node's disk on another machine, beside the
// original. The copy must find out before its first write (S9, D2).
func startClone(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	defer r.quiet()()
	members := r.members()
	if len(members) < fewest || r.over() {
		return
	}
	n := pick(rng, members)
	i := n.instance()
	if i == nil {
		return
	}
	pause(settled)
	r.clones++
	c := newNode(r, firstClone+r.clones, n.region)
	c.clone = true
	c.mu.disk = i.p.disk.AfterCrash(100, rng)
	r.trace("%s is started on a copy of the disk of %s", c.name, n.name)
	if err := c.start(); err != nil {
		r.fail("S9: %s does not start on a copy of a disk: %v", c.name, err)
		return
	}
	if x := c.instance(); x != nil {
		if x.Err() == nil {
			r.fail("S9: %s takes writes as replica %d, which %s is", c.name, x.id, n.name)
		}
		cl := x.connect()
		if rep, ok := cl.do([]string{"SET", "clone", "x"}, nil); ok && !rep.IsError() {
			r.fail("S9: %s, a copy, answers %s to a write", c.name, rep)
		}
		cl.close()
	}
	r.wait(upTo(rng, 2*time.Second))
	if p := c.program(); p != nil {
		if err := p.stop(); err != nil {
			r.trace("%s: %v", c.name, err)
		}
	}
}

// firstClone is the number before that of the first machine with a copy.
const firstClone = 100
