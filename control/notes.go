package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"crdb/control/api"
)

// This file is what a coordinator remembers about its changes, and how it
// carries them out.

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

// tellGone tells those that are forced out, if they answer after all, so that
// they stop taking writes. They need not confirm.
func (n *Node) tellGone(x *note) {
	d := x.Database // who works on the note writes it meanwhile
	for i := range x.Base.Instances {
		b := &x.Base.Instances[i]
		if gone := x.Database.Removed(b.ID); gone != nil && gone.Forced && gone.Version == x.Database.ConfigVersion {
			n.wg.Go(func() {
				ctx, cancel := context.WithTimeout(n.ctx, n.opts.Timing.Call) // the task may end before
				defer cancel()
				if err := n.memberOf(b).Commit(ctx, d); err != nil {
					n.log.Warn("an instance was removed by force and does not know it yet", "database", d.Name, "region", b.Region, "err", err)
				}
			})
		}
	}
}

// round asks every member that has not confirmed yet to carry out the note,
// and removes the note when all have. It returns what failed, by cluster. The
// change or create of a database that is deleted is abandoned.
func (n *Node) round(ctx context.Context, x *note, confirmed func(cluster string)) map[string]error {
	if n.outlived(x) {
		n.abandon(x)
	}
	if err := n.makeSure(x); err != nil {
		return map[string]error{"": fmt.Errorf("the note of the change cannot be written: %w", err)}
	}
	failed := map[string]error{}
	var mu sync.Mutex // guards failed and x.Done
	var wg sync.WaitGroup
	before := x.Done
	for _, inst := range x.members() {
		if inst.NodeID == "" || slices.Contains(before, inst.NodeID) || n.replaced(x, inst) {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := n.tell(ctx, x, inst)
			if x.Base != nil && api.IsCode(err, api.CodeRemoved) { // by a later change, or with the database
				err = nil
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[inst.Cluster.Name] = err
				return
			}
			x.Done = append(x.Done, inst.NodeID)
			if confirmed != nil {
				confirmed(inst.Cluster.Name)
			}
		}()
	}
	wg.Wait()
	if len(failed) > 0 && x.State != api.OutcomePreparing { // that is given up: who was not reached asks by itself
		return failed
	}
	if err := n.forget(x); err != nil {
		return map[string]error{"": err}
	}
	return nil
}

// outlived reports whether a change keeps the instance of this node, or a create that
// is decided makes it, which is gone since: the database was deleted elsewhere, or the
// instance forced out.
func (n *Node) outlived(x *note) bool {
	db, own := n.database(x.Database.GUID), x.Database.Find(n.ID())
	switch {
	case own == nil:
		return false
	case x.Base != nil:
		return db == nil || db.record.Status == api.StatusRemoved
	case x.State != api.OutcomeCommitting || db != nil:
		return false
	}
	n.change.Lock()
	defer n.change.Unlock()
	return n.wasDropped(x.Database.GUID) || n.checkGone(x.Database.GUID, own.ID) != nil
}

// creates reports whether a create of this node is decided and not finished.
func (n *Node) creates(guid string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.mu.notes[guid]
	return x != nil && x.Base == nil && x.State == api.OutcomeCommitting
}

// wasDropped reports whether this node was told to drop a database, in this run.
func (n *Node) wasDropped(guid string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.mu.dropped, guid)
}

// wasDeleted reports whether a database was deleted, as far as this node was told; what
// served here it knows of over restarts.
func (n *Node) wasDeleted(guid string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.mu.dropped, guid) || n.wasDeletedLocked(guid)
}

