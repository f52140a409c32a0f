package peer

import (
	"fmt"

	"crdb/crdt"
)

// Retention says what the log is kept for.
type Retention struct {
	Bytes  int64 // of all kept blocks
	Budget int64 // 0: none
	Kept   []Kept
	Cuts   uint64 // how often it was cut before a member had all of it, in this run
}

// Kept is what is kept because one member has not acknowledged it.
type Kept struct {
	Replica crdt.ReplicaID
	Region  string
	Bytes   int64
}

// warnAtPercent is how full the budget is when the log tells of it.
const warnAtPercent = 80

// Retention returns what the log is kept for.
func (r *Replicator) Retention() Retention {
	log := r.opts.Log
	out := Retention{Bytes: log.Bytes(), Budget: log.Budget(), Cuts: r.cuts.Load()}
	for _, l := range r.allLinks() {
		if m, ok := l.currentMember(); ok {
			out.Kept = append(out.Kept, Kept{m.Replica, m.Region, log.KeptBehind(r.holdings.of(m.Replica))})
		}
	}
	return out
}

// Truncated is told after every truncation of the log. cut, if not nil, covers
// what was dropped although members lacked it: they get a state transfer. It
// raises the alarm then, and warns before.
func (r *Replicator) Truncated(cut crdt.VersionVector) {
	if cut != nil {
		r.cuts.Add(1)
		for _, l := range r.allLinks() {
			if m, ok := l.currentMember(); ok && !r.holdings.of(m.Replica).Descends(without(cut, m.Replica)) {
				r.quiet.error("the log was cut at its budget; a member will need a state transfer", m.Replica,
					fmt.Errorf("region %s has not acknowledged all of %v", m.Region, cut))
			}
		}
	}
	s := r.Retention()
	if s.Budget == 0 || s.Bytes*100 < s.Budget*warnAtPercent {
		return
	}
	var most Kept
	for _, k := range s.Kept {
		if k.Bytes > most.Bytes {
			most = k
		}
	}
	r.quiet.warn("the log is near its budget", most.Replica,
		fmt.Errorf("%d of %d bytes are used, %d are kept for region %q", s.Bytes, s.Budget, most.Bytes, most.Region))
}

// without is the part of v that is not about replica r.
func without(v crdt.VersionVector, r crdt.ReplicaID) (out crdt.VersionVector) {
	for _, e := range v {
		if e.Replica != r {
			out.Set(e.Replica, e.Time)
		}
	}
	return out
}
