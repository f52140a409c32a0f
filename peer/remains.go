package peer

import (
	"slices"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// This file is about what is left of a log whose member is gone for good.
//
// The images of a state transfer that was broken off may hold operations of a
// member that was forced out since, or that came back on an old disk and so
// under a new ID. The slices that were merged have a part of those operations,
// nobody has the rest, and what was written here since depends on both. So the
// instances have to agree that the rest does not count: the one with the lowest
// ID among those that hold such slices merges those of all others into its own,
// so that there is nothing to be known that it does not know. Then it declares
// that what its slices do not hold of those operations is removed (K1): it
// merges its own state, under a vector that covers them, and sets its log ahead.
// The others find that its log does not hold what they lack, and transfer its
// state.
//
// Atomic groups (C2) of those operations may stay in part: they are whole in
// blocks, but their keys may lie in slices of which only some came, and which
// operations were one group is written in the lost log only.

// calmBeats is how many heartbeats of each member must come in a row that all
// agree on who is a member, and hold no more of the logs in question than is held
// here, before they are given up: what is on its way arrives meanwhile. Time alone
// says nothing: a member that is not heard may have something to say.
const calmBeats = 10

// remains is where transfers.run stands with what is left of former members.
type remains struct {
	of       []crdt.ReplicaID
	calm     map[crdt.ReplicaID]uint64 // heartbeats of each member when all agreed first; nil: they do not
	gathered []crdt.ReplicaID          // members whose state has been merged
}

// remains returns what slices here hold of logs of former members beyond the
// end of these logs here.
func (r *Replicator) remains() crdt.VersionVector { return r.raisedBeyond(r.opts.Log.Received()) }

func (r *Replicator) raisedBeyond(ends crdt.VersionVector) (vv crdt.VersionVector) {
	if !r.configured.Load() {
		return nil
	}
	for _, e := range r.opts.Log.Raised() {
		if e.Replica == r.opts.Self || e.Time <= ends.Get(e.Replica) {
			continue
		}
		if _, ok := r.member(e.Replica); !ok {
			vv.Set(e.Replica, e.Time)
		}
	}
	return vv
}

// hasRemains is what is said to others, before they are told what is on disk here:
// that there is nothing is not known before the members are, and not true before the
// ends that settle it are among what they are told. They would settle it, too.
func (r *Replicator) hasRemains() bool {
	return !r.configured.Load() || len(r.raisedBeyond(r.opts.Log.Durable())) > 0
}

// agreed returns what each member said last of itself if all are heard, have the
// same configuration, and hold no more of the logs that left names than is held
// here; else nil.
func (r *Replicator) agreed(left crdt.VersionVector) map[crdt.ReplicaID]remote {
	all := map[crdt.ReplicaID]remote{}
	received, config := r.opts.Log.Received(), r.opts.ConfigVersion()
	for _, l := range r.allLinks() {
		if _, ok := l.currentMember(); !ok {
			continue
		}
		st, said := l.said()
		if st != StateConnected || said.beats == 0 || said.config != config {
			return nil
		}
		all[l.replica] = said
		for _, e := range left {
			if r.holdings.at(l.replica, e.Replica) > received.Get(e.Replica) {
				return nil
			}
		}
	}
	return all
}

// said returns the state of the link and what the member said last of itself.
func (l *link) said() (State, remote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.state, l.mu.remote
}

// settles looks whether what is left of former members is to be settled, and is
// called once a heartbeat while there is something left. It returns a member to
// gather from first, if there is one, or that it is time.
func (t *transfers) settles(left crdt.VersionVector) (from *link, due bool) {
	if len(left) == 0 {
		t.remains = remains{}
		return nil, false
	}
	var of []crdt.ReplicaID
	for _, e := range left {
		of = append(of, e.Replica)
	}
	all := t.r.agreed(left)
	if t.r.AwaitsBase() || all == nil || !slices.Equal(of, t.remains.of) {
		t.remains = remains{of: of}
		return nil, false
	}
	if !t.remains.calmFor(all) {
		return nil, false
	}
	for _, l := range t.r.allLinks() {
		if !all[l.replica].remains { // what it says now may be said on a new stream, and is nothing yet
			continue
		}
		if l.replica < t.r.opts.Self {
			return nil, false // it is the other one's task
		}
		if !slices.Contains(t.remains.gathered, l.replica) {
			return l, false
		}
	}
	return nil, true
}

// calmFor reports whether calmBeats heartbeats of each member have come in a row. A
// stream that began anew begins anew here.
func (m *remains) calmFor(all map[crdt.ReplicaID]remote) bool {
	again, calm := m.calm == nil || len(all) != len(m.calm), true
	for id, said := range all {
		first, known := m.calm[id]
		again = again || !known || said.beats < first
		calm = calm && said.beats >= first+calmBeats
	}
	if again {
		m.calm, calm = map[crdt.ReplicaID]uint64{}, false
		for id, said := range all {
			m.calm[id] = said.beats
		}
	}
	return calm
}

// pause is how long to wait before settles is asked again; 0: for a change.
func (t *transfers) pause() time.Duration {
	if len(t.remains.of) > 0 {
		return t.r.opts.Timing.Heartbeat
	}
	return 0
}

// settle declares that of the logs that left names, what no slice holds does
// not count. If it cannot, settles asks for it again.
func (t *transfers) settle(left crdt.VersionVector) {
	err := t.declare(left)
	if err == nil || t.r.ctx.Err() != nil {
		return
	}
	t.r.quiet.error("what is left of former members cannot be settled", t.r.opts.Self, err)
	t.remains = remains{}
	t.wait(t.r.opts.Timing.RetryMax)
}

func (t *transfers) declare(left crdt.VersionVector) error {
	r := t.r
	forgotten, release := r.opts.Images.HoldForgotten()
	defer release()
	if err := r.opts.Images.SaveTo(r.ctx, forgotten); err != nil {
		return err
	}
	ease := easing{r: r, rush: &r.rush}
	for at := uint64(0); at < r.opts.Images.EndOfState(); {
		ease.begin()
		image, vv, next, err := r.opts.Images.CaptureAt(at, left)
		if err != nil {
			return err
		}
		if err := r.opts.Log.SyncTo(r.ctx, vv); err != nil {
			return err
		}
		if _, _, err := r.opts.Images.MergeAt(at, image, left, func(uint64) []byte { return nil }, nil); err != nil {
			return err
		}
		if err := ease.step(r.ctx, 0); err != nil {
			return err
		}
		at = next
	}
	over := mark{done: true, bytes: t.mark.bytes, keys: t.mark.keys}
	j := &jump{mark: over.encode(), done: make(chan error, 1)}
	for _, e := range left {
		j.ends = append(j.ends, oplog.Tip{Replica: e.Replica, Time: e.Time})
	}
	if err := t.jump(j); err != nil {
		return err
	}
	r.quiet.to.Warn("of members that are gone, what nobody has is given up; transactions among their last operations may be here in part", "up_to", left.String())
	t.mark, t.left, t.remains = over, mark{}, remains{}
	t.note(func(p *TransferStatus) { *p = TransferStatus{Percent: 100, Bytes: over.bytes, Keys: over.keys} })
	return nil
}

// jump hands a jump to the pump and waits for it.
func (t *transfers) jump(j *jump) error {
	if !t.r.post(t.r.ctx, event{jump: j}) {
		return errClosed
	}
	select {
	case err := <-j.done:
		return err
	case <-t.r.ctx.Done():
		return errClosed
	}
}
