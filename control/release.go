package control

import (
	"context"
	"net/http"
	"sync"
	"time"

	"crdb/control/api"
)

// This file is the release of operations that are held because they are stamped
// too far ahead of the clocks (H1), when a person says so: all members accept
// stamps up to the newest that is held anywhere. All of them have to: what an
// instance writes after it has applied such an operation is stamped behind it,
// and would be held by the others in turn.

func (n *Node) postRelease(r *http.Request) (any, error) {
	q := &api.Release{}
	if err := body(r, q); err != nil {
		return nil, err
	}
	return n.startOn(r, func(rq request, guid string) (*api.Task, error) { return n.startRelease(rq, guid, q.Instance) })
}

func (n *Node) postTolerated(r *http.Request) (any, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	q := &api.Tolerate{}
	if err := body(r, q); err != nil {
		return nil, err
	}
	return struct{}{}, n.Tolerate(r.Context(), guid, q.Stamp)
}

// Tolerate is the member's side.
func (n *Node) Tolerate(_ context.Context, guid string, stamp uint64) error {
	inst, err := n.serving(guid)
	if err == nil {
		err = inst.Tolerate(stamp)
	}
	return err
}

// startRelease checks what can be checked at once and starts the task.
func (n *Node) startRelease(rq request, guid string, id int) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	r, err := n.find(guid)
	if err != nil {
		return nil, err
	}
	if id != 0 && r.Database.Instance(id) == nil {
		return nil, api.Errorf(http.StatusNotFound, api.CodeNotFound, "database %s has no instance %d", guid, id)
	}
	return n.tasks.start(rq, api.OpRelease, guid, func(ctx context.Context, k *task) error { return n.release(ctx, k, r.Database, id) })
}

// release is the task.
func (n *Node) release(ctx context.Context, k *task, d *api.Database, id int) error {
	for _, x := range d.Instances {
		k.cluster(x.Cluster.Name, 0)
	}
	k.step("asking how far ahead the stamps are", 10)
	if err := n.checkClocks(ctx, k, d); err != nil {
		return err
	}
	stamp := heldUpTo(n.standings(ctx, d.GUID, d.Instances), id)
	ahead := time.UnixMilli(int64(stamp >> 16)).Sub(n.opts.Now())
	if ahead <= n.opts.Settings.MaxClockDrift {
		return api.Errorf(http.StatusConflict, api.CodeConflict, "nothing is held by the clock")
	}
	if !k.decide(ctx) {
		return context.Canceled
	}
	k.step("releasing", 50)
	n.log.Warn("operations stamped ahead of the clock are released, as an operator said", "database", d.Name, "guid", d.GUID,
		"instance", id, "up_to", stampOf(stamp), "ahead_seconds", ahead.Seconds())
	return n.tolerateAll(ctx, k, d, stamp)
}

// heldUpTo is the newest stamp that is too new for somebody: of the logs of
// which something is held, and of the instances' own clocks.
func heldUpTo(all map[int]*api.Standing, id int) (stamp uint64) {
	for self, s := range all {
		for _, p := range s.Held {
			if id == 0 || p.ID == id {
				stamp = max(stamp, p.Time)
			}
		}
		if id == 0 || self == id {
			stamp = max(stamp, s.Clock)
		}
	}
	return stamp
}

// checkClocks refuses while a clock is still wrong: it would go on writing
// ahead of all that is released.
func (n *Node) checkClocks(ctx context.Context, k *task, d *api.Database) error {
	var failed error
	for _, x := range d.Instances {
		switch _, err := n.whois(ctx, x.Cluster); {
		case api.IsCode(err, api.CodeClock):
			k.fail(x.Cluster.Name, api.Errorf(0, api.CodeClock, "%v; set it first", err))
			failed = errMembers
		case err != nil:
			k.warn("%s does not answer: %v", x.Cluster.Name, err)
		}
	}
	return failed
}

// tolerateAll tells all members. Those that do not hear of it go on holding.
func (n *Node) tolerateAll(ctx context.Context, k *task, d *api.Database, stamp uint64) error {
	errs := make([]error, len(d.Instances))
	var wg sync.WaitGroup
	for i := range d.Instances {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
			defer cancel()
			errs[i] = n.memberOf(&d.Instances[i]).Tolerate(ctx, d.GUID, stamp)
		})
	}
	wg.Wait()
	done := 0
	for i, x := range d.Instances {
		if errs[i] == nil {
			done++
			k.cluster(x.Cluster.Name, 100)
		}
	}
	for i, x := range d.Instances {
		switch {
		case errs[i] == nil:
		case done == 0:
			k.fail(x.Cluster.Name, errs[i])
		default:
			k.warn("%s goes on holding, also what the others write from now on; release again when it answers: %v", x.Cluster.Name, errs[i])
		}
	}
	if done == 0 {
		return errMembers
	}
	return nil
}
