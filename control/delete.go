package control

import (
	"context"
	"fmt"

	"crdb/control/api"
)

// This file is the deletion of a database, and of all its keys.

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
