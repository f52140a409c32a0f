package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"crdb/control/api"
)

// This file brings an instance back under a new ID, and removes what is left
// of one.

// asideDir holds the last data that a recovery put aside, one per database.
const asideDir = "set-aside"

// startPurge starts the removal of what is left of an instance here. One that is to
// come back by itself does not.
func (n *Node) startPurge(rq request, guid string, ids []int) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if err := n.checkOpened(guid); err != nil {
		return nil, err
	}
	r, err := n.findHosted(guid)
	back := n.expected(guid)
	switch {
	case err != nil && back == nil:
		return nil, err
	case err != nil && back.Replaces != 0 && !slices.Contains(ids, back.Replaces):
		return nil, badRequest("the instance that is put aside at this node is %d", back.Replaces)
	case n.tasks.running(api.OpRecover, guid):
		return nil, errRecovers
	case err != nil:
	case !slices.Contains(ids, r.Replica):
		return nil, badRequest("the instance at this node is %d; a purge works where the data is", r.Replica)
	case r.Status != api.StatusRemoved:
		return nil, api.Errorf(http.StatusConflict, api.CodeConflict, "instance %d is a member of database %q; remove it first", r.Replica, r.Database.Name)
	}
	return n.tasks.start(rq, api.OpPurge, guid, func(ctx context.Context, k *task) error {
		if !k.decide(ctx) {
			return context.Canceled
		}
		if err := n.returned(guid); err != nil {
			return err
		}
		if n.tasks.running(api.OpRecover, guid) { // one that begins from now on finds that nothing is to come back
			return errRecovers
		}
		n.change.Lock()
		defer n.change.Unlock()
		if db := n.database(guid); db != nil && db.record.Status == api.StatusRemoved {
			return n.dropLocked(guid, db)
		}
		return nil
	})
}

var errRecovers = api.Errorf(http.StatusConflict, api.CodeConflict, "the instance is just being recovered; see crdb-cli task list, and try again when that has ended")

// recovery is a task that brings the node's instance back.
type recovery struct {
	*api.Recover
	itself bool          // nobody asked for it
	own    *record       // nil: this node has none
	d      *api.Database // in force at the helper
	helper api.Cluster   // a member that carries out the changes
	old    *api.Instance // the instance to be replaced, nil: it is removed already
}

// startRecover checks what can be checked at once and starts the task.
func (n *Node) startRecover(rq request, rc *api.Recover, itself bool) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if err := n.checkOpened(rc.Database); err != nil {
		return nil, err
	}
	x := &recovery{Recover: rc, itself: itself}
	if x.own = n.hostedAs(rc.Database); x.own != nil && n.isWell(x.own.Database.GUID) {
		n.learn(n.ctx, x.own.Database.GUID)
		x.own = n.hostedAs(rc.Database)
	}
	switch {
	case x.own == nil && rc.From == "":
		return nil, api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "this node knows no database %q; name a member that does with --from HOST:ADMINPORT", rc.Database)
	case x.own != nil:
		if n.isWell(x.own.Database.GUID) {
			return nil, api.Errorf(http.StatusConflict, api.CodeConflict, "nothing is wrong with instance %d of database %q", x.own.Replica, x.own.Database.Name)
		}
	}
	guid := rc.Database
	if x.own != nil {
		guid = x.own.Database.GUID
	}
	return n.tasks.start(rq, api.OpRecover, guid, func(ctx context.Context, k *task) error { return n.recover(ctx, k, x) })
}

// hostedAs returns the record of a database by GUID or name, nil if there is none here.
func (n *Node) hostedAs(name string) (own *record) {
	for _, r := range n.hosted() {
		if r.Database.GUID == name || r.Database.Name == name {
			own = r
		}
	}
	return own
}

// isWell says whether nothing is known here that a recovery would mend. It may have been
// removed by force a moment ago, and be told by nobody yet: then learn asks.
func (n *Node) isWell(guid string) bool {
	code, _ := n.database(guid).restraint()
	return code == "" || code == codeLeaving
}

