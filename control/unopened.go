package control

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"crdb/control/api"
)

// This file is the databases that cannot be opened at a start, or cannot have their
// port, while others of the node serve.
//
// One that cannot be opened is here all the same: nothing of its disk is changed, and
// whoever asks about it, or tells it something, hears what a node that is loading says.
// It is not taken for one that has no data, has left or has carried a change out. The
// next start tries again.

// unopened is a database that could not be opened. Of one whose record cannot be read
// only the GUID is known, and UID is 0.
type unopened struct {
	record *record
	why    error
}

// leaveUnopened goes on without a database.
func (n *Node) leaveUnopened(r *record, why error) {
	n.log.Error("a database cannot be opened, and does not serve until the node is started again", "database", r.Database.Name, "guid", r.Database.GUID, "err", why)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.unopened[r.Database.GUID] = &unopened{r, why}
}

// unopened returns a database that could not be opened, by GUID or name; else nil.
func (n *Node) unopened(name string) *unopened {
	n.mu.Lock()
	defer n.mu.Unlock()
	for guid, u := range n.mu.unopened {
		if guid == name || u.record.Database.Name == name {
			return u
		}
	}
	return nil
}

// allUnopened returns all that could not be opened.
func (n *Node) allUnopened() (all []*unopened) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, u := range n.mu.unopened {
		all = append(all, u)
	}
	return all
}

// checkOpened is checkLoaded for one database: nobody must take one that cannot be opened
// for one that is not here.
func (n *Node) checkOpened(guid string) error {
	if err := n.checkLoaded(); err != nil {
		return err
	}
	if u := n.unopened(guid); u != nil {
		return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "region %s: %v", n.opts.Settings.Region, u)
	}
	return nil
}

// Error says why, and what to do.
func (u *unopened) Error() string {
	return fmt.Sprintf("database %q cannot be opened: %v; nothing of it was changed. Restart the node when that is mended", u.name(), u.why)
}

func (u *unopened) name() string { return cmp.Or(u.record.Database.Name, u.record.Database.GUID) }

// describe is that of its record.
func (u *unopened) describe() *api.Database {
	d := u.record.describe()
	d.LocalDatabases[0].Status, d.LocalDatabases[0].Reason = api.CodeUnopened, u.Error()
	return d
}

// health is what can be said without an instance.
func (u *unopened) health(n *Node) *api.HealthReport {
	d := u.record.Database
	h := &api.HealthReport{GUID: d.GUID, Name: d.Name, Region: n.opts.Settings.Region, ClusterName: n.AdminAddr(), Status: api.CodeUnopened, Alarm: u.Error(),
		Configurations: []api.ConfigurationHealth{}, Connections: []api.ConnectionHealth{}}
	if own := d.Find(n.ID()); own != nil {
		h.ClusterName = own.Cluster.Name
	}
	return h
}

// admitBesideLocked refuses a new database that would be in the way of one that could not be
// opened. The caller holds mu.
func (n *Node) admitBesideLocked(d *api.Database) (uid int, err error) {
	for guid, u := range n.mu.unopened {
		switch {
		case u.record.UID == 0:
			return 0, api.Errorf(http.StatusConflict, api.CodeConflict, "region %s cannot read what database %s is, and takes no new one meanwhile: %v", n.opts.Settings.Region, guid, u.why)
		case u.record.Database.Name == d.Name:
			return 0, api.Errorf(http.StatusConflict, api.CodeNameInUse, "region %s has a database %q already, which cannot be opened", n.opts.Settings.Region, d.Name)
		}
		uid = max(uid, u.record.UID)
	}
	return uid, nil
}

// serveLater goes on with a database that cannot serve clients: it replicates, and tries
// again and again, more and more rarely.
func (n *Node) serveLater(db *database, why error) {
	guid, name := db.record.Database.GUID, db.record.Database.Name
	n.log.Error("a database cannot serve clients; that is tried again", "database", name, "guid", guid, "err", why)
	n.setUnserved(guid, why)
	n.inform(db)
	n.wg.Go(func() {
		for pause := n.opts.Timing.Retry; ; pause = min(2*pause, maxServePause) {
			again := time.NewTimer(pause)
			select {
			case <-again.C:
			case <-n.ctx.Done():
				again.Stop()
				return
			}
			if n.serveAgain(guid, db.inst) {
				return
			}
		}
	})
}

// serveAgain tries once; true if that is over.
func (n *Node) serveAgain(guid string, inst Instance) bool {
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if n.ctx.Err() != nil || db == nil || db.inst != inst { // dropped meanwhile, and perhaps made anew
		n.setUnserved(guid, nil)
		return true
	}
	err := inst.Serve(n.addr(db.record.Port))
	n.setUnserved(guid, err)
	if err != nil {
		n.log.Warn("a database still cannot serve clients", "database", db.record.Database.Name, "guid", guid, "err", err)
		return false
	}
	n.log.Info("database is serving", "database", db.record.Database.Name, "guid", guid, "port", db.record.Port, "replica", db.record.Replica)
	return true
}

func (n *Node) setUnserved(guid string, why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if why == nil {
		delete(n.mu.unserved, guid)
	} else {
		n.mu.unserved[guid] = why
	}
}

// unservedWhy says why a database that is open does not serve clients, "" if it does.
func (n *Node) unservedWhy(guid string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.mu.unserved[guid]; err != nil {
		return "it does not serve clients here now: " + err.Error()
	}
	return ""
}

// checkAny refuses a start that would serve no database at all where there are some: a
// supervisor, and who looks at it, must see that.
func (n *Node) checkAny() error {
	var errs []error
	for _, u := range n.allUnopened() {
		errs = append(errs, fmt.Errorf("database %q: %w", u.name(), u.why))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for guid, db := range n.mu.dbs {
		switch err := n.mu.unserved[guid]; {
		case err != nil:
			errs = append(errs, fmt.Errorf("database %q: %w", db.record.Database.Name, err))
		case db.record.Status != api.StatusPosted:
			return nil
		}
	}
	return errors.Join(errs...)
}
