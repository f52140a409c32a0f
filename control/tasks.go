package control

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"crdb/control/api"
)

// tasks remembers the changes this node coordinates and runs them.
type tasks struct {
	now    func() time.Time
	newID  func() string
	slots  chan struct{}
	await  chan struct{} // slots of recoveries, which wait for tasks of other nodes: these may be waiting for ours
	dir    *dir          // where tasks outlive the node; nil: in memory only
	log    *slog.Logger
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup
	mu     struct {
		sync.Mutex
		byID   map[string]*task
		order  []*task // oldest first
		queued int
	}
}

// task is one of them. Its fields are guarded by tasks.mu.
type task struct {
	api        api.Task
	ttl        time.Duration
	cancel     context.CancelFunc
	cancelled  bool
	decided    bool          // past the point where it can be cancelled
	committed  bool          // its note says so, on disk: it is carried on after a restart
	next, base *api.Database // of a change
	ended      chan struct{} // closed at the end
	owner      *tasks
	saving     sync.Mutex // held through one write to disk; before tasks.mu
}

func newTasks(now func() time.Time, newID func() string) *tasks {
	t := &tasks{now: now, newID: newID, slots: make(chan struct{}, maxRunningTasks), await: make(chan struct{}, maxRunningTasks)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.mu.byID = map[string]*task{}
	return t
}

// close cancels all tasks and waits for them.
func (t *tasks) close() {
	t.cancel()
	t.wg.Wait()
}

// request is how a caller wants its task: an ID of its own (so that it can
// repeat the call) and how long the result is kept.
type request struct {
	id  string
	ttl time.Duration
}

// start runs do as a task and returns its first description. An ID that is
// already known returns that task.
func (t *tasks) start(rq request, op, guid string, do func(context.Context, *task) error) (*api.Task, error) {
	k, known, err := t.enter(rq, op, guid)
	if err != nil || known != nil {
		return known, err
	}
	k.save(func(*taskFile) {})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.goLocked(k, do)
	return k.copyLocked(), nil
}

// enter makes room for a task and gives it a name; or returns the one that has
// the name already.
func (t *tasks) enter(rq request, op, guid string) (k *task, known *api.Task, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.mu.byID[rq.id]; old != nil {
		return nil, old.copyLocked(), nil
	}
	t.forgetLocked()
	if t.mu.queued >= maxQueuedTasks || len(t.mu.order) >= maxTasks || t.ctx.Err() != nil {
		return nil, nil, api.Errorf(http.StatusTooManyRequests, api.CodeLimit, "too many tasks are under way on this node; try again later")
	}
	if rq.id == "" {
		rq.id = t.newID()
	}
	if rq.ttl == 0 {
		rq.ttl = resultTTL
	}
	k = &task{ttl: rq.ttl, owner: t, ended: make(chan struct{})}
	k.api = api.Task{ID: rq.id, GUID: guid, Operation: op, Status: api.TaskQueued, Worker: "crdb_worker", Queued: t.now().UTC()}
	t.addLocked(k)
	t.mu.queued++
	return k, nil, nil
}

func (t *tasks) addLocked(k *task) {
	t.mu.byID[k.api.ID] = k
	t.mu.order = append(t.mu.order, k)
}

// goLocked starts a task that is entered and not cancelled yet.
func (t *tasks) goLocked(k *task, do func(context.Context, *task) error) {
	ctx, cancel := context.WithCancel(t.ctx)
	if k.cancelled {
		cancel()
	}
	k.cancel = cancel
	t.wg.Add(1)
	go t.run(ctx, k, do)
}

// run waits for a slot and runs the task.
func (t *tasks) run(ctx context.Context, k *task, do func(context.Context, *task) error) {
	defer t.wg.Done()
	defer k.cancel()
	defer close(k.ended)
	slots := t.slots
	if k.api.Operation == api.OpRecover {
		slots = t.await
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
	}
	k.save(func(f *taskFile) {
		now := t.now().UTC()
		if f.Task.Status = api.TaskStarted; f.Task.Started == nil {
			f.Task.Started = &now
		}
	})
	k.update(func(*api.Task) { t.mu.queued-- })
	err := ctx.Err()
	if err == nil {
		err = do(ctx, k)
	}
	t.end(k, err)
}

// end notes how a task ended. One that is cut short by the end of the node says
// so; if it is committed it stays as it is on disk, and goes on at the next
// start.
func (t *tasks) end(k *task, err error) {
	if err != nil && t.ctx.Err() != nil {
		if k.committed {
			k.update(func(a *api.Task) { finish(a, err, t.now().UTC()) })
			return
		}
		err = interrupted(k)
	}
	k.save(func(f *taskFile) { finish(&f.Task, err, t.now().UTC()) })
}

func finish(a *api.Task, err error, now time.Time) {
	a.Ended, a.Progress.Step = &now, ""
	if err == nil {
		a.Status, a.Progress.Worker = api.TaskFinished, 100
		return
	}
	a.Status = api.TaskFailed
	if len(a.Errors) > 0 && err == errMembers {
		return
	}
	e := api.AsError(err)
	if err == context.Canceled {
		e = api.Errorf(0, api.CodeCancelled, "the task was cancelled")
	}
	a.Errors = append(a.Errors, api.TaskError{Description: e.Description, Code: e.Code})
}

// forgetLocked drops results past their time, and the oldest results when
// there are too many.
func (t *tasks) forgetLocked() {
	now := t.now()
	drop := func(k *task) {
		delete(t.mu.byID, k.api.ID)
		t.discard(k.api.ID)
	}
	t.mu.order = slices.DeleteFunc(t.mu.order, func(k *task) bool {
		old := k.api.Ended != nil && now.Sub(*k.api.Ended) > k.ttl
		if old {
			drop(k)
		}
		return old
	})
	for i := 0; i < len(t.mu.order) && len(t.mu.order) >= maxTasks; i++ {
		if k := t.mu.order[i]; k.api.Final() {
			drop(k)
			t.mu.order = slices.Delete(t.mu.order, i, i+1)
			i--
		}
	}
}

func (t *tasks) list() []api.Task {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked()
	all := make([]api.Task, 0, len(t.mu.order))
	for _, k := range t.mu.order {
		all = append(all, *k.copyLocked())
	}
	return all
}

func (t *tasks) get(id string) (*api.Task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forgetLocked()
	k := t.mu.byID[id]
	if k == nil {
		return nil, api.Errorf(http.StatusNotFound, api.CodeNotFound, "there is no task %s, or its result is not kept any more", id)
	}
	return k.copyLocked(), nil
}

// running reports whether an operation on a database is under way.
func (t *tasks) running(op, guid string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.mu.order, func(k *task) bool { return k.api.Operation == op && k.api.GUID == guid && !k.api.Final() })
}

