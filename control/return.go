package control

import (
	"context"
	"strings"

	"crdb/control/api"
)

// This file is what a node that recovers by itself remembers from when it puts an
// instance aside until the new one serves: without a record nothing else says that
// one is missing here.

const returnsDir = "returning"

// returning is an instance that is to come back.
type returning struct {
	GUID     string        `json:"guid"`
	Name     string        `json:"name,omitempty"` // of the database
	From     []string      `json:"from"`           // base URLs of members
	Instance *api.Instance `json:"instance"`
	Replaces int           `json:"replaces,omitempty"` // the instance that was here; 0: none was known
	Backup   string        `json:"backup_dir,omitempty"`
	tries    int           // guarded by Node.mu
}

// readReturns takes up what is written down. What cannot be read is no reason not
// to start: recover-instance --from does the same.
func (n *Node) readReturns() error {
	names, err := n.dir.list(returnsDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		x := &returning{}
		err := n.dir.read(x, returnsDir, name)
		switch {
		case strings.HasSuffix(name, tempSuffix):
		case err != nil || x.GUID+".json" != name || len(x.From) == 0:
			n.log.Warn("what is kept of a recovery cannot be read", "file", n.dir.at(returnsDir, name), "err", err)
		default:
			n.mu.Lock()
			n.mu.returns[x.GUID] = x
			n.mu.Unlock()
		}
	}
	return nil
}

// expectReturn writes down that the instance of a recovery is to come back, where
// the settings say that this happens by itself.
func (n *Node) expectReturn(x *recovery, back *api.Instance) error {
	if !n.opts.Settings.AutoRecover {
		return nil
	}
	r := &returning{GUID: x.d.GUID, Name: x.d.Name, Instance: back, Backup: x.Backup}
	if x.own != nil {
		r.Replaces = x.own.Replica
	} else if old := n.expected(r.GUID); old != nil {
		r.Replaces = old.Replaces
	}
	for i := range x.d.Instances {
		if y := &x.d.Instances[i]; x.old == nil || y.ID != x.old.ID {
			r.From = append(r.From, n.clientOf(y.Cluster).Base)
		}
	}
	if err := n.dir.mkdir(returnsDir); err != nil {
		return err
	}
	if err := n.dir.write(r, returnsDir, r.GUID+".json"); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.returns[r.GUID] = r
	return nil
}

// hasReturned ends what expectReturn began where the new instance is committed: the
// node crashed before it could. The caller is load.
func (n *Node) hasReturned(r *record) {
	x := n.expected(r.Database.GUID)
	if x != nil && r.Status == api.StatusCommitted && r.Replica != x.Replaces {
		n.isBack(r.Database.GUID)
	}
}

// isBack ends what expectReturn began when the new instance is committed. Where the disk
// does not take that, the next start does it, or whoever drops the instance.
func (n *Node) isBack(guid string) {
	if n.expected(guid) == nil || n.returned(guid) == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.returns, guid)
}

// expected returns what expectReturn began, nil if nothing.
func (n *Node) expected(guid string) *returning {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.returns[guid]
}

// isLost reports whether an instance is to be recovered by itself.
func (n *Node) isLost(guid string) bool {
	db := n.database(guid)
	return n.expected(guid) != nil || db != nil && db.record.Fault != nil
}

// returned ends what expectReturn began: an instance serves, or the database is
// gone, or somebody wants nothing of it here any more. An error: it is to come back still.
func (n *Node) returned(guid string) error {
	if err := n.dir.removeFrom(returnsDir, guid+".json"); err != nil {
		n.log.Error("cannot remove what is kept of a recovery", "guid", guid, "err", err)
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.returns, guid)
	return nil
}

// missing returns the GUID of a database whose instance here is to come back, "" if
// there is none.
func (n *Node) missing() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for guid := range n.mu.returns {
		return guid
	}
	return ""
}

// comesBack reports whether an instance of a database of this name is to come back, or
// one of which an earlier build did not write down the name.
func (n *Node) comesBack(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.mu.returns {
		if r.Name == name || r.Name == "" {
			return true
		}
	}
	return false
}

// toRecover says what is to be recovered by itself and is not just being: instances
// that are to come back, asking another member each time, and those that lost log.
func (n *Node) toRecover() (all []*api.Recover) {
	n.mu.Lock()
	for guid, r := range n.mu.returns {
		if n.mu.unopened[guid] != nil {
			continue
		}
		if db := n.mu.dbs[guid]; db != nil && db.record.Status == api.StatusPosted { // it is being added
			continue
		}
		all = append(all, &api.Recover{Database: guid, From: r.From[r.tries%len(r.From)], Instance: r.Instance, Backup: r.Backup})
		r.tries++
	}
	for guid, db := range n.mu.dbs {
		if db.record.Status != api.StatusPosted && db.record.Fault != nil && n.mu.returns[guid] == nil {
			all = append(all, &api.Recover{Database: guid})
		}
	}
	n.mu.Unlock()
	idle := all[:0]
	for _, rc := range all {
		if !n.tasks.running(api.OpRecover, rc.Database) {
			idle = append(idle, rc)
		}
	}
	return idle
}

// isGone reports whether the database that an instance could come back to was deleted:
// a former member says so, or all answer that they have none. That one has none may
// only mean that it has left, or has lost its disk.
func (n *Node) isGone(ctx context.Context, guid string) bool {
	r := n.expected(guid)
	if r == nil {
		return false
	}
	all := true
	for _, from := range r.From {
		if _, err := n.askFor(ctx, from, guid); !api.IsCode(err, api.CodeDBNotFound) {
			all = false
			continue
		}
		call, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
		o, err := (&api.Client{Base: from, HTTP: n.client}).Outcome(call, guid, "")
		cancel()
		if err == nil && o.Deleted {
			return true
		}
	}
	return all
}
