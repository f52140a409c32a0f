package control

import (
	"iter"
	"slices"

	"crdb/control/api"
)

// This file is the configurations to come that a member has written down.

// posted is a configuration that may follow the committed one.
type posted struct {
	Database    *api.Database `json:"crdb"`
	Coordinator string        `json:"coordinator"`
	ExpiresMS   int64         `json:"expires_ms"` // when to ask what became of it
	// Over is the one whose place it took, because it forces out the coordinator of that.
	// It may be decided all the same, by that coordinator: until this one is in force it
	// binds as before, and when this one is given up nothing else does.
	Over *posted `json:"over,omitempty"`
}

// each goes over a posted configuration and those whose place it took; x may be nil.
func (x *posted) each() iter.Seq[*posted] {
	return func(yield func(*posted) bool) {
		for ; x != nil && yield(x); x = x.Over {
		}
	}
}

// has reports whether a configuration is among them.
func (x *posted) has(config string) bool {
	for y := range x.each() {
		if y.Database.ConfigID == config {
			return true
		}
	}
	return false
}

// without is what is left when a configuration was given up.
func (x *posted) without(config string) *posted {
	switch {
	case x == nil:
		return nil
	case x.Database.ConfigID == config:
		return x.Over
	}
	left := *x
	left.Over = x.Over.without(config)
	return &left
}

// coordinatorGone reports whether the coordinator of a posted change is forced
// out by another: then nobody else can end it. It is looked for among those that
// go, because a coordinator that was removing itself is not in its own change.
func coordinatorGone(x *posted, by *api.Database) bool {
	return slices.ContainsFunc(by.RemovedInstances, func(old api.RemovedInstance) bool {
		return old.Cluster.URL == x.Coordinator && old.Forced && old.Version == by.ConfigVersion
	})
}

// yieldLocked gives a posted configuration up whose coordinator is forced out by the
// next change, where that stands on the one whose place it took: it was not decided.
func (n *Node) yieldLocked(db *database, p *api.Post) error {
	x := db.record.Posted
	if x == nil || !x.Over.has(p.Base.ConfigID) || !coordinatorGone(x, p.Database) {
		return nil
	}
	_, err := n.rewriteLocked(db, func(r *record) { r.Posted = x.Over })
	return err
}
