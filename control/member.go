package control

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"crdb/control/api"
)

// This file is the member's side of a change: Prepare, Commit, Drop. Node and
// api.Client both have these methods, so that a coordinator treats itself
// like the others.

// member is a node that takes part in a change.
type member interface {
	Prepare(ctx context.Context, p *api.Prepare) (*api.Prepared, error)
	Post(ctx context.Context, p *api.Post) error
	Unpost(ctx context.Context, guid, config string) error
	Commit(ctx context.Context, d *api.Database) error
	Standing(ctx context.Context, guid string, replica int, run uint64) (*api.Standing, error)
	Tolerate(ctx context.Context, guid string, stamp uint64) error
	Drain(ctx context.Context, guid string, d *api.Drain) (*api.Drained, error)
	SetUsers(ctx context.Context, guid string, u *api.Users) error
	Drop(ctx context.Context, guid string) error
}

// Prepare writes down an instance as posted, opens it, and holds its port.
func (n *Node) Prepare(_ context.Context, p *api.Prepare) (*api.Prepared, error) {
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	db, err := n.prepareLocked(p)
	if err != nil {
		return nil, err
	}
	return &api.Prepared{Port: db.record.Port, DBUID: db.record.UID}, nil
}

func (n *Node) prepareLocked(p *api.Prepare) (*database, error) {
	d := p.Database
	if d == nil || !api.IsGUID(d.GUID) {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "the database has no GUID")
	}
	if err := n.checkOpened(d.GUID); err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	}
	own := d.Find(n.ID())
	if db := n.database(d.GUID); own != nil && db != nil && db.record.Status == api.StatusPosted && db.record.Database.ConfigID != d.ConfigID {
		if err := n.dropLocked(d.GUID, db); err != nil { // of a change that was given up
			return nil, err
		}
	}
	if own == nil || own.ID < 1 || own.Region != n.opts.Settings.Region {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "database %q names no instance on node %s of region %s", d.Name, n.ID(), n.opts.Settings.Region)
	}
	uid, known, err := n.admit(d)
	if err != nil || known != nil {
		return known, err
	}
	if err := n.checkGone(d.GUID, own.ID); err != nil {
		return nil, err
	}
	if err := n.checkBackup(p.Backup, d.GUID); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Instances, func(x api.Instance) bool { return x.NodeID == n.ID() })
	reserved, err := n.reserve(d.Port(i), d.GUID)
	if err != nil {
		return nil, err
	}
	r := &record{Status: api.StatusPosted, UID: uid, Port: reserved.Addr().(*net.TCPAddr).Port, Replica: own.ID, Joined: d.ConfigVersion > 1,
		Backup: p.Backup, Coordinator: p.Coordinator, ExpiresMS: n.expiry(p.TimeoutMS), Database: d.Clone()}
	db, err := n.makeDatabase(r)
	if err != nil {
		reserved.Close()
		return nil, err
	}
	db.reserved = reserved
	n.put(d.GUID, db)
	n.log.Info("database is prepared", "database", d.Name, "guid", d.GUID, "port", r.Port)
	return db, nil
}

// admit says whether a new database fits in here, under which local number; or
// returns it if it is here already.
func (n *Node) admit(d *api.Database) (uid int, known *database, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if db := n.mu.dbs[d.GUID]; db != nil {
		if own := d.Find(n.ID()); own.ID != db.record.Replica {
			return 0, nil, api.Errorf(http.StatusConflict, api.CodeConflict, "region %s still has instance %d of database %s, which is %s; purge that first",
				n.opts.Settings.Region, db.record.Replica, d.GUID, db.record.Status)
		}
		return 0, db, nil
	}
	if slices.Contains(n.mu.dropped, d.GUID) {
		return 0, nil, api.Errorf(http.StatusConflict, api.CodeRemoved, "database %s was removed from this node", d.GUID)
	}
	if len(n.mu.dbs)+len(n.mu.unopened) >= maxDatabases {
		return 0, nil, api.Errorf(http.StatusConflict, api.CodeLimit, "this node hosts %d databases; the limit is %d", len(n.mu.dbs)+len(n.mu.unopened), maxDatabases)
	}
	if uid, err = n.admitBesideLocked(d); err != nil {
		return 0, nil, err
	}
	for _, db := range n.mu.dbs {
		if db.record.Database.Name == d.Name {
			return 0, nil, api.Errorf(http.StatusConflict, api.CodeNameInUse, "region %s has a database %q already", n.opts.Settings.Region, d.Name)
		}
		uid = max(uid, db.record.UID)
	}
	return uid + 1, nil, nil
}

