package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"crdb/control/api"
)

// This file is the coordinator's side of a create.

// errMembers says that a task failed on members it has named already.
var errMembers = errors.New("control: failed on some clusters")

// startCreate checks what can be checked at once and starts the task.
func (n *Node) startCreate(rq request, d *api.Database) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if d.GUID != "" || d.ConfigVersion != 0 || d.ConfigID != "" || d.HighestID != 0 || len(d.RemovedInstances) > 0 {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "guid and the versions of the configuration are assigned by the node; leave them out")
	}
	if err := d.Validate(); err != nil {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	}
	d = d.Clone()
	d.GUID = n.newGUID()
	return n.tasks.start(rq, api.OpCreate, d.GUID, func(ctx context.Context, k *task) error {
		err := n.create(ctx, k, d)
		if err == nil {
			n.awaitLinks(ctx, k, d.GUID)
		}
		return err
	})
}

// dryRun checks a create as far as it goes without changing anything.
func (n *Node) dryRun(ctx context.Context, d *api.Database) (*api.DryRun, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	}
	d = d.Clone()
	failed := ""
	err := n.resolve(ctx, d, func(cluster string, err error) {
		failed += fmt.Sprintf("%s: %v; ", cluster, err)
	})
	if errors.Is(err, errMembers) {
		return nil, api.Errorf(http.StatusNotAcceptable, api.CodeConflict, "%s", failed[:len(failed)-2])
	}
	return &api.DryRun{OK: err == nil, Database: d}, err
}

// create is the task.
func (n *Node) create(ctx context.Context, k *task, d *api.Database) error {
	for _, x := range d.Instances {
		k.cluster(x.Cluster.Name, 0)
	}
	k.step("asking the clusters", 5)
	if err := n.resolve(ctx, d, k.fail); err != nil {
		return err
	}
	x, err := n.begin(&note{State: api.OutcomePreparing, Database: d})
	if err != nil {
		return err
	}
	defer n.idle(d.GUID)
	k.step("preparing", 20)
	err = n.prepareAll(ctx, k, d)
	if err == nil && !k.decide(ctx) {
		err = context.Canceled
	}
	if err == nil {
		err = n.setNote(x, api.OutcomeCommitting)
	}
	if err == nil {
		k.commit()
		k.step("committing", 60)
		err = n.carryOut(ctx, k, x)
	}
	if err == nil {
		n.log.Info("database is created", "database", d.Name, "guid", d.GUID, "instances", len(d.Instances))
		return nil
	}
	n.abort(k, x)
	return err
}

// abort drops the database everywhere. What cannot be reached now, the finisher
// reaches later. It goes on while the node shuts down, for a moment.
func (n *Node) abort(k *task, x *note) {
	k.step("cleaning up", 90)
	decided := x.Unsure || x.State == api.OutcomeCommitting // on disk, at least perhaps
	var err error
	if x.State != api.OutcomePreparing {
		err = k.uncommit() // else a start that finds no note takes it for done
	}
	if err == nil {
		err = n.setNote(x, noteAborting)
	}
	if err != nil {
		n.log.Error("cannot note that a create is aborted", "database", x.Database.Name, "err", err)
		if decided {
			k.fail("", fmt.Errorf("the disk of this node takes nothing: when it does, or the node is restarted, the database may be made all the same: %w", err))
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), n.opts.Timing.Call)
	defer cancel()
	for name, err := range n.round(ctx, x, nil) {
		n.log.Warn("a failed create is not cleaned up yet; it is retried", "database", x.Database.Name, "cluster", name, "err", err)
	}
}

// resolve asks every instance's node who it is, and completes the database
// with identities, replica IDs and addresses.
func (n *Node) resolve(ctx context.Context, d *api.Database, fail func(cluster string, err error)) error {
	infos := make([]*api.Node, len(d.Instances))
	errs := make([]error, len(d.Instances))
	var wg sync.WaitGroup
	for i := range d.Instances {
		wg.Add(1)
		go func() {
			defer wg.Done()
			infos[i], errs[i] = n.whois(ctx, d.Instances[i].Cluster)
		}()
	}
	wg.Wait()
	seen := map[string]string{}
	for i := range d.Instances {
		if errs[i] == nil {
			errs[i] = n.complete(&d.Instances[i], i+1, infos[i], seen)
		}
	}
	var failed error
	for i, err := range errs {
		if err != nil {
			fail(d.Instances[i].Cluster.Name, err)
			failed = errMembers
		}
	}
	d.ConfigVersion, d.ConfigID, d.HighestID, d.CausalConsistency = 1, d.GUID, len(d.Instances), true
	d.ProtocolVersion, d.FeaturesetVersion = api.ProtocolVersion, api.FeaturesetVersion
	return failed
}