// wait waits for a task to end.
func (t *tasks) wait(ctx context.Context, id string) (*api.Task, error) {
	t.mu.Lock()
	k := t.mu.byID[id]
	t.mu.Unlock()
	if k != nil {
		select {
		case <-k.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.get(id)
}

// stop cancels a task that is not past its decision.
func (t *tasks) stop(id string) (*api.Task, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.mu.byID[id]
	switch {
	case k == nil:
		return nil, api.Errorf(http.StatusNotFound, api.CodeNotFound, "there is no task %s, or its result is not kept any more", id)
	case k.api.Final():
		return nil, api.Errorf(http.StatusConflict, api.CodeConflict, "task %s has ended: %s", id, k.api.Status)
	case k.decided:
		return nil, api.Errorf(http.StatusNotAcceptable, api.CodeConflict, "task %s is past the point where it can be cancelled", id)
	}
	k.cancelled = true
	if k.cancel != nil {
		k.cancel()
	}
	return k.copyLocked(), nil
}

func (k *task) copyLocked() *api.Task {
	c := k.api
	c.Errors, c.Warnings = slices.Clone(c.Errors), slices.Clone(c.Warnings)
	c.Progress.Clusters = slices.Clone(c.Progress.Clusters)
	return &c
}

func (k *task) update(f func(*api.Task)) {
	k.owner.mu.Lock()
	defer k.owner.mu.Unlock()
	f(&k.api)
}

// step says what the task does now, and how far it is.
func (k *task) step(what string, percent int) {
	k.update(func(a *api.Task) { a.Progress.Step, a.Progress.Worker = what, percent })
}

// cluster says how far the task is on one cluster.
func (k *task) cluster(name string, percent int) {
	k.update(func(a *api.Task) {
		for i := range a.Progress.Clusters {
			if a.Progress.Clusters[i].Name == name {
				a.Progress.Clusters[i].Progress = percent
				return
			}
		}
		a.Progress.Clusters = append(a.Progress.Clusters, api.ClusterProgress{Name: name, Progress: percent})
	})
}

// fail notes what failed on a cluster.
func (k *task) fail(cluster string, err error) {
	e := api.AsError(err)
	k.update(func(a *api.Task) {
		a.Errors = append(a.Errors, api.TaskError{Cluster: cluster, Description: e.Description, Code: e.Code})
	})
}

// warn notes what somebody should know although the task goes on. The number
// of warnings is bounded.
func (k *task) warn(format string, args ...any) {
	k.update(func(a *api.Task) {
		if len(a.Warnings) < maxWarnings {
			a.Warnings = append(a.Warnings, fmt.Sprintf(format, args...))
		}
	})
}

// decide takes the task past the point where it can be cancelled; false if it
// was cancelled before.
func (k *task) decide(ctx context.Context) bool {
	k.owner.mu.Lock()
	defer k.owner.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	k.decided = true
	return true
}

// commit says that the note of the task's change is decided, on disk; uncommit
// that this is about to be taken back, which it must not be where the disk does not
// take that.
func (k *task) commit()         { k.save(func(f *taskFile) { f.Committed = true }) }
func (k *task) uncommit() error { return k.save(func(f *taskFile) { f.Committed = false }) }

// plan says which change of a configuration the task is about to make: by that a start of
// the node knows which one it was.
func (k *task) plan(c *change) error {
	return k.save(func(f *taskFile) { f.Base, f.Next = c.base, c.next })
}
