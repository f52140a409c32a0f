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

// This file is how a coordinator carries out what its notes say, until every member
// has confirmed.

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
			if api.IsCode(err, api.CodeRemoved) && n.isOverAt(ctx, x, inst) {
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

// isOverAt reports whether a note has nothing more to do at a member that says that it was
// removed: by a later change, or with the database. Where the database was deleted, a create
// has to be abandoned, for some member may not remember: the delete tells a coordinator that
// is a member, and one that is none asks.
func (n *Node) isOverAt(ctx context.Context, x *note, inst *api.Instance) bool {
	if x.Base != nil {
		return true
	}
	if x.Database.Find(n.ID()) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	o, err := n.clientOf(inst.Cluster).Outcome(ctx, x.Database.GUID, "")
	if err == nil && o.Deleted {
		n.toldToDrop(x.Database.GUID) // the next round abandons it
	}
	return err == nil && !o.Deleted
}

// outlived reports whether a change keeps the instance of this node, or a create that
// is decided makes it, which is gone since: the database was deleted elsewhere, or the
// instance forced out. A create of others is outlived when this node was told of a delete.
func (n *Node) outlived(x *note) bool {
	db, own := n.database(x.Database.GUID), x.Database.Find(n.ID())
	switch {
	case n.unopened(x.Database.GUID) != nil: // what has become of it cannot be known
		return false
	case own == nil:
		return x.Base == nil && x.State == api.OutcomeCommitting && n.wasDropped(x.Database.GUID)
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