// whois asks a node who it is, and whether it can share a database with this
// one.
func (n *Node) whois(ctx context.Context, c api.Cluster) (*api.Node, error) {
	client := n.clientOf(c)
	if client.Base == "http://"+n.AdminAddr() {
		return n.describe(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	before := n.opts.Now()
	info, err := client.Node(ctx)
	if err != nil {
		return nil, err
	}
	after := n.opts.Now()
	switch {
	case info.ProtocolVersion != api.ProtocolVersion || info.FormatVersion != api.FormatVersion:
		return nil, api.Errorf(http.StatusConflict, api.CodeVersion, "its crdb %s has protocol version %d and format version %d; this node has %d and %d",
			info.Version, info.ProtocolVersion, info.FormatVersion, api.ProtocolVersion, api.FormatVersion)
	case !info.Ready:
		return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "it is not ready")
	}
	// Its clock was read somewhere between before and after.
	there := time.UnixMilli(info.TimeMillis)
	off := max(before.Sub(there), there.Sub(after))
	if drift := n.opts.Settings.MaxClockDrift; off > drift {
		return nil, api.Errorf(http.StatusConflict, api.CodeClock, "its clock is %v away from this node's; max-clock-drift is %v", off.Round(time.Millisecond), drift)
	}
	return info, nil
}

// complete fills in what an instance's node said about itself.
func (n *Node) complete(x *api.Instance, id int, info *api.Node, seen map[string]string) error {
	if other, ok := seen[info.ID]; ok {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "it is the same node as %s", other)
	}
	if other, ok := seen[info.Region]; ok {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "it is in region %s like %s; a database has one instance a region", info.Region, other)
	}
	seen[info.ID], seen[info.Region] = x.Cluster.Name, x.Cluster.Name
	base := n.clientOf(x.Cluster).Base
	x.ID, x.Region, x.NodeID, x.Cluster.URL = id, info.Region, info.ID, base
	if x.Cluster.ReplicationEndpoint == "" {
		u, err := url.Parse(base)
		if err != nil {
			return err
		}
		// Where the operator reaches it, by name if he gave one: a name may point elsewhere
		// one day, the address that it listens on now would stay in the configuration.
		x.Cluster.ReplicationEndpoint = net.JoinHostPort(u.Hostname(), strconv.Itoa(info.PeerPort))
	}
	return nil
}

// memberOf returns the member an instance is on.
func (n *Node) memberOf(x *api.Instance) member {
	if x.NodeID == n.ID() {
		return n
	}
	c := n.clientOf(x.Cluster)
	c.NodeID = x.NodeID
	return c
}

// prepareAll has all members prepare, and completes the database with the
// ports they hold.
func (n *Node) prepareAll(ctx context.Context, k *task, d *api.Database) error {
	p := &api.Prepare{Database: d.Clone(), Coordinator: n.coordinatorURL(d), TimeoutMS: n.opts.Timing.Prepare.Milliseconds()}
	answers := make([]*api.Prepared, len(d.Instances))
	errs := make([]error, len(d.Instances))
	var wg sync.WaitGroup
	for i := range d.Instances {
		wg.Add(1)
		go func() {
			defer wg.Done()
			ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
			defer cancel()
			answers[i], errs[i] = n.memberOf(&p.Database.Instances[i]).Prepare(ctx, p)
		}()
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed error
	for i, err := range errs {
		x := &d.Instances[i]
		if err != nil {
			k.fail(x.Cluster.Name, err)
			failed = errMembers
			continue
		}
		k.cluster(x.Cluster.Name, 50)
		own := api.DBConfig{}
		if x.DBConfig != nil {
			own = *x.DBConfig
		}
		own.Port = answers[i].Port
		x.DBConfig, x.DBUID = &own, answers[i].DBUID
	}
	return failed
}

// coordinatorURL returns where members ask what became of a create: as the
// caller named this node, or as it is bound if it is no member.
func (n *Node) coordinatorURL(d *api.Database) string {
	if own := d.Find(n.ID()); own != nil {
		return own.Cluster.URL
	}
	return "http://" + n.AdminAddr()
}

// describe says who this node is.
func (n *Node) describe() *api.Node {
	n.mu.Lock()
	count := len(n.mu.dbs) + len(n.mu.unopened)
	n.mu.Unlock()
	return &api.Node{ID: n.ID(), Region: n.opts.Settings.Region, Run: n.run, Version: api.Version().Version,
		ProtocolVersion: api.ProtocolVersion, FormatVersion: api.FormatVersion, Ready: n.state.Load() == stateReady,
		PeerPort: n.host.PeerPort(), TimeMillis: n.opts.Now().UnixMilli(), Databases: count}
}
