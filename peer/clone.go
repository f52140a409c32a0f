package peer

import (
	"fmt"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// A copy of a node that runs beside it would give out the same dots again
// (D2). The two are told apart by their runs. The one that answers at the
// address in the configuration is the replica; a follower of another run is
// either the replica itself, restarted, whose old stream is not known to be
// dead yet, or a copy. So such a follower waits until the address was asked
// anew. Where nobody answers at the address, the first that came stays.

// runs is what a link knows of the runs of its replica. Guarded by link.mu.
type runs struct {
	suspect uint64 // said hello while another answered at the address
	copy    uint64 // and still did when asked anew
	rival   uint64 // said hello while another follower was alive
	since   int64  // Mono of the first such hello
}

// admitRun judges the run of a follower. The error is BUSY while it is not
// clear, then CLONED.
func (l *link) admitRun(run uint64) error {
	if run == 0 {
		return nil
	}
	l.mu.Lock()
	at, up := l.mu.remote.run, l.mu.in != nil
	recheck := up && at != 0 && at != run && l.mu.runs.copy != run
	if recheck {
		l.mu.runs.suspect = run
	}
	isCopy := up && at != 0 && at != run && l.mu.runs.copy == run
	l.mu.Unlock()
	switch {
	case isCopy:
		return l.cloned("another process answers at the address of the configuration")
	case recheck:
		l.dropIn(errRecheck)
		return refuse(peerpb.Refusal_BUSY, "replica %d asks whether replica %d was restarted", l.r.opts.Self, l.replica)
	case !up:
		return l.admitBeside(run)
	}
	return nil
}

// admitBeside judges a follower while nobody answers at the address.
func (l *link) admitBeside(run uint64) error {
	f := l.feed.Load()
	alive := f != nil && f.runID != 0 && f.runID != run && l.r.recent(f.heard.Load())
	now := l.r.opts.Mono()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !alive {
		l.mu.runs.rival = 0
		return nil
	}
	if l.mu.runs.rival != run {
		l.mu.runs.rival, l.mu.runs.since = run, now
	}
	if now-l.mu.runs.since <= int64(l.r.opts.Timing.LinkTimeout) {
		return refuse(peerpb.Refusal_BUSY, "replica %d follows replica %d from another process", l.replica, l.r.opts.Self)
	}
	return l.cloned("another process was there before it")
}

func (l *link) cloned(why string) error {
	return refuse(peerpb.Refusal_CLONED, "two processes run as replica %d at the same time: %s; stop the one that is a copy", l.replica, why)
}

// answeredRun notes which run answers at the address. A follower of another
// run is ended: it is dead, or has to explain itself.
func (l *link) answeredRun(run uint64) {
	l.mu.Lock()
	w := &l.mu.runs
	found := w.suspect != 0 && run != 0 && w.suspect != run
	if found {
		w.copy = w.suspect
	}
	if w.copy == run {
		w.copy = 0
	}
	w.suspect, w.rival = 0, 0
	l.mu.Unlock()
	if found {
		l.r.quiet.error("two processes run as one replica", l.replica, l.cloned("the one at the address of the configuration is followed, the other is refused"))
	}
	if f := l.feed.Load(); f != nil && run != 0 && f.runID != 0 && f.runID != run {
		f.stop(errReplaced)
	}
}

// EndOf returns the end of a replica's log as this instance holds it on disk.
func (r *Replicator) EndOf(of crdt.ReplicaID) (Tip, error) { return r.party.tipHeld(of) }

// CheckOwn compares the end of the own log as a peer holds it with the log
// itself, as the handshake does. An error says that log was lost (D2).
func (r *Replicator) CheckOwn(peer crdt.ReplicaID, end Tip) error {
	if err := r.party.checkTip(peer, end); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// Held returns what every other member is known to hold on disk.
func (r *Replicator) Held() map[crdt.ReplicaID]crdt.VersionVector {
	all := map[crdt.ReplicaID]crdt.VersionVector{}
	for _, l := range r.allLinks() {
		if _, ok := l.currentMember(); ok {
			all[l.replica] = r.holdings.of(l.replica)
		}
	}
	return all
}

// SeesOtherRun reports whether a process of another run than the given one is
// alive as the replica: it answers at its address, or follows from there.
func (r *Replicator) SeesOtherRun(of crdt.ReplicaID, run uint64) bool {
	l := r.link(of)
	if l == nil || run == 0 {
		return false
	}
	l.mu.Lock()
	in, at := l.mu.in, l.mu.remote.run
	l.mu.Unlock()
	if in != nil && at != 0 && at != run && r.recent(in.heard.Load()) {
		return true
	}
	f := l.feed.Load()
	return f != nil && f.runID != 0 && f.runID != run && r.recent(f.heard.Load())
}

// recent reports whether who was heard at that time of Mono is alive. The wall
// clock cannot tell: when it is set back, a process that has ended would look
// alive until time has caught up, and its successor like a copy.
func (r *Replicator) recent(heard int64) bool {
	return r.opts.Mono()-heard <= 2*int64(r.opts.Timing.Heartbeat)
}
