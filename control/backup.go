package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
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
		return coded(err)
	})
}

// coded gives an error of package backup a code that says whose mistake it is.
func coded(err error) error {
	switch {
	case errors.Is(err, backup.ErrDirectory):
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	case errors.Is(err, backup.ErrDamaged):
		return api.Errorf(http.StatusConflict, api.CodeDamaged, "%v", err)
	}
	return err
}

// checkOutside takes an absolute path that is not part of the data directory.
func (n *Node) checkOutside(dir string) error {
	if !strings.HasPrefix(dir, "/") {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "dir %q is not an absolute path on the node", dir)
	}
	if real, own := resolved(dir), resolved(n.dir.path); inside(real, own) || inside(own, real) {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "dir %q is part of the node's data directory, or holds it", dir)
	}
	return nil
}

// resolved follows the symbolic links of a path, as far as it is there: a backup's
// directory is made only later.
func resolved(path string) string {
	path = filepath.Clean(path)
	for rest, p := "", path; ; rest, p = filepath.Join(filepath.Base(p), rest), filepath.Dir(p) {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(real, rest)
		}
		if p == filepath.Dir(p) {
			return path
		}
	}
}

// inside reports whether a path is dir or below it.
func inside(path, dir string) bool {
	return strings.HasPrefix(strings.TrimRight(filepath.Clean(path), "/")+"/", strings.TrimRight(filepath.Clean(dir), "/")+"/")
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
		own, err := n.ownCluster()
		if err != nil {
			return nil, err
		}
		d.Instances = []api.Instance{{Cluster: own}}
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
// database; one that could not be filled is deleted again, unless the node stops.
func (n *Node) restore(ctx context.Context, k *task, dir string, d *api.Database) error {
	k.step("checking the backup", 0)
	b, err := backup.Open(n.opts.FS, dir)
	if err == nil {
		err = b.Verify(ctx)
	}
	if err != nil {
		return coded(err)
	}
	users, err := b.Users()
	if err != nil {
		return coded(err)
	}
	if err := n.checkIncluded(ctx, d); err != nil {
		return err
	}
	if err := inherit(d, b.Manifest, n.regionsFor(ctx, d)); err != nil {
		return err
	}
	if err := n.create(ctx, k, d); err != nil {
		return err
	}
	k.step("setting the users", 0)
	err = n.setUsers(ctx, k, d, users)
	if err == nil {
		err = n.fill(ctx, k, dir, d.GUID)
	}
	return n.restored(ctx, k, d.GUID, err)
}

// restored ends a restore that has made its database. One that failed is undone,
// unless the node stops: that would take longer than a stop may, and what is left
// of it could not be told from a database in use.
func (n *Node) restored(ctx context.Context, k *task, guid string, err error) error {
	if err == nil || n.ctx.Err() != nil {
		return err
	}
	k.step("removing what was restored", 99)
	if e := n.delete(context.WithoutCancel(ctx), k, guid); e != nil {
		err = fmt.Errorf("%w; the database that was made could not be deleted: %w", err, e)
	}
	return err
}

// checkIncluded refuses a database that is to have no instance on this node,
// which has the backup. Nodes that do not answer are left to create.
func (n *Node) checkIncluded(ctx context.Context, d *api.Database) error {
	for _, x := range d.Instances {
		if info, err := n.whois(ctx, x.Cluster); err != nil || info.ID == n.ID() {
			return nil
		}
	}
	return badRequest("node %s, which has the backup, must be one of the instances", n.AdminAddr())
}

// regionsFor asks in which regions the instances of a database will be; those of
// nodes that do not answer are "".
func (n *Node) regionsFor(ctx context.Context, d *api.Database) []string {
	all := make([]string, len(d.Instances))
	for i, x := range d.Instances {
		if info, err := n.whois(ctx, x.Cluster); err == nil {
			all[i] = info.Region
		}
	}
	return all
}

// inherit gives a database the settings that the backed up one had in all
// regions, and those that it had in one region alone in that region, where it has
// none of its own. The ports are not taken over.
func inherit(d *api.Database, m *backup.Manifest, regions []string) error {
	if len(m.Config) == 0 {
		return nil
	}
	old := &api.Database{}
	if err := json.Unmarshal(m.Config, old); err != nil {
		return fmt.Errorf("the configuration in the backup: %w", err)
	}
	for _, was := range old.Instances {
		i := slices.Index(regions, was.Region)
		if i < 0 || was.Region == "" || was.DBConfig == nil {
			continue
		}
		own := was.DBConfig.Without(d.DefaultDBConfig)
		if x := d.Instances[i].DBConfig; x != nil {
			own = x.Over(own)
		}
		d.Instances[i].DBConfig = &own
	}
	old.DefaultDBConfig.Port = 0
	d.DefaultDBConfig = d.DefaultDBConfig.Over(old.DefaultDBConfig)
	return d.Validate()
}

// usersBytes is how much of the users goes to a member in one call.
const usersBytes = api.MaxBody / 4

// setUsers gives the users of a backup to all members: one without them would
// let in whom the others do not.
func (n *Node) setUsers(ctx context.Context, k *task, d *api.Database, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	var failed error
	for i := range d.Instances {
		x := &d.Instances[i]
		if err := n.sendUsers(ctx, n.memberOf(x), d.GUID, lines); err != nil {
			k.fail(x.Cluster.Name, fmt.Errorf("users: %w", err))
			failed = errMembers
		}
	}
	if failed == nil && (len(lines) > 1 || !strings.Contains(lines[0], " nopass ")) {
		k.warn("%d users are restored in all regions. They are in a file of the database at each node, which ACL SAVE writes and ACL LOAD reads there; the node's own aclfile and requirepass do not count for this database any more", len(lines))
	}
	return failed
}

func (n *Node) sendUsers(ctx context.Context, m member, guid string, lines []string) error {
	for add := false; len(lines) > 0; add = true {
		size, count := 0, 0
		for count < len(lines) && (count == 0 || size+len(lines[count]) <= usersBytes) {
			size += len(lines[count])
			count++
		}
		ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
		err := m.SetUsers(ctx, guid, &api.Users{Lines: lines[:count], Add: add})
		cancel()
		if err != nil {
			return err
		}
		lines = lines[count:]
	}
	return nil
}

func (n *Node) postUsers(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	u := &api.Users{}
	if err := body(r, u); err != nil {
		return nil, err
	}
	return struct{}{}, n.SetUsers(r.Context(), guid, u)
}

// SetUsers is the member's side.
func (n *Node) SetUsers(_ context.Context, guid string, u *api.Users) error {
	inst, err := n.serving(guid)
	if err == nil {
		err = n.dir.mkdir(usersDir)
	}
	if err == nil {
		err = inst.SetUsers(u.Lines, u.Add)
	}
	if err != nil {
		return err
	}
	return n.dir.sync(n.dir.at(usersDir))
}

func (n *Node) fill(ctx context.Context, k *task, dir, guid string) error {
	inst, err := n.serving(guid)
	if err != nil {
		return err
	}
	moved, err := inst.Restore(ctx, dir, func(m api.Moved, done float64) {
		k.moved(m)
		k.step("writing the keys", int(done*99))
	})
	k.moved(moved)
	return err
}

// checkBackup checks, as far as that is quick, that a directory has a backup of
// the database for an instance that joins.
func (n *Node) checkBackup(dir, guid string) error {
	if dir == "" {
		return nil
	}
	if err := n.checkOutside(dir); err != nil {
		return err
	}
	b, err := backup.Open(n.opts.FS, dir)
	if err != nil {
		return coded(err)
	}
	if m := b.Manifest; m.Database != guid {
		return badRequest("%s is a backup of another database: %s, %s", dir, m.Name, m.Database)
	}
	return nil
}
