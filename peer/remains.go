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

// calmBeats is how many heartbeats in a row all must agree on who is a member,
// and hold no more of the logs in question than is held here, before they are
// given up: what is on its way arrives meanwhile.
const calmBeats = 10

// remains is where transfers.run stands with what is left of former members.
type remains struct {
	of       []crdt.ReplicaID
	calm     int              // heartbeats
	gathered []crdt.ReplicaID // members whose state has been merged
}

// remains returns what slices here hold of logs of former members beyond the
// end of these logs here.
func (r *Replicator) remains() (vv crdt.VersionVector) {
	if !r.configured.Load() {
		return nil
	}
	received := r.opts.Log.Received()
	for _, e := range r.opts.Log.Raised() {
		if e.Replica == r.opts.Self || e.Time <= received.Get(e.Replica) {
			continue
		}
		if _, ok := r.member(e.Replica); !ok {
			vv.Set(e.Replica, e.Time)
		}
	}
	return vv
}

// agreed reports whether all members are heard, have the same configuration,
// and hold no more of the logs that left names than is held here.
func (r *Replicator) agreed(left crdt.VersionVector) bool {
	received, config := r.opts.Log.Received(), r.opts.ConfigVersion()
	for _, l := range r.allLinks() {
		if _, ok := l.currentMember(); !ok {
			continue
		}
		if st, said := l.said(); st != StateConnected || !said.beat || said.config != config {
			return false
		}
		for _, e := range left {
			if r.holdings.at(l.replica, e.Replica) > received.Get(e.Replica) {
				return false
			}
		}
	}
	return true
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
	if t.r.AwaitsBase() || !t.r.agreed(left) || !slices.Equal(of, t.remains.of) {
		t.remains = remains{of: of}
		return nil, false
	}
	if t.remains.calm++; t.remains.calm < calmBeats {
		return nil, false
	}
	for _, l := range t.r.allLinks() {
		_, said := l.said()
		if _, ok := l.currentMember(); !ok || !said.remains {
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
	ease := easing{r: r, rush: &r.rush}
	for at := uint64(0); at < r.opts.Images.EndOfState(); {
		ease.begin()
		image, vv, next := r.opts.Images.CaptureAt(at, left)
		if err := r.opts.Log.SyncTo(r.ctx, vv); err != nil {
			return err
		}
		if _, _, err := r.opts.Images.MergeAt(at, image, left, func(uint64) []byte { return nil }); err != nil {
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
	r.quiet.to.Warn("of members that are gone, what nobody has is given up", "up_to", left.String())
	t.mark, t.remains = over, remains{}
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
