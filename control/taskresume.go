package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"crdb/control/api"
)

// This file is what becomes of tasks that a stop of the node cut short. Where
// the change is decided it is carried on, under the same ID; else the task has
// failed, and says what is left of it.

// resumption is a task that goes on.
type resumption struct {
	k  *task
	do func(context.Context, *task) error
}

// recallTasks reads the tasks of the node's last life. It is called when the
// notes and records are read and before anybody else looks at them.
func (n *Node) recallTasks(records []*record) error {
	files, broken, err := n.dir.taskFiles()
	if err != nil {
		return err
	}
	for _, err := range broken {
		n.log.Warn("what is kept of a task cannot be read", "err", err)
	}
	for _, k := range n.tasks.recall(files) {
		if n.isDone(k, records) {
			k.decided, k.committed = true, true
		}
		do := n.resume(k)
		if do == nil {
			n.log.Warn("a task was cut short by the end of the node", "task", k.api.ID, "operation", k.api.Operation, "guid", k.api.GUID)
			n.tasks.end(k, n.cutShort(k, records))
			close(k.ended)
			continue
		}
		n.resumed = append(n.resumed, resumption{k, do})
	}
	return nil
}

// isDone reports whether what is in force here, or gone, shows that a task was decided: its
// file does not say so where the disk did not take that.
func (n *Node) isDone(k *task, records []*record) bool {
	guid := k.api.GUID
	in := func(made func(*record) bool) bool {
		return slices.ContainsFunc(records, func(r *record) bool {
			return r.Database.GUID == guid && r.Status != api.StatusPosted && made(r)
		})
	}
	switch op := k.api.Operation; {
	case op == api.OpCreate:
		return in(func(*record) bool { return true })
	case op == api.OpDelete:
		return n.wasDeleted(guid) && !in(func(*record) bool { return true })
	case k.next != nil:
		return in(func(r *record) bool { return r.Database.ConfigID == k.next.ConfigID })
	}
	return false
}

// resumeTasks carries the tasks on that can be.
func (n *Node) resumeTasks() {
	for _, r := range n.resumed {
		n.log.Info("a task that the end of the node cut short goes on", "task", r.k.api.ID, "operation", r.k.api.Operation, "guid", r.k.api.GUID)
		n.tasks.mu.Lock()
		n.tasks.mu.queued++
		n.tasks.goLocked(r.k, r.do)
		n.tasks.mu.Unlock()
	}
	n.resumed = nil
}

// resume says how an unfinished task goes on; nil if it does not. A note that
// is decided is the truth, whatever the task knows. Without a note all members
// have confirmed, if the task was decided.
func (n *Node) resume(k *task) func(context.Context, *task) error {
	guid, op := k.api.GUID, k.api.Operation
	n.mu.Lock()
	x := n.mu.notes[guid]
	n.mu.Unlock()
	decided := x != nil && (x.State == api.OutcomeCommitting || x.State == noteDeleting)
	switch {
	case op == api.OpRestore: // nobody can go on with it, and nothing is deleted on the word of a file that may be older than the database
		return nil
	case decided && k.isOf(x):
		if n.take(guid) == nil { // of two deletes, the first goes on with it
			return nil
		}
		k.update(func(*api.Task) { k.decided, k.committed = true, true }) // its note says so, whatever its file does
		return func(ctx context.Context, k *task) error { return n.resumeNote(ctx, k, x) }
	case !k.committed || x != nil && x.Base == nil: // the note of a later change says nothing of this one
		return nil
	case op == api.OpCreate || op == api.OpDelete:
		return func(context.Context, *task) error { return nil }
	case k.base != nil:
		return func(ctx context.Context, k *task) error { return n.afterwards(ctx, k, changeOf(k.base, k.next)) }
	}
	return nil
}

// isOf reports whether a note is that of the task's change.
func (k *task) isOf(x *note) bool {
	switch k.api.Operation {
	case api.OpCreate:
		return x.State == api.OutcomeCommitting && x.Base == nil
	case api.OpDelete:
		return x.State == noteDeleting
	case api.OpAdd, api.OpRemove, api.OpUpdate:
		return x.State == api.OutcomeCommitting && k.next != nil && k.next.ConfigID == x.Database.ConfigID
	}
	return false
}

// resumeNote carries out the note of a task. What members do not confirm in
// time is left to the finisher, as in the first run of the task.
func (n *Node) resumeNote(ctx context.Context, k *task, x *note) error {
	k.step("going on after a restart of the node", 50)
	if x.Base == nil {
		defer n.idle(x.Database.GUID)
		return n.carryOut(ctx, k, x)
	}
	c := changeOf(x.Base, x.Database)
	err := n.settle(ctx, k, x, nil)
	n.idle(c.next.GUID)
	if err != nil {
		return err
	}
	return n.afterwards(ctx, k, c)
}

// changeOf is what a change of one configuration to another does.
func changeOf(base, next *api.Database) *change {
	c := &change{base: base, next: next}
	for _, x := range next.Instances {
		if base.Instance(x.ID) == nil {
			c.added = append(c.added, x.ID)
		}
	}
	for i := range base.Instances {
		x := &base.Instances[i]
		switch gone := next.Removed(x.ID); {
		case gone == nil:
		case gone.Forced:
			c.gone = append(c.gone, x)
		default:
			c.leaving = append(c.leaving, x)
		}
	}
	return c
}

// cutShort says what is left of a task that does not go on after a restart. Where
// a restore made its database is seen by the note of the create, or the record.
func (n *Node) cutShort(k *task, records []*record) error {
	guid := k.api.GUID
	n.mu.Lock()
	x := n.mu.notes[guid]
	n.mu.Unlock()
	made := x != nil && x.State == api.OutcomeCommitting || x == nil && slices.ContainsFunc(records, func(r *record) bool {
		return r.Database.GUID == guid && r.Status == api.StatusCommitted
	})
	if k.api.Operation != api.OpRestore || !made {
		return interrupted(k)
	}
	return api.Errorf(http.StatusServiceUnavailable, api.CodeInterrupted, "the node stopped while the task was under way%s: the database that it made stays, and may lack keys. "+
		"If it has not been used since, delete it and restore again: crdb-cli crdb delete %s", atStep(k), guid)
}

// interrupted says what is left of a task that cannot go on.
func interrupted(k *task) error {
	left := "nothing was changed"
	switch k.api.Operation {
	case api.OpCreate:
		left = "nothing was made; what the clusters had prepared is removed"
	case api.OpImport:
		left = "what had been written stays"
	case api.OpBackup:
		left = "what is in its directory is no backup; remove it"
	case api.OpRestore:
		left = "no database was made, or it is being removed"
	case api.OpFlush, api.OpPurge, api.OpRecover:
		left = "it may have been carried out in part; run it again"
	}
	return api.Errorf(http.StatusServiceUnavailable, api.CodeInterrupted, "the node stopped while the task was under way%s: %s", atStep(k), left)
}

func atStep(k *task) string {
	if k.api.Progress.Step == "" {
		return ""
	}
	return fmt.Sprintf(" (%s, %d %%)", k.api.Progress.Step, k.api.Progress.Worker)
}