// recover is the task: the old instance is removed as one that is gone, its
// data is put aside, and a new one is added. Every step may be repeated: a
// recovery that was cut short is begun again.
func (n *Node) recover(ctx context.Context, k *task, x *recovery) error {
	k.step("looking for a member that can help", 5)
	if err := n.findHelper(ctx, x); err != nil {
		if api.IsCode(err, api.CodeDBNotFound) && n.isGone(ctx, x.Database) {
			n.returned(x.Database)
		}
		return err
	}
	if err := n.checkPlace(ctx, x); err != nil {
		return err
	}
	if err := n.checkBackup(x.Backup, x.d.GUID); err != nil {
		return err
	}
	back, err := n.comeback(ctx, x)
	if err != nil {
		return err
	}
	if x.itself && !n.isLost(x.d.GUID) {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "the instance was purged meanwhile, and does not come back by itself")
	}
	if !k.decide(ctx) {
		return context.Canceled
	}
	c := n.clientOf(x.helper)
	if x.old != nil {
		k.step(fmt.Sprintf("removing instance %d, as far as others hold its log", x.old.ID), 20)
		t, err := c.Modify(ctx, x.d.GUID, &api.Modify{RemoveInstances: []int{x.old.ID}, ForceRemove: true})
		if err := n.follow(ctx, k, c, t, err, 20); err != nil {
			return err
		}
	}
	if err := n.expectReturn(x, back); err != nil {
		return err
	}
	if err := n.putAside(ctx, x.d.GUID); err != nil {
		return err
	}
	k.step("adding the instance anew", 50)
	t, err := c.Modify(ctx, x.d.GUID, &api.Modify{AddInstances: []api.Instance{*back}, Backup: x.Backup})
	return n.follow(ctx, k, c, t, err, 50)
}

// findHelper finds a member that is well and has the whole state, and the newest
// configuration. Without one nothing is put aside: what is here may be all there is.
func (n *Node) findHelper(ctx context.Context, x *recovery) error {
	var ask []api.Instance
	guid := ""
	if x.own != nil {
		guid, ask = x.own.Database.GUID, n.others(x.own)
	}
	if x.From != "" {
		d, err := n.askFor(ctx, x.From, x.Database)
		if err != nil {
			return err
		}
		guid, ask = d.GUID, append(slices.Clone(d.Instances), ask...)
	}
	for _, s := range n.standings(ctx, guid, ask) {
		if d := s.Database; s.Status == api.StatusCommitted && (x.d == nil || d.ConfigVersion > x.d.ConfigVersion) {
			x.d = d
		}
	}
	if x.d == nil {
		return api.Errorf(0, api.CodeUnreachable, "no other member of the database answers; a new instance needs one to come from")
	}
	for _, y := range x.d.Instances {
		if y.NodeID == n.ID() || y.Region == n.opts.Settings.Region {
			x.old = &y
		}
	}
	for id, s := range n.standings(ctx, guid, x.d.Instances) {
		if s.Whole() && (x.old == nil || id != x.old.ID) {
			x.helper = x.d.Instance(id).Cluster
			return nil
		}
	}
	return api.Errorf(0, api.CodeUnreachable, "no other member of the database is well and has its whole state; a new instance needs one to come from. Nothing was put aside. "+
		"If none will be, choose the node that has most: force out all others there, restart it, and recover them")
}

// checkPlace refuses to force out the instance of another node that has taken this
// one's place in the region: where nobody asked for the recovery, whether that node
// answers or not, and for good; else while it answers.
func (n *Node) checkPlace(ctx context.Context, x *recovery) error {
	if x.old == nil || x.old.NodeID == n.ID() {
		return nil
	}
	if x.itself {
		n.returned(x.d.GUID)
		return api.Errorf(http.StatusConflict, api.CodeConflict, "instance %d at %s has taken the place in region %s; this node does not come back by itself", x.old.ID, x.old.Cluster.Name, x.old.Region)
	}
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	if info, err := n.clientOf(x.old.Cluster).Node(ctx); err == nil && info.ID == x.old.NodeID {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "instance %d of region %s is at %s, another node, which answers; remove it first", x.old.ID, x.old.Region, x.old.Cluster.Name)
	}
	return nil
}

// askFor asks a node for a database by GUID or name.
func (n *Node) askFor(ctx context.Context, node, name string) (*api.Database, error) {
	c, err := api.NewClient(node, n.client)
	if err != nil {
		return nil, badRequest("--from: %v", err)
	}
	all, err := c.Databases(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].GUID == name || all[i].Name == name {
			return &all[i], nil
		}
	}
	return nil, api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "%s has no database %q", node, name)
}

// comeback describes the instance to be added: where the old one was, unless
// the caller says otherwise. The others must reach this node there.
func (n *Node) comeback(ctx context.Context, x *recovery) (*api.Instance, error) {
	back := x.Instance
	switch {
	case back != nil:
	case x.old != nil:
		back = &api.Instance{Cluster: x.old.Cluster, DBConfig: x.old.DBConfig}
	case x.own != nil:
		gone := x.d.Removed(x.own.Replica)
		if gone == nil {
			return nil, badRequest("the database has no instance %d; say how others reach this node with --instance", x.own.Replica)
		}
		back = &api.Instance{Cluster: gone.Cluster, DBConfig: &api.DBConfig{Port: x.own.Port}}
	case x.d.LastOf(n.opts.Settings.Region) != nil: // removed already, and the directory is lost
		gone := x.d.LastOf(n.opts.Settings.Region)
		back = &api.Instance{Cluster: gone.Cluster, DBConfig: &api.DBConfig{Port: gone.Port}}
	default:
		return nil, badRequest("no instance of the database was at this node; add one with crdb-cli crdb add-instance")
	}
	info, err := n.clientOf(back.Cluster).Node(ctx)
	switch {
	case err != nil:
	case info.ID == n.ID() && info.Run != n.run:
		err = api.Errorf(http.StatusConflict, api.CodeCloned, "another process of this node answers at %s: this one is a copy; stop it", back.Cluster.Name)
	case info.ID != n.ID():
		err = api.Errorf(http.StatusConflict, api.CodeConflict, "another node answers at %s, where the old instance was: is it alive? If it is not, say how others reach this node with --instance", back.Cluster.Name)
	}
	return back, err
}

