package control

import (
	"net/http"
	"strconv"
	"time"

	"crdb/control/api"
)

// This file is /v1/crdbs and /v1/crdb_tasks.

func (n *Node) getDatabases(*http.Request) (any, error) {
	if err := n.checkLoaded(); err != nil {
		return nil, err
	}
	all := []*api.Database{}
	for _, r := range n.hosted() {
		d := r.describe()
		if why := n.unservedWhy(d.GUID); why != "" && d.LocalDatabases[0].Status == "" {
			d.LocalDatabases[0].Status, d.LocalDatabases[0].Reason = api.CodeUnserved, why
		}
		all = append(all, d)
	}
	for _, u := range n.allUnopened() {
		all = append(all, u.describe())
	}
	return all, nil
}

func (n *Node) getDatabase(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	rec, err := n.findHosted(guid)
	if err != nil {
		return nil, err
	}
	d := rec.describe()
	want := r.URL.Query().Get("instance_id")
	if want == "" {
		return d, nil
	}
	for _, x := range d.Instances {
		if strconv.Itoa(x.ID) == want {
			d.Instances = []api.Instance{x}
			return d, nil
		}
	}
	return nil, api.Errorf(http.StatusNotFound, api.CodeNotFound, "database %s has no instance %s", guid, want)
}

func (n *Node) postDatabase(r *http.Request) (any, error) {
	d := &api.Database{}
	if err := body(r, d); err != nil {
		return nil, err
	}
	if dry, err := isDry(r); err != nil {
		return nil, err
	} else if dry {
		return n.dryRun(r.Context(), d)
	}
	rq, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	return n.startCreate(rq, d)
}

// isDry reports whether a request asks for nothing to be done. What cannot be
// read is refused: whoever wrote dry_run=yes does not want it done.
func isDry(r *http.Request) (bool, error) {
	q := r.URL.Query()
	if !q.Has("dry_run") {
		return false, nil
	}
	dry, err := strconv.ParseBool(q.Get("dry_run"))
	if err != nil {
		return false, badRequest("dry_run=%s is neither true nor false", q.Get("dry_run"))
	}
	return dry, nil
}

func (n *Node) deleteDatabase(r *http.Request) (any, error) { return n.startOn(r, n.startDelete) }

func (n *Node) patchDatabase(r *http.Request) (any, error) {
	u := &api.Update{}
	if err := body(r, u); err != nil {
		return nil, err
	}
	force, _ := strconv.ParseBool(r.URL.Query().Get("force_update"))
	return n.startOn(r, func(rq request, guid string) (*api.Task, error) {
		return n.startModify(rq, guid, &api.Modify{Update: u, ForceUpdate: force})
	})
}

func (n *Node) postUpdates(r *http.Request) (any, error) {
	m := &api.Modify{}
	if err := body(r, m); err != nil {
		return nil, err
	}
	return n.startOn(r, func(rq request, guid string) (*api.Task, error) { return n.startModify(rq, guid, m) })
}

func (n *Node) putPurge(r *http.Request) (any, error) {
	p := &api.Purge{}
	if err := body(r, p); err != nil {
		return nil, err
	}
	return n.startOn(r, func(rq request, guid string) (*api.Task, error) { return n.startPurge(rq, guid, p.Instances) })
}

func (n *Node) putFlush(r *http.Request) (any, error) { return n.startOn(r, n.startFlush) }

// startOn starts a task on the database in the path.
func (n *Node) startOn(r *http.Request, start func(request, string) (*api.Task, error)) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	rq, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	return start(rq, guid)
}

// requestOf reads the headers that name the task and say how long its result
// is kept.
func requestOf(r *http.Request) (request, error) {
	rq := request{id: r.Header.Get("X-Task-ID")}
	if dry, err := isDry(r); err != nil {
		return rq, err
	} else if dry {
		return rq, badRequest("dry_run is possible for a create only; nothing was done")
	}
	if rq.id != "" && !api.IsGUID(rq.id) {
		return rq, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "X-Task-ID %q is not a UUID in lower case", rq.id)
	}
	if s := r.Header.Get("X-Result-TTL"); s != "" {
		seconds, err := strconv.Atoi(s)
		rq.ttl = time.Duration(seconds) * time.Second
		if err != nil || seconds < 1 || rq.ttl > maxResultTTL {
			return rq, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "X-Result-TTL %q is not a number of seconds up to %.0f", s, maxResultTTL.Seconds())
		}
	}
	return rq, nil
}

func (n *Node) getHealthReport(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	return n.healthReport(r.Context(), guid)
}

func (n *Node) getTasks(*http.Request) (any, error) { return n.tasks.list(), nil }

func (n *Node) getTask(r *http.Request) (any, error) {
	t, err := n.tasks.get(r.PathValue("id"))
	if err == nil {
		return t, nil
	}
	if e := n.checkLoaded(); e != nil { // it may not have been read yet
		return nil, e
	}
	return nil, err
}

func (n *Node) postCancel(r *http.Request) (any, error) { return n.tasks.stop(r.PathValue("id")) }
