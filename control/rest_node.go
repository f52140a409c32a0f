package control

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"crdb/control/api"
)

// This file is what nodes and machines ask a node: /v1/node, /livez, /readyz.

func (n *Node) getNode(*http.Request) (any, error) { return n.describe(), nil }

func (n *Node) postPrepared(r *http.Request) (any, error) {
	p := &api.Prepare{}
	if err := body(r, p); err != nil {
		return nil, err
	}
	return n.Prepare(r.Context(), p)
}

func (n *Node) putCommit(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	d := &api.Database{}
	if err := body(r, d); err != nil {
		return nil, err
	}
	if d.GUID != guid {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "the path names database %s, the body %s", guid, d.GUID)
	}
	if err := n.checkMeant(r); err != nil {
		return nil, err
	}
	return struct{}{}, n.Commit(r.Context(), d)
}

func (n *Node) deleteInstance(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	if err := n.checkMeant(r); err != nil {
		return nil, err
	}
	return struct{}{}, n.Drop(r.Context(), guid)
}

// checkMeant refuses a call that names another node, which had this address once
// or will have it again: what is not here may be there. Older builds name none.
func (n *Node) checkMeant(r *http.Request) error {
	if id := r.URL.Query().Get("node"); id != "" && id != n.ID() {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "node %s is meant, and node %s of region %s answers at its address", id, n.ID(), n.opts.Settings.Region)
	}
	return nil
}

func (n *Node) postPosted(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	p := &api.Post{}
	if err := body(r, p); err != nil {
		return nil, err
	}
	if p.Database == nil || p.Database.GUID != guid {
		return nil, badRequest("the path names database %s, the body another", guid)
	}
	return struct{}{}, n.Post(r.Context(), p)
}

func (n *Node) postDrain(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	d := &api.Drain{}
	if err := body(r, d); err != nil {
		return nil, err
	}
	return n.Drain(r.Context(), guid, d)
}

func (n *Node) postRecover(r *http.Request) (any, error) {
	rc := &api.Recover{}
	if err := body(r, rc); err != nil {
		return nil, err
	}
	rq, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	return n.startRecover(rq, rc, false)
}

func (n *Node) deletePosted(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, n.Unpost(r.Context(), guid, r.PathValue("config"))
}

func (n *Node) getStanding(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	replica, err := strconv.ParseUint(q.Get("replica"), 10, 16)
	if err != nil {
		return nil, badRequest("replica=%s is not the ID of an instance", q.Get("replica"))
	}
	run, err := strconv.ParseUint(q.Get("run"), 10, 64)
	if err != nil {
		return nil, badRequest("run=%s is not a number", q.Get("run"))
	}
	return n.Standing(r.Context(), guid, int(replica), run)
}

func (n *Node) getLocalHealth(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	return n.localHealth(guid)
}

func (n *Node) getOutcome(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	if err := n.checkOpened(guid); err != nil { // neither the notes may be read yet, nor what is in force
		return nil, err
	}
	return n.outcome(guid, r.URL.Query().Get("config_id")), nil
}

// getLive answers as long as the process does its work at all.
func (n *Node) getLive(*http.Request) (any, error) {
	return map[string]string{"status": "alive"}, nil
}

// getReady answers whether clients are served; with max_lag_ms also whether
// what the other regions write arrives in time.
func (n *Node) getReady(r *http.Request) (any, error) {
	if err := n.checkServing(); err != nil {
		return nil, err
	}
	limit, err := milliseconds(r, "max_lag_ms", -1)
	if err != nil {
		return nil, err
	}
	all := n.hosted() // clients of one that this node was removed from must go elsewhere, too
	for _, u := range n.allUnopened() {
		return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "%v", u)
	}
	for _, rec := range all {
		if why := n.unfit(rec, limit); why != "" {
			return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "database %q: %s", rec.Database.Name, why)
		}
	}
	if guid := n.missing(); guid != "" && n.opts.Settings.AutoRecover {
		return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "database %s: its instance here is put aside, and is to come back under a new ID; purge-instance here ends that", guid)
	}
	return map[string]any{"status": "ready", "databases": len(all)}, nil
}

// checkServing is checkReady for clients: the first database is there, too.
func (n *Node) checkServing() error {
	if n.state.Load() == stateStarting {
		return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "region %s is still making its first database", n.opts.Settings.Region)
	}
	return n.checkReady()
}

// unfit says why clients should not use the database here, "" if they may. A
// limit below zero leaves lag out of it.
func (n *Node) unfit(rec *record, limit time.Duration) string {
	if _, why := rec.restraint(); why != "" {
		return why
	}
	inst := n.Instance(rec.Database.GUID)
	if inst == nil {
		return "it does not serve clients here now"
	}
	if why := n.unservedWhy(rec.Database.GUID); why != "" {
		return why
	}
	if err := inst.Err(); err != nil {
		return "it takes no writes: " + err.Error()
	}
	if why := catchingUp(inst); why != "" {
		return why
	}
	if limit < 0 {
		return ""
	}
	return lagging(inst.Links(), limit)
}

// lagging says why an instance is not fresh enough, "" if it is. A region that
// is cut off from this one does not count as long as another one is
// connected: it says nothing about the state here, and a client that leaves a
// dead region must find the others available.
func lagging(links []Link, limit time.Duration) string {
	up := 0
	for _, l := range links {
		if !l.Connected {
			continue
		}
		up++
		if l.Lag > limit {
			return fmt.Sprintf("region %s is %v behind, more than %v", l.Region, l.Lag.Round(time.Millisecond), limit)
		}
	}
	if up == 0 && len(links) > 0 {
		return "no other region is connected"
	}
	return ""
}