// follow waits for a task of another node and repeats what it says. It goes on
// over a restart of that node: the task does, too.
func (n *Node) follow(ctx context.Context, k *task, c *api.Client, t *api.Task, err error, percent int) error {
	if err != nil {
		return err
	}
	for id, misses := t.ID, 0; ; misses++ {
		t, err = c.Wait(ctx, id, n.opts.Timing.Retry, func(t *api.Task) {
			misses = 0
			if t.Progress.Step != "" {
				k.step(t.Progress.Step, percent+t.Progress.Worker*4/10)
			}
		})
		if err == nil {
			break
		}
		if ctx.Err() != nil || !unanswered(err) || misses == followMisses {
			return err
		}
		retry := time.NewTimer(n.opts.Timing.Retry)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
		}
	}
	for _, w := range t.Warnings {
		k.warn("%s", w)
	}
	if t.Status != api.TaskFailed {
		return nil
	}
	for _, e := range t.Errors {
		k.fail(e.Cluster, &api.Error{Code: e.Code, Description: e.Description})
	}
	return errMembers
}

// followMisses is how often in a row a node whose task is followed may not answer.
const followMisses = 50

// putAside takes an instance that was removed out of service and keeps its
// data for whoever wants to look into it. Of an earlier one nothing is kept.
func (n *Node) putAside(ctx context.Context, guid string) error {
	n.learn(ctx, guid)
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if db == nil {
		return nil
	}
	if db.record.Status != api.StatusRemoved {
		return fmt.Errorf("instance %d is still a member here", db.record.Replica)
	}
	if err := n.remember(db.record, false); err != nil { // before nothing is here that refuses to be made anew
		return err
	}
	if err := db.close(); err != nil {
		n.log.Warn("closing a database that is put aside", "database", db.record.Database.Name, "err", err)
	}
	n.mu.Lock()
	delete(n.mu.dbs, guid)
	n.mu.Unlock()
	err := n.dir.setAside(guid)
	if err == nil {
		n.log.Info("the data of the old instance is put aside", "database", db.record.Database.Name, "guid", guid, "dir", n.dir.at(asideDir, guid))
	}
	return err
}

// setAside moves a database's directory out of the way.
func (d *dir) setAside(guid string) error {
	if err := d.mkdir(asideDir); err != nil {
		return err
	}
	if err := d.remove(asideDir, guid); err != nil {
		return err
	}
	if err := d.fs.Rename(d.at(databases, guid), d.at(asideDir, guid)); err != nil {
		return err
	}
	if err := d.sync(d.at(databases)); err != nil {
		return err
	}
	return d.sync(d.at(asideDir))
}

// clearWay sees to it that a new database finds nothing of an older instance in
// its place. Data of one that is in service no more was to be put aside, and is;
// what never served goes.
func (d *dir) clearWay(guid string) error {
	names, err := d.list(databases, guid)
	if err != nil || len(names) == 0 {
		return err
	}
	r := &record{}
	err = d.read(r, databases, guid, recordFile)
	switch {
	case err == nil && r.Status == statusDropped:
		return d.removeDropped(guid, r)
	case !slices.Contains(names, dataDir) || err == nil && r.Status == api.StatusPosted:
		return d.removeDatabase(guid)
	}
	return d.setAside(guid)
}

// recoverFaulty brings instances that lost log back by themselves, where the
// settings say so. It begins again after a while if that fails, also where the old
// instance is put aside already.
func (n *Node) recoverFaulty() {
	now := n.opts.Now()
	if !n.opts.Settings.AutoRecover || now.Sub(n.tried) < autoRecoverEvery {
		return
	}
	for _, rc := range n.toRecover() {
		n.tried = now
		if _, err := n.startRecover(request{}, rc, true); err != nil {
			n.log.Error("cannot recover an instance", "guid", rc.Database, "err", err)
		}
	}
}

// autoRecoverEvery is the pause between two attempts to recover by itself.
const autoRecoverEvery = 30 * time.Second