func (n *Node) put(guid string, db *database) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.dbs[guid] = db
}

func (n *Node) expiry(timeoutMS int64) int64 {
	wait := time.Duration(timeoutMS) * time.Millisecond
	if wait <= 0 || wait > maxPrepare {
		wait = n.opts.Timing.Prepare
	}
	return n.opts.Now().Add(wait).UnixMilli()
}

// expired reports whether it is time to ask. What is further ahead than any expiry was
// written down when the clock was: nobody waits until that comes.
func (n *Node) expired(ms int64) bool {
	now := n.opts.Now()
	return ms <= now.UnixMilli() || ms > now.Add(maxPrepare).UnixMilli()
}

// makeDatabase writes the record of a new database and opens it; it leaves
// nothing behind if that fails.
func (n *Node) makeDatabase(r *record) (*database, error) {
	guid := r.Database.GUID
	if err := n.dir.clearWay(guid); err != nil {
		return nil, api.Errorf(http.StatusInternalServerError, api.CodeInternal, "region %s: there is an older instance of database %q in the way: %v", n.opts.Settings.Region, r.Database.Name, err)
	}
	err := n.dir.mkdir(databases)
	if err == nil {
		err = n.dir.mkdir(databases, guid)
	}
	if err == nil {
		err = n.dir.writeRecord(r)
	}
	var db *database
	if err == nil {
		db, err = n.openDatabase(r)
	}
	if err != nil {
		if e := n.dir.removeDatabase(guid); e != nil {
			n.log.Error("cannot remove what a failed create left", "guid", guid, "err", e)
		}
		return nil, api.Errorf(http.StatusInternalServerError, api.CodeInternal, "region %s: cannot make database %q: %v", n.opts.Settings.Region, r.Database.Name, err)
	}
	return db, nil
}

// openDatabase opens the instance of a record.
func (n *Node) openDatabase(r *record) (*database, error) {
	inst, err := n.host.Open(n.spec(r))
	if err != nil {
		return nil, err
	}
	return &database{record: r, inst: inst}, nil
}

// spec says which instance belongs to a record.
func (n *Node) spec(r *record) Spec {
	d := r.Database
	return Spec{Dir: n.dir.at(databases, d.GUID, dataDir), GUID: d.GUID, Name: d.Name, Replica: r.Replica, Port: r.Port,
		Users: n.dir.at(usersDir, d.GUID+".acl"), Join: r.Joined, Backup: r.Backup, Run: n.run, Notice: func(x Notice) { n.notice(d.GUID, x) }}
}