// abandon makes a change that is outlived the deletion of what it adds, where the
// database was deleted: whoever deleted it may not know of that. A create becomes the
// deletion of all that it may have made since. Where this node was only forced out, or
// its instance purged, there is nothing to do: the database is in use elsewhere, and all
// that stay have agreed on what follows.
func (n *Node) abandon(x *note) {
	d := x.Database.Clone()
	deleted := n.wasDeleted(d.GUID)
	d.Instances = slices.DeleteFunc(d.Instances, func(y api.Instance) bool { return !deleted || x.Base != nil && x.Base.Instance(y.ID) != nil })
	next := &note{State: noteDeleting, Database: d, Over: x.Over}
	if err := n.dir.writeNote(next); err != nil {
		n.log.Error("cannot write down that a change is abandoned", "database", d.Name, "err", err)
		next.Unsure = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	*x = *next
}

// errOutlived ends the task of a change that is outlived.
var errOutlived = api.Errorf(http.StatusConflict, api.CodeConflict, "the database was deleted, or this region was removed from it, while the change was under way")

// replaced reports whether an instance that a change keeps or adds, or a create makes,
// has been removed by a later one: nobody answers for it any more, and all that stay
// know better.
func (n *Node) replaced(x *note, inst *api.Instance) bool {
	db := n.database(x.Database.GUID)
	if x.State != api.OutcomeCommitting || db == nil || x.Database.Instance(inst.ID) == nil {
		return false
	}
	d := db.record.Database
	return d.ConfigVersion > x.Database.ConfigVersion && d.Instance(inst.ID) == nil
}

// tell has one member do what the note says.
func (n *Node) tell(ctx context.Context, x *note, inst *api.Instance) error {
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	m := n.memberOf(inst)
	switch x.State {
	case api.OutcomeCommitting: // whom the others forced out meanwhile learns of it by itself
		return m.Commit(ctx, x.Database)
	case api.OutcomePreparing, noteWithdrawn: // nobody has committed (invariant 4)
		return m.Unpost(ctx, x.Database.GUID, x.Database.ConfigID)
	}
	return m.Drop(ctx, x.Database.GUID)
}

// carryOut repeats rounds until all members have confirmed or time is up. A
// member that refuses a commit ends it at once.
func (n *Node) carryOut(ctx context.Context, k *task, x *note) error {
	timeout := time.NewTimer(n.opts.Timing.Commit)
	defer timeout.Stop()
	for state := x.State; ; {
		failed := n.round(ctx, x, func(cluster string) { k.cluster(cluster, 100) })
		switch {
		case x.State != state: // it was abandoned
			return errOutlived
		case len(failed) == 0:
			return nil
		}
		refused := false
		for _, err := range failed {
			refused = refused || x.State == api.OutcomeCommitting && api.AsError(err).HTTP/100 == 4
		}
		retry := time.NewTimer(n.opts.Timing.Retry)
		select {
		case <-retry.C:
			if !refused {
				continue
			}
		case <-timeout.C:
		case <-ctx.Done():
		}
		retry.Stop()
		for cluster, err := range failed {
			k.fail(cluster, err)
		}
		return errMembers
	}
}

// startDelete starts the deletion of a database in all its regions.
func (n *Node) startDelete(rq request, guid string) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if _, err := n.find(guid); err != nil {
		return nil, err
	}
	return n.tasks.start(rq, api.OpDelete, guid, func(ctx context.Context, k *task) error { return n.delete(ctx, k, guid) })
}

// everybody is the configuration of a record with the instances that a change to
// come adds: a delete must not leave them behind.
func (r *record) everybody() *api.Database {
	d := r.Database.Clone()
	for x := range r.Posted.each() {
		for _, y := range x.Database.Instances {
			if d.Instance(y.ID) == nil {
				d.Instances = append(d.Instances, y)
			}
		}
	}
	return d
}

// delete is the task. Once noted, the deletion is carried out even when the
// task fails because a member does not answer.
func (n *Node) delete(ctx context.Context, k *task, guid string) error {
	if err := n.claim(ctx, guid); err != nil {
		return err
	}
	defer n.idle(guid)
	r, err := n.find(guid) // now, with what other changes have made of it
	if err != nil {
		return err
	}
	d := r.everybody()
	for _, x := range d.Instances {
		k.cluster(x.Cluster.Name, 0)
	}
	if !k.decide(ctx) {
		return context.Canceled
	}
	x, err := n.beginDelete(k, d)
	if err != nil {
		return err
	}
	k.commit()
	k.step("removing the instances", 20)
	if err := n.carryOut(ctx, k, x); err != nil {
		k.fail("", api.Errorf(0, api.CodeUnreachable, "the instances named above are removed as soon as their nodes answer"))
		return err
	}
	return nil
}

// beginDelete writes down that a database is to be deleted. It begins with a note of
// nothing, which can be taken back: of a write that fails, the next start of the node
// could find what it wrote all the same.
func (n *Node) beginDelete(k *task, d *api.Database) (*note, error) {
	x, err := n.begin(&note{State: api.OutcomePreparing, Database: &api.Database{GUID: d.GUID, Name: d.Name}})
	if err != nil {
		return nil, err
	}
	err = n.rewriteNote(x, &note{State: noteDeleting, Database: d})
	if err != nil && n.forget(x) != nil {
		err = fmt.Errorf("the disk of this node takes nothing: if the node is restarted before it does, the database may be deleted all the same: %w", err)
	}
	return x, err
}

// startFlush starts the removal of all keys.
func (n *Node) startFlush(rq request, guid string) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	r, err := n.find(guid)
	if err != nil {
		return nil, err
	}
	return n.tasks.start(rq, api.OpFlush, guid, func(ctx context.Context, k *task) error {
		inst := n.Instance(guid)
		if inst == nil || !k.decide(ctx) {
			return context.Canceled
		}
		k.step("removing all keys; replication carries it to the other regions", 20)
		if err := inst.Flush(ctx); err != nil {
			return err
		}
		if own := r.Database.Find(n.ID()); own != nil {
			k.cluster(own.Cluster.Name, 100)
		}
		return nil
	})
}
