package control

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"crdb/control/api"
)

// This file is how a node starts with what is on its disk.

// load opens the databases on disk and takes up unfinished changes.
func (n *Node) load() error {
	notes, err := n.dir.notes()
	if err != nil {
		return err
	}
	var undecided []*note
	for _, x := range notes {
		if x.State == api.OutcomePreparing && (x.Base != nil || len(x.Database.Instances) == 0) { // a change, or a delete: it is given up below
			undecided = append(undecided, x)
			if x = x.Over; x == nil {
				continue
			}
		}
		if x.State == api.OutcomePreparing {
			x.State = noteWithdrawn
		}
		n.mu.Lock()
		n.mu.notes[x.Database.GUID] = x
		n.mu.Unlock()
	}
	if n.gone, err = n.dir.readGone(); err != nil {
		return err
	}
	if err := n.readReturns(); err != nil {
		return err
	}
	records, err := n.dir.records(n.leaveUnopened, func(path string) {
		n.log.Warn("there is something among the databases that is none; it is left alone", "path", path)
	})
	if err != nil {
		return err
	}
	if err := n.recallTasks(records); err != nil {
		return err
	}
	if records, err = n.openAll(records); err != nil {
		return err
	}
	n.bootChecks(records)
	if err := n.ctx.Err(); err != nil { // nobody was asked to the end: nothing may be written
		return err
	}
	if err := n.serveAll(records); err != nil {
		return err
	}
	for _, x := range undecided {
		if db := n.database(x.Database.GUID); db != nil && (db.record.Fault != nil || db.halted != nil) {
			x.State = noteWithdrawn // an old disk, or a copy: it may have been decided since
		}
		if n.forget(x) != nil { // the finisher goes on, and no other change takes its place before
			n.mu.Lock()
			n.mu.notes[x.Database.GUID] = x
			n.mu.Unlock()
		}
	}
	return nil
}

// openAll opens the databases of records, and returns the records of those that are open. All
// are before one is checked: peers ask, too.
func (n *Node) openAll(records []*record) (open []*record, err error) {
	for _, r := range records {
		if err := n.ctx.Err(); err != nil {
			return nil, err
		}
		var db *database
		err := n.checkData(r)
		if err == nil {
			db, err = n.openDatabase(r)
		}
		if err != nil {
			n.leaveUnopened(r, err)
			continue
		}
		db.unchecked = r.Status != api.StatusRemoved // one that is posted: until its commit
		n.put(r.Database.GUID, db)
		open = append(open, r)
	}
	return open, n.checkAny()
}

// serveAll lets the databases serve clients.
func (n *Node) serveAll(records []*record) error {
	var later []func()
	for _, r := range records {
		db := n.database(r.Database.GUID)
		if db == nil || db.record.Status == api.StatusPosted {
			continue
		}
		if err := n.serve(db); err != nil {
			n.setUnserved(r.Database.GUID, err)
			later = append(later, func() { n.serveLater(db, err) })
		}
	}
	if err := n.checkAny(); err != nil {
		return err
	}
	for _, f := range later {
		f()
	}
	return nil
}

// warnRoutes says which routes name a region that no database here has: it may be added
// later, or be misspelt.
func (n *Node) warnRoutes() {
	all := n.hosted()
	if len(all) == 0 || len(n.allUnopened()) > 0 { // it may be a region of these
		return
	}
	for region := range n.opts.Settings.PeerRoutes {
		has := func(x api.Instance) bool { return x.Region == region }
		if !slices.ContainsFunc(all, func(r *record) bool { return slices.ContainsFunc(r.Database.Instances, has) }) {
			n.log.Warn("peer-route names a region that no database of this node has; look at how it is spelt, unless it is to be added", "region", region)
		}
	}
}

// bootChecks asks the others about all instances, of some databases at a time: a member
// that swallows packets is waited for once, and not for each of its databases.
func (n *Node) bootChecks(records []*record) {
	var guids []string
	for _, r := range records {
		n.hasReturned(r)
		if r.Status == api.StatusCommitted {
			guids = append(guids, r.Database.GUID)
		}
	}
	several(guids, func(guid string) {
		n.bootCheck(guid)
		n.checked(guid)
	})
}

// bootstrap makes the database of the settings, unless this node has one of that name.
func (n *Node) bootstrap() error {
	s := n.opts.Settings
	if s.Database == "" {
		return nil
	}
	if n.unopened(s.Database) != nil || n.unopened("") != nil {
		return nil // it may be this one
	}
	for _, r := range n.hosted() { // one that was removed keeps its name until it is purged
		if r.Database.Name == s.Database {
			if r.Port != s.Port {
				n.log.Warn("database keeps the port it was made with", "database", s.Database, "port", r.Port, "asked", s.Port)
			}
			return nil
		}
	}
	if n.comesBack(s.Database) || n.bootstrapping(s.Database) {
		return nil
	}
	if n.hasLeft(s.Database) { // apps would write to an empty one that nobody else has
		n.log.Warn("the database of the settings was removed from this node, and is not made anew: add the node to it, or make one with crdb-cli crdb create", "database", s.Database)
		return nil
	}
	own, err := n.ownCluster()
	var t *api.Task
	if err == nil {
		t, err = n.startCreate(request{}, &api.Database{Name: s.Database, DefaultDBConfig: api.DBConfig{Port: s.Port}, Instances: []api.Instance{{Cluster: own}}})
	}
	if err == nil {
		t, err = n.tasks.wait(n.ctx, t.ID)
	}
	if err == nil && t.Status == api.TaskFailed {
		err = errors.New(t.Errors[0].Description)
	}
	if err != nil {
		return fmt.Errorf("cannot make database %q: %w", s.Database, err)
	}
	return nil
}

// bootstrapping reports whether a create of a database of this name is under way here. What
// an earlier start has left of one is finished first: the finisher does not run yet.
func (n *Node) bootstrapping(name string) bool {
	for guid, db := range n.snapshot() {
		if db.record.Status != api.StatusPosted || db.record.Database.Name != name {
			continue
		}
		n.finishNote(guid)
		if db = n.database(guid); db != nil && db.record.Status == api.StatusPosted {
			n.log.Warn("the database of the settings is just being made; if that fails, the next start makes it", "database", name, "guid", guid)
		}
		return db != nil
	}
	return false
}

// ownCluster says where others reach this node, for a database that names no nodes. A
// node that listens on all addresses does not know which of them that is, and what
// stands in a configuration cannot be changed: "[::]" is whoever reads it.
func (n *Node) ownCluster() (api.Cluster, error) {
	if ip := net.ParseIP(n.opts.Settings.Bind); ip != nil && ip.IsUnspecified() {
		return api.Cluster{}, badRequest("the node listens on %s, all addresses there are, and does not know at which one others reach it: "+
			"start it with --bind and that address, or name it: crdb-cli crdb create, or restore, with --instance HOST:ADMINPORT", n.opts.Settings.Bind)
	}
	return api.Cluster{Name: n.AdminAddr()}, nil
}