// Commit makes an instance serve. It prepares it first if it is not here: a
// coordinator that came back late finds members that have given up.
func (n *Node) Commit(_ context.Context, d *api.Database) error {
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.checkReady(); err != nil {
		return err
	}
	if err := n.checkOpened(d.GUID); err != nil {
		return err
	}
	db := n.database(d.GUID)
	switch {
	case db != nil && db.record.Status != api.StatusPosted:
		return n.adoptLocked(db, d)
	case db == nil && d.Find(n.ID()) == nil:
		return nil // it has left already
	}
	anew := db == nil || db.unchecked || db.record.Database.ConfigID != d.ConfigID // then it was not prepared in this run, or for another change
	db, err := n.prepareLocked(&api.Prepare{Database: d})
	if err != nil {
		return err
	}
	posted := db.record
	r := *posted
	r.Status, r.Database, r.Coordinator, r.ExpiresMS = api.StatusCommitted, d.Clone(), "", 0
	if err := n.dir.writeRecord(&r); err != nil {
		return fmt.Errorf("region %s: %w", n.opts.Settings.Region, err)
	}
	db = &database{record: &r, inst: db.inst, reserved: db.reserved, unchecked: anew}
	if err := n.serve(db); err != nil {
		if e := n.dir.writeRecord(posted); e != nil {
			n.log.Error("cannot take back a commit", "database", d.Name, "err", e)
		}
		return api.Errorf(http.StatusConflict, api.CodePortInUse, "region %s: %v", n.opts.Settings.Region, err)
	}
	n.put(d.GUID, db)
	n.isBack(d.GUID)
	n.log.Info("database is serving", "database", d.Name, "guid", d.GUID, "port", r.Port, "replica", r.Replica)
	if anew {
		n.wg.Go(func() { n.checkAnew(d.GUID) })
	}
	return nil
}

// serve tells the instance its members and starts it.
func (n *Node) serve(db *database) error {
	if db.reserved != nil {
		db.reserved.Close()
		db.reserved = nil
	}
	n.alarm(db)
	n.restrain(db)
	if f := db.record.Fault; f == nil || f.Code != faultNoData {
		if err := db.inst.Serve(n.addr(db.record.Port)); err != nil {
			return err
		}
	}
	n.inform(db)
	return nil
}

// Drop removes an instance with its data, whatever state it is in.
func (n *Node) Drop(_ context.Context, guid string) error {
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.checkOpened(guid); err != nil { // what is not open is here all the same
		return err
	}
	n.toldToDrop(guid)
	db := n.database(guid)
	if db == nil {
		return nil
	}
	return n.dropLocked(guid, db)
}

// toldToDrop remembers a database as deleted, in this run.
func (n *Node) toldToDrop(guid string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.dropped = append(slices.DeleteFunc(n.mu.dropped, func(g string) bool { return g == guid }), guid) // it may be told again and again
	if len(n.mu.dropped) > maxNotes {
		n.mu.dropped = n.mu.dropped[1:]
	}
}

// dropLocked is Drop with change held.
func (n *Node) dropLocked(guid string, db *database) error {
	r := *db.record
	served := r.Status != api.StatusPosted
	if served { // before nothing is here that says that it has come back
		if err := n.returned(guid); err != nil {
			return fmt.Errorf("region %s: %w", n.opts.Settings.Region, err)
		}
	}
	if served || n.creates(guid) { // who has the create to carry out must know after a crash that it is over
		if err := n.remember(&r, n.wasDropped(guid)); err != nil {
			return fmt.Errorf("region %s: %w", n.opts.Settings.Region, err)
		}
	}
	r.Status = statusDropped
	if err := n.dir.writeRecord(&r); err != nil {
		return fmt.Errorf("region %s: %w", n.opts.Settings.Region, err)
	}
	if err := db.close(); err != nil {
		n.log.Warn("closing a database that is being removed", "database", r.Database.Name, "err", err)
	}
	n.mu.Lock()
	delete(n.mu.dbs, guid)
	delete(n.mu.drains, guid)
	n.mu.Unlock()
	if err := n.dir.removeDropped(guid, &r); err != nil {
		return fmt.Errorf("region %s: the database is stopped, but its files are not all removed: %w", n.opts.Settings.Region, err)
	}
	n.log.Info("database is removed", "database", r.Database.Name, "guid", guid)
	return nil
}

// checkLoaded is checkReady for what a node does until its end.
func (n *Node) checkLoaded() error {
	if n.state.Load() == stateLoading {
		return n.checkReady()
	}
	return nil
}

func (n *Node) checkReady() error {
	switch n.state.Load() {
	case stateLoading:
		return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "region %s is still loading its databases", n.opts.Settings.Region)
	case stateDraining:
		return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "region %s is shutting down", n.opts.Settings.Region)
	}
	return nil
}
