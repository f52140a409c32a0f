package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"crdb/control/api"
)

// This file is a member's side of a change of its configuration: Post and
// Unpost, and how a committed configuration takes effect.

// Post writes down a configuration to come. From here on its new instances
// count for what is kept of the log, and no other change of the same version
// is accepted here.
func (n *Node) Post(_ context.Context, p *api.Post) error {
	if p.Database == nil || p.Base == nil || !api.IsGUID(p.Database.GUID) || p.Base.GUID != p.Database.GUID || p.Database.ConfigVersion != p.Base.ConfigVersion+1 || p.Database.ConfigID == "" {
		return badRequest("the change is not complete")
	}
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.checkReady(); err != nil {
		return err
	}
	db, err := n.baseLocked(p)
	if err != nil {
		return err
	}
	r := db.record
	if x := r.Posted; x != nil && x.Database.ConfigID != p.Database.ConfigID && !coordinatorGone(x, p.Database) {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s: another change to configuration version %d is under way, coordinated by %s",
			n.opts.Settings.Region, x.Database.ConfigVersion, x.Coordinator)
	} else if x != nil && p.Database.HighestID < x.Database.HighestID { // somebody may have committed it (invariant 11)
		return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s: the change that this one takes the place of has given out instance ID %d; ask again, at a node of this version",
			n.opts.Settings.Region, x.Database.HighestID)
	}
	if gone := p.Database.Removed(r.Replica); gone != nil && !gone.Forced && !n.drained(db) {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s has not handed over everything it has", n.opts.Settings.Region)
	}
	db, err = n.rewriteLocked(db, func(r *record) {
		r.Posted = &posted{p.Database.Clone(), p.Coordinator, n.expiry(p.TimeoutMS), r.Posted.without(p.Database.ConfigID)}
	})
	if err == nil {
		n.restrain(db)
		n.inform(db)
	}
	return err
}

// baseLocked returns the database that a change is about, if it stands on the
// configuration committed here. One that this member has not heard of yet it
// learns now.
func (n *Node) baseLocked(p *api.Post) (*database, error) {
	guid, region := p.Database.GUID, n.opts.Settings.Region
	if err := n.checkOpened(guid); err != nil {
		return nil, err
	}
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted {
		return nil, api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "region %s has no database %s", region, guid)
	}
	if db.record.Database.ConfigVersion < p.Base.ConfigVersion {
		if err := n.yieldLocked(db, p); err != nil {
			return nil, err
		}
		if err := n.adoptLocked(n.database(guid), p.Base); err != nil {
			return nil, err
		}
		if db = n.database(guid); db == nil || db.record.Status != api.StatusCommitted {
			return nil, api.Errorf(http.StatusConflict, api.CodeConflict, "region %s is no member any more", region)
		}
	}
	have := db.record.Database
	if have.ConfigVersion != p.Base.ConfigVersion || have.ConfigID != p.Base.ConfigID {
		return nil, api.Errorf(http.StatusConflict, api.CodeConflict,
			"region %s has configuration version %d already; the change was made for version %d. Look at it and try again",
			region, have.ConfigVersion, p.Base.ConfigVersion)
	}
	return db, nil
}

// Unpost takes back a Post, or the Prepare of a new instance.
func (n *Node) Unpost(_ context.Context, guid, config string) error {
	n.change.Lock()
	defer n.change.Unlock()
	if err := n.checkOpened(guid); err != nil {
		return err
	}
	db := n.database(guid)
	switch {
	case db == nil:
		return nil
	case db.record.Status == api.StatusPosted && db.record.Database.ConfigID == config:
		return n.dropLocked(guid, db)
	case !db.record.Posted.has(config):
		return nil
	}
	n.endDrain(guid)
	db, err := n.rewriteLocked(db, func(r *record) { r.Posted = r.Posted.without(config) })
	if err == nil {
		n.restrain(db)
		n.inform(db)
	}
	return err
}

// adoptLocked makes a committed configuration the one in force.
func (n *Node) adoptLocked(db *database, d *api.Database) error {
	have := db.record.Database
	switch {
	case db.record.Status != api.StatusCommitted || d.ConfigVersion < have.ConfigVersion:
		return nil
	case d.ConfigVersion == have.ConfigVersion && d.ConfigID == have.ConfigID:
		return nil
	case d.ConfigVersion == have.ConfigVersion:
		return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s has another configuration of version %d; one of the two was made by force",
			n.opts.Settings.Region, d.ConfigVersion)
	case d.ConfigVersion == have.ConfigVersion+1 && db.record.Posted != nil && db.record.Posted.Over.has(d.ConfigID):
		return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s: a change that forces out the coordinator of this one was posted, coordinated by %s; it has to be given up first",
			n.opts.Settings.Region, db.record.Posted.Coordinator)
	}
	own := d.Find(n.ID())
	if own == nil || own.ID != db.record.Replica {
		return n.leaveLocked(db, d)
	}
	db, err := n.rewriteLocked(db, func(r *record) {
		r.Database, r.Posted, r.GivenUp = d.Clone(), nil, nil
	})
	if err != nil {
		return err
	}
	n.restrain(db)
	n.log.Info("configuration is in force", "database", d.Name, "guid", d.GUID, "version", d.ConfigVersion, "instances", len(d.Instances))
	n.inform(db)
	return nil
}

