package control

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"crdb/control/api"
	"crdb/control/verify"
)

// verifyTimeout bounds one comparison of a database's instances.
const verifyTimeout = 10 * time.Minute

// verifyBatch bounds one query for digests to another node.
const verifyBatch = 30 * time.Second

// getVerify compares all instances of a database and says what differs. It may
// take longer than other requests.
func (n *Node) getVerify(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	return n.verify(r.Context(), guid)
}

// postDigests answers another node that compares.
func (n *Node) postDigests(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	q := &api.DigestQuery{}
	if err := body(r, q); err != nil {
		return nil, err
	}
	inst, err := n.serving(guid)
	if err != nil {
		return nil, err
	}
	return inst.Digests(r.Context(), q)
}

// serving returns the instance of a database that serves here.
func (n *Node) serving(guid string) (Instance, error) {
	if db := n.database(guid); db != nil && db.record.Status == api.StatusCommitted && db.inst != nil {
		return db.inst, nil
	}
	return nil, n.notHere(guid)
}

// readable is serving, also for an instance that is no member any more: what it holds
// nobody else may have.
func (n *Node) readable(guid string) (Instance, error) {
	if db := n.database(guid); db != nil && db.record.Status == api.StatusRemoved && db.inst != nil {
		return db.inst, nil
	}
	return n.serving(guid)
}

// verify compares the instances of a database. Those that do not answer are
// left out, and named in the report.
func (n *Node) verify(ctx context.Context, guid string) (*api.VerifyReport, error) {
	r, err := n.find(guid)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	begin := n.opts.Now()
	report := &api.VerifyReport{GUID: guid, Name: r.Database.Name}
	members := n.reachable(ctx, guid, r.Database.Instances, report)
	for len(members) > 1 {
		report.Keys, report.Differing, report.More, report.Changing = 0, nil, false, 0
		err := verify.Compare(ctx, members, verify.Options{Pause: pause}, report)
		var failed *verify.MemberError
		if err == nil || !errors.As(err, &failed) || ctx.Err() != nil {
			if err != nil {
				return nil, err
			}
			break
		}
		report.Unreachable = append(report.Unreachable, api.RegionError{Region: failed.Region, Error: failed.Err.Error()})
		members = without(members, failed.Region)
	}
	for _, m := range members {
		report.Regions = append(report.Regions, m.Region)
	}
	report.Seconds = n.opts.Now().Sub(begin).Seconds()
	n.noteVerified(report)
	return report, nil
}

// reachable asks every member for nothing, and returns those that answer.
func (n *Node) reachable(ctx context.Context, guid string, all []api.Instance, report *api.VerifyReport) (members []verify.Member) {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, x := range all {
		m := verify.Member{Region: x.Region, Digests: n.digestsOf(guid, x)}
		members = append(members, m)
		wg.Go(func() { _, errs[i] = m.Digests(ctx, &api.DigestQuery{}) })
	}
	wg.Wait()
	for i := len(all) - 1; i >= 0; i-- {
		if errs[i] != nil {
			report.Unreachable = append(report.Unreachable, api.RegionError{Region: all[i].Region, Error: errs[i].Error()})
			members = append(members[:i], members[i+1:]...)
		}
	}
	return members
}

func (n *Node) digestsOf(guid string, x api.Instance) func(context.Context, *api.DigestQuery) (*api.DigestAnswer, error) {
	return func(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
		if x.NodeID == n.ID() {
			inst, err := n.serving(guid)
			if err != nil {
				return nil, err
			}
			return inst.Digests(ctx, q)
		}
		c := n.clientOf(x.Cluster)
		if len(q.Slices)+len(q.Keys) > 0 {
			c.HTTP = n.patient
		}
		return c.Digests(ctx, guid, q)
	}
}

func without(members []verify.Member, region string) (left []verify.Member) {
	for _, m := range members {
		if m.Region != region {
			left = append(left, m)
		}
	}
	return left
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// verified is what the last comparison of a database found.
type verified struct {
	differing int
	at        time.Time
	seconds   float64
	complete  bool
}

// noteVerified remembers a report for the metrics, and raises the alarm. Only one of all
// regions ends the alarm: where they differ one may just be away.
func (n *Node) noteVerified(r *api.VerifyReport) {
	n.mu.Lock()
	for guid := range n.mu.verified {
		if n.mu.dbs[guid] == nil {
			delete(n.mu.verified, guid)
		}
	}
	v := verified{len(r.Differing), n.opts.Now(), r.Seconds, len(r.Unreachable) == 0}
	if !v.complete {
		v.differing = max(v.differing, n.mu.verified[r.GUID].differing)
	}
	compared := v.complete || len(r.Regions) > 1
	if compared {
		n.mu.verified[r.GUID] = v
	}
	n.mu.Unlock()
	for _, u := range r.Unreachable {
		n.log.Warn("a region was not compared", "database", r.Name, "guid", r.GUID, "region", u.Region, "err", u.Error)
	}
	if len(r.Differing) > 0 {
		k := r.Differing[0]
		n.log.Error("REGIONS DIFFER: keys have different states though the same operations were applied", "database", r.Name, "guid", r.GUID,
			"keys", len(r.Differing), "more", r.More, "first_db", k.DB, "first_key", string(k.Key), "digests", k.Digests)
		return
	}
	if !compared {
		return
	}
	n.log.Info("regions compared, no difference", "database", r.Name, "guid", r.GUID, "regions", r.Regions, "keys", r.Keys,
		"changing", r.Changing, "seconds", r.Seconds)
}

// verifier compares in the background what this node is the first member of.
func (n *Node) verifier() {
	defer n.wg.Done()
	every := n.opts.Settings.VerifyInterval
	if every == 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
		for _, r := range n.databases() {
			all := r.Database.Instances
			if len(all) < 2 || all[0].NodeID != n.ID() {
				continue
			}
			if _, err := n.verify(n.ctx, r.Database.GUID); err != nil && n.ctx.Err() == nil {
				n.log.Warn("the regions could not be compared", "database", r.Database.Name, "err", err)
			}
		}
	}
}
