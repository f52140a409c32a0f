package control

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"crdb/control/api"
)

// databases returns the records of the databases that serve here, by local
// number.
func (n *Node) databases() []*record {
	return slices.DeleteFunc(n.hosted(), func(r *record) bool { return r.Status != api.StatusCommitted })
}

// hosted returns those and the ones this node was removed from.
func (n *Node) hosted() []*record {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*record
	for _, db := range n.mu.dbs {
		if db.record.Status != api.StatusPosted {
			all = append(all, db.record)
		}
	}
	slices.SortFunc(all, func(a, b *record) int { return a.UID - b.UID })
	return all
}

// find returns the record of a database that serves here.
func (n *Node) find(guid string) (*record, error) {
	if db := n.database(guid); db != nil && db.record.Status == api.StatusCommitted {
		return db.record, nil
	}
	return nil, n.notHere(guid)
}

// notHere is the answer where there is no such database. One that is not open yet is here
// all the same: nobody must take a node that is just starting for one that has lost its disk.
func (n *Node) notHere(guid string) error {
	if err := n.checkOpened(guid); err != nil {
		return err
	}
	return api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "region %s has no database %s", n.opts.Settings.Region, guid)
}

// findHosted is find, also for a database this node was removed from.
func (n *Node) findHosted(guid string) (*record, error) {
	if db := n.database(guid); db != nil && db.record.Status == api.StatusRemoved {
		return db.record, nil
	}
	return n.find(guid)
}

// describe returns a database as the REST interface shows it here.
func (r *record) describe() *api.Database {
	d := r.Database.Clone()
	code, why := r.restraint()
	d.LocalDatabases = []api.LocalDatabase{{BDBUID: r.UID, ID: r.Replica, Status: code, Reason: why}}
	return d
}

// localHealth says how this node's instance of a database is.
func (n *Node) localHealth(guid string) (*api.HealthReport, error) {
	n.mu.Lock()
	db := n.mu.dbs[guid]
	n.mu.Unlock()
	if u := n.unopened(guid); u != nil {
		return u.health(n), nil
	}
	if db == nil {
		return nil, n.notHere(guid)
	}
	r := db.record
	d := r.Database
	h := &api.HealthReport{GUID: guid, Name: d.Name, Region: n.opts.Settings.Region, ClusterName: n.AdminAddr(), Connections: []api.ConnectionHealth{}}
	if own := d.Find(n.ID()); own != nil {
		h.ClusterName = own.Cluster.Name
	}
	h.Configurations = []api.ConfigurationHealth{{Name: d.Name, Version: d.ConfigVersion, Status: r.Status,
		CausalConsistency: d.CausalConsistency, FeaturesetVersion: d.FeaturesetVersion, ProtocolVersion: d.ProtocolVersion, Instances: d.Instances}}
	if x := r.Posted; x != nil {
		h.Configurations = append(h.Configurations, api.ConfigurationHealth{Name: x.Database.Name, Version: x.Database.ConfigVersion, Status: api.StatusPosted,
			CausalConsistency: x.Database.CausalConsistency, FeaturesetVersion: x.Database.FeaturesetVersion, ProtocolVersion: x.Database.ProtocolVersion, Instances: x.Database.Instances})
	}
	if h.Status, h.Alarm = db.restraint(); r.Status != api.StatusCommitted {
		return h, nil
	}
	h.ActiveConfigVersion = d.ConfigVersion
	if err := db.inst.Err(); err != nil && h.Status == "" {
		h.Status, h.Alarm = api.CodeRefused, err.Error()
	}
	if why := n.unservedWhy(guid); why != "" && h.Status == "" {
		h.Status, h.Alarm = api.CodeUnserved, why
	}
	for _, l := range db.inst.Links() {
		c := api.ConnectionHealth{Name: l.Region, Status: api.LinkDown, LagSeconds: l.Lag.Seconds(), LastError: l.LastError, Held: l.Held, Stuck: l.Stuck, Transfer: l.Transfer}
		if l.Connected {
			c.Status = api.LinkUp
		}
		c.Links = []api.ReplicationLink{{UID: strconv.Itoa(r.UID) + ":" + strconv.Itoa(l.Replica), Status: c.Status}}
		h.Connections = append(h.Connections, c)
	}
	return h, nil
}

// healthReport asks all members of a database how they are.
func (n *Node) healthReport(ctx context.Context, guid string) ([]api.HealthReport, error) {
	r, err := n.findHosted(guid)
	if u := n.unopened(guid); u != nil {
		r, err = u.record, nil
	}
	if err != nil {
		return nil, err
	}
	if r.Status == api.StatusRemoved || r.UID == 0 {
		h, err := n.localHealth(guid)
		if err != nil { // it was purged meanwhile
			return nil, err
		}
		return []api.HealthReport{*h}, nil
	}
	reports := make([]api.HealthReport, len(r.Database.Instances))
	var wg sync.WaitGroup
	for i, x := range r.Database.Instances {
		wg.Add(1)
		go func() {
			defer wg.Done()
			reports[i] = n.askHealth(ctx, r.Database, x)
		}()
	}
	wg.Wait()
	return reports, nil
}

func (n *Node) askHealth(ctx context.Context, d *api.Database, x api.Instance) api.HealthReport {
	guid := d.GUID
	var h *api.HealthReport
	var err error
	if x.NodeID == n.ID() {
		h, err = n.localHealth(guid)
	} else {
		ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
		defer cancel()
		h, err = n.clientOf(x.Cluster).LocalHealth(ctx, guid)
	}
	if err != nil {
		why := err.Error()
		if own := d.Find(n.ID()); own != nil && api.IsCode(err, api.CodeDBNotFound) {
			why += fmt.Sprintf("; if its disk is lost: crdb-cli --node %s crdb recover-instance %s --from %s", x.Cluster.Name, d.Name, own.Cluster.Name)
		}
		return api.HealthReport{ClusterName: x.Cluster.Name, Region: x.Region, GUID: guid, Name: d.Name, ConnectionError: why,
			Configurations: []api.ConfigurationHealth{}, Connections: []api.ConnectionHealth{}}
	}
	return *h
}

// clientOf returns a client for another node.
func (n *Node) clientOf(c api.Cluster) *api.Client {
	base, err := c.BaseURL()
	if err != nil {
		base = "http://invalid." // was checked when the database was made
	}
	return &api.Client{Base: base, HTTP: n.client}
}
