package control

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"crdb/backup"
	"crdb/control/api"
)

// This file makes backups of databases, into a directory of this node, and
// new databases of backups.

func (n *Node) postBackup(r *http.Request) (any, error) {
	q := &api.BackupRequest{}
	if err := body(r, q); err != nil {
		return nil, err
	}
	return n.startOn(r, func(rq request, guid string) (*api.Task, error) { return n.startBackup(rq, guid, q.Dir) })
}

// startBackup starts the backup of a database.
func (n *Node) startBackup(rq request, guid, dir string) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	rec, err := n.find(guid)
	if err != nil {
		return nil, err
	}
	inst, err := n.serving(guid)
	if err != nil {
		return nil, err
	}
	if err := n.checkOutside(dir); err != nil {
		return nil, err
	}
	return n.tasks.start(rq, api.OpBackup, guid, func(ctx context.Context, k *task) error {
		k.step("checkpoint", 0)
		moved, err := inst.Backup(ctx, dir, rec.describe(), func(done float64) { k.step("writing", int(done*99)) })
		if err == nil {
			k.moved(*moved)
			n.log.Info("backup is written", "database", rec.Database.Name, "dir", dir, "bytes", moved.Bytes)
		}
		return err
	})
}

// checkOutside takes an absolute path that is not part of the data directory.
func (n *Node) checkOutside(dir string) error {
	if !strings.HasPrefix(dir, "/") {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "dir %q is not an absolute path on the node", dir)
	}
	if inside(dir, n.dir.path) || inside(n.dir.path, dir) {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "dir %q is part of the node's data directory, or holds it", dir)
	}
	return nil
}

// inside reports whether a path is dir or below it.
func inside(path, dir string) bool {
	return strings.HasPrefix(strings.TrimRight(path, "/")+"/", strings.TrimRight(dir, "/")+"/")
}

func (n *Node) postRestore(r *http.Request) (any, error) {
	q := &api.RestoreRequest{}
	if err := body(r, q); err != nil {
		return nil, err
	}
	rq, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	return n.startRestore(rq, q.Dir, &q.Database)
}

// startRestore starts to make a new database of a backup in a directory of this
// node, which must be one of its members; without instances it is the only one.
func (n *Node) startRestore(rq request, dir string, d *api.Database) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if err := n.checkOutside(dir); err != nil {
		return nil, err
	}
	d = d.Clone()
	if len(d.Instances) == 0 {
		d.Instances = []api.Instance{{Cluster: api.Cluster{Name: n.AdminAddr()}}}
	}
	if d.GUID != "" || d.ConfigVersion != 0 {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "guid and config_version are assigned by the node; leave them out")
	}
	if err := d.Validate(); err != nil {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	}
	d.GUID = n.newGUID()
	return n.tasks.start(rq, api.OpRestore, d.GUID, func(ctx context.Context, k *task) error { return n.restore(ctx, k, dir, d) })
}

// restore is the task. The backup is checked as a whole before there is a
// database; one that could not be filled is deleted again.
func (n *Node) restore(ctx context.Context, k *task, dir string, d *api.Database) error {
	k.step("checking the backup", 0)
	b, err := backup.Open(n.opts.FS, dir)
	if err == nil {
		err = b.Verify(ctx)
	}
	if err != nil {
		return err
	}
	if err := n.create(ctx, k, d); err != nil {
		return err
	}
	err = n.fill(ctx, k, dir, d.GUID)
	if err != nil {
		k.step("removing what was restored", 99)
		if e := n.delete(context.WithoutCancel(ctx), k, d); e != nil {
			err = fmt.Errorf("%w; the database that was made could not be deleted: %w", err, e)
		}
	}
	return err
}

func (n *Node) fill(ctx context.Context, k *task, dir, guid string) error {
	inst, err := n.serving(guid)
	if err != nil {
		return fmt.Errorf("the node that has the backup must be one of the instances: %w", err)
	}
	moved, err := inst.Restore(ctx, dir, func(m api.Moved, done float64) {
		k.moved(m)
		k.step("writing the keys", int(done*99))
	})
	k.moved(moved)
	return err
}