// leaveLocked ends the life of an instance that the configuration does not
// name any more.
//
// One that has handed over everything is dropped; it has posted the change. One
// that was forced out keeps its data for whoever wants to save what nobody else
// has, and takes no writes that nobody would ever see.
func (n *Node) leaveLocked(db *database, d *api.Database) error {
	gone := d.Removed(db.record.Replica)
	if x := db.record.Posted; x != nil && x.Database.ConfigID == d.ConfigID && gone != nil && !gone.Forced {
		return n.dropLocked(d.GUID, db)
	}
	return n.outLocked(db, func(r *record) { r.Database = d.Clone() })
}

// outLocked makes an instance one that is no member any more. What is there stays, to
// be read and purged. It takes no writes from then on, also where that cannot be written down.
func (n *Node) outLocked(db *database, f func(*record)) error {
	out := func(r *record) {
		r.Status, r.Posted = api.StatusRemoved, nil
		f(r)
	}
	next, err := n.rewriteLocked(db, out)
	if err != nil {
		r := *db.record
		out(&r)
		code, why := r.restraint()
		n.haltLocked(db, &fault{code, why})
		return err
	}
	n.alarm(next)
	n.restrain(next)
	n.inform(next)
	return nil
}

// rewriteLocked replaces a database's record, on disk first.
func (n *Node) rewriteLocked(db *database, f func(*record)) (*database, error) {
	r := *db.record
	f(&r)
	if err := n.dir.writeRecord(&r); err != nil {
		return db, fmt.Errorf("region %s: %w", n.opts.Settings.Region, err)
	}
	next := &database{record: &r, inst: db.inst, reserved: db.reserved, halted: db.halted, unchecked: db.unchecked}
	n.put(r.Database.GUID, next)
	return next, nil
}

// database returns a database whatever its state, nil if there is none.
func (n *Node) database(guid string) *database {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.dbs[guid]
}

// inform tells an instance its members and settings. New members count from
// the post on, leaving ones until the commit.
func (n *Node) inform(db *database) {
	r := db.record
	if r.Status == api.StatusRemoved {
		db.inst.SetMembers(r.Database.ConfigVersion, nil)
		return
	}
	all := slices.Clone(r.Database.Instances)
	for x := range r.Posted.each() {
		for _, y := range x.Database.Instances {
			if !slices.ContainsFunc(all, func(z api.Instance) bool { return z.ID == y.ID }) {
				all = append(all, y)
			}
		}
	}
	members := make([]Member, 0, len(all))
	for _, x := range all {
		addr := x.Cluster.ReplicationEndpoint
		if route := n.opts.Settings.PeerRoutes[x.Region]; route != "" {
			addr = route
		}
		members = append(members, Member{Replica: x.ID, Region: x.Region, Addr: addr})
	}
	if err := db.inst.Configure(r.settings()); err != nil {
		n.log.Error("a setting of the database is refused here", "database", r.Database.Name, "err", err)
	}
	db.inst.SetMembers(r.Database.ConfigVersion, members)
}

// settings are the redis.conf settings that the configuration gives to the
// instance.
func (r *record) settings() map[string]string {
	s := map[string]string{}
	for i, x := range r.Database.Instances {
		if x.ID != r.Replica {
			continue
		}
		c := r.Database.Config(i)
		if c.MemorySize != nil {
			s["maxmemory"] = fmt.Sprint(*c.MemorySize)
		}
		if c.EvictionPolicy != "" {
			s["maxmemory-policy"] = c.EvictionPolicy
		}
		if c.AOFPolicy != "" {
			s["appendfsync"] = map[string]string{"appendfsync-always": "always", "appendfsync-every-sec": "everysec"}[c.AOFPolicy]
		}
	}
	return s
}

// Standing says how this node sees a database and a replica of it.
func (n *Node) Standing(_ context.Context, guid string, replica int, run uint64) (*api.Standing, error) {
	db := n.database(guid)
	if db == nil {
		return nil, n.notHere(guid)
	}
	h := db.inst.Holdings()
	s := &api.Standing{Database: db.record.Database, Status: db.record.Status, Durable: h.Durable, Issued: h.Issued, Clock: h.Clock, Others: h.Others, Held: h.Held}
	if db.record.Posted != nil {
		s.Posted, s.Highest = db.record.Posted.Database.ConfigID, db.record.Posted.Database.HighestID
	}
	if f := db.record.Fault; f != nil {
		s.LostLog, s.NoData = f.Code == api.CodeLostLog, f.Code == faultNoData
	}
	s.Partial = catchingUp(db.inst) != ""
	if err := db.inst.Err(); err != nil {
		s.Writes = err.Error()
	}
	if replica != 0 {
		end, err := db.inst.End(replica)
		if err != nil {
			return nil, err
		}
		s.End, s.EndHash, s.Seen = api.Position{ID: replica, Time: end.Time}, end.Hash, end.Seen
		s.Other = db.inst.OtherRun(replica, run)
	}
	return s, nil
}
