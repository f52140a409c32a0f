package control

import (
	"net/http"
	"slices"

	"crdb/control/api"
)

// This file is what a coordinator remembers about its changes.

// begin writes a note down, over the decided one that made room for it if there is one
// (claim); a task works on it until idle.
func (n *Node) begin(x *note) (*note, error) {
	n.mu.Lock()
	full := len(n.mu.notes) >= maxNotes
	x.Over = n.mu.notes[x.Database.GUID]
	n.mu.Unlock()
	if full {
		return nil, api.Errorf(http.StatusTooManyRequests, api.CodeLimit, "%d changes of databases wait for nodes that do not answer; bring them back first", maxNotes)
	}
	err := n.dir.mkdir(notesDir)
	if err == nil {
		err = n.dir.writeNote(x)
	}
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.notes[x.Database.GUID] = x
	n.mu.busy[x.Database.GUID] = true
	return x, nil
}

// take gives a note to the caller to work on, nil if there is none or another
// works on it.
func (n *Node) take(guid string) *note {
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.mu.notes[guid]
	if x == nil || n.mu.busy[guid] {
		return nil
	}
	n.mu.busy[guid] = true
	return x
}

// idle says that the caller works on a note no more.
func (n *Node) idle(guid string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.busy, guid)
}

// setNote writes down a new state; every member has to confirm it anew. What a change
// took the place of is over once it is decided.
func (n *Node) setNote(x *note, state string) error {
	return n.rewriteNote(x, &note{State: state, Database: x.Database, Base: x.Base})
}

// rewriteNote puts another note in the place of one. An error: either may be on disk.
func (n *Node) rewriteNote(x, next *note) error {
	if err := n.dir.writeNote(next); err != nil {
		x.Unsure = true
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	*x = *next
	return nil
}

// outcome says what becomes of a create or change this node coordinates. What it has no note
// of and is not in force here was aborted only if that is written down: the disk may be
// one from before it.
func (n *Node) outcome(guid, config string) *api.Outcome {
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.mu.notes[guid]
	if x != nil && (config == "" || config == x.Database.ConfigID) && (x.State == api.OutcomePreparing || x.State == api.OutcomeCommitting) {
		return &api.Outcome{State: x.State}
	}
	o := &api.Outcome{State: api.OutcomeUnknown, Deleted: n.wasDeletedLocked(guid)}
	db := n.mu.dbs[guid]
	if x != nil && x.State == noteAborting || db != nil && slices.Contains(db.record.GivenUp, config) {
		o.State = api.OutcomeAborted
	}
	if db != nil && config != "" && db.record.Status == api.StatusCommitted {
		if o.InForce = db.record.Database.ConfigVersion; db.record.Database.ConfigID == config {
			o.State = api.OutcomeCommitting
		}
	}
	return o
}

// members returns who has to confirm a note: for a change also those that
// leave in good order.
func (x *note) members() []*api.Instance {
	var all []*api.Instance
	for i := range x.Database.Instances {
		all = append(all, &x.Database.Instances[i])
	}
	if x.Base == nil {
		return all
	}
	for i := range x.Base.Instances {
		b := &x.Base.Instances[i]
		if gone := x.Database.Removed(b.ID); gone != nil && !gone.Forced && gone.Version == x.Database.ConfigVersion {
			all = append(all, b)
		}
	}
	return all
}

// forget removes a note that all have confirmed, or of a change that is not decided; the
// one whose place it took comes back. An error: it may be decided on disk, or nothing says
// yet that it was given up, and it stays until the finisher has mended that.
func (n *Node) forget(x *note) error {
	err := n.makeSure(x)
	if err == nil {
		err = n.writeGivenUp(x)
	}
	if err != nil {
		n.log.Error("cannot write down that a change is given up", "database", x.Database.Name, "err", err)
		return err
	}
	n.mu.Lock()
	top := n.mu.notes[x.Database.GUID]
	n.mu.Unlock()
	if top != nil && top.Over == x { // that could not be given up at a start, where the task of this one goes on
		return n.rewriteNote(top, &note{State: top.State, Database: top.Database, Base: top.Base})
	}
	if x.Over != nil {
		err = n.dir.writeNote(x.Over)
	} else {
		err = n.dir.removeNote(x.Database.GUID)
	}
	if err != nil {
		n.log.Error("cannot remove the note of a change", "database", x.Database.Name, "err", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if x.Over != nil {
		n.mu.notes[x.Database.GUID] = x.Over
	} else {
		delete(n.mu.notes, x.Database.GUID)
	}
	return nil
}

// writeGivenUp writes down that a change was given up, if that is what its note says, for
// members that ask later. Of one up to the version in force they hear by that.
func (n *Node) writeGivenUp(x *note) error {
	n.change.Lock()
	defer n.change.Unlock()
	if u := n.unopened(x.Database.GUID); u != nil {
		return u
	}
	db := n.database(x.Database.GUID)
	if x.Base == nil || x.State != api.OutcomePreparing || db == nil || db.record.Database.ConfigVersion >= x.Database.ConfigVersion || slices.Contains(db.record.GivenUp, x.Database.ConfigID) {
		return nil
	}
	_, err := n.rewriteLocked(db, func(r *record) {
		r.GivenUp = append(slices.Clone(r.GivenUp), x.Database.ConfigID)
		r.GivenUp = r.GivenUp[max(0, len(r.GivenUp)-maxGivenUp):]
	})
	return err
}

// makeSure writes a note down again where another state may be on disk. Before that
// nobody hears of this one: at a restart the other would be carried on with.
func (n *Node) makeSure(x *note) error {
	if !x.Unsure {
		return nil
	}
	err := n.dir.writeNote(x)
	x.Unsure = err != nil
	return err
}
