package control

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"crdb/control/api"
)

// This file is what is kept of tasks on disk, one small file each, so that a
// restart does not forget what was asked for and what became of it.

const tasksDir = "tasks"

// taskFile is what is kept of a task. Base and Next are the configurations of a
// change: what is needed to carry it on when its note is gone already.
type taskFile struct {
	Task      api.Task      `json:"task"`
	TTL       time.Duration `json:"ttl"`
	Committed bool          `json:"committed,omitempty"`
	Next      *api.Database `json:"crdb,omitempty"`
	Base      *api.Database `json:"base,omitempty"`
}

// writeTask replaces the file of a task.
func (d *dir) writeTask(f *taskFile) error { return d.write(f, tasksDir, f.Task.ID+".json") }

// removeTask removes the file of a task. It is not synced: a file that comes
// back after a crash is past its time then, too.
func (d *dir) removeTask(id string) error {
	err := d.fs.Remove(d.at(tasksDir, id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// taskFiles reads the files of all tasks, the oldest task first. One that is
// not readable is named in broken: a task is not worth a node that does not
// start.
func (d *dir) taskFiles() (all []*taskFile, broken []error, err error) {
	if err := d.mkdir(tasksDir); err != nil {
		return nil, nil, err
	}
	names, err := d.list(tasksDir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			d.fs.Remove(d.at(tasksDir, name)) // left by a crash; it is overwritten else
			continue
		}
		f := &taskFile{}
		err := d.read(f, tasksDir, name)
		if err == nil && f.Task.ID+".json" != name {
			err = errors.New(d.at(tasksDir, name) + " is corrupt: it is not the file of a task")
		}
		if err != nil {
			broken = append(broken, err)
			continue
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b *taskFile) int { return a.Task.Queued.Compare(b.Task.Queued) })
	return all, broken, nil
}

// recall takes up the tasks of an earlier life of the node: all ended ones, and
// the others as they were. The newest maxTasks count.
func (t *tasks) recall(files []*taskFile) []*task {
	t.mu.Lock()
	defer t.mu.Unlock()
	var unfinished []*task
	for i, f := range files {
		if i < len(files)-maxTasks {
			t.discard(f.Task.ID)
			continue
		}
		k := &task{api: f.Task, ttl: f.TTL, decided: f.Committed, committed: f.Committed, next: f.Next, base: f.Base, owner: t, ended: make(chan struct{})}
		t.addLocked(k)
		if k.api.Final() {
			close(k.ended)
			continue
		}
		unfinished = append(unfinished, k)
	}
	t.forgetLocked()
	return unfinished
}

// save puts a task on disk as it is, changed by change, which the others see
// afterwards: nobody is told an end that a crash could take back. A disk that
// takes nothing stops no task; who depends on it looks at the error.
func (k *task) save(change func(*taskFile)) (err error) {
	t := k.owner
	k.saving.Lock()
	defer k.saving.Unlock()
	t.mu.Lock()
	f := &taskFile{Task: *k.copyLocked(), TTL: k.ttl, Committed: k.committed, Next: k.next, Base: k.base}
	t.mu.Unlock()
	change(f)
	if t.dir != nil && f.Task.ID != "" {
		if err = t.dir.writeTask(f); err != nil {
			t.log.Warn("cannot write down a task; a restart of the node forgets it", "task", f.Task.ID, "operation", f.Task.Operation, "err", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Clusters, errors and warnings may have been noted meanwhile.
	k.api.Status, k.api.Started, k.api.Ended = f.Task.Status, f.Task.Started, f.Task.Ended
	k.api.Progress.Step, k.api.Progress.Worker = f.Task.Progress.Step, f.Task.Progress.Worker
	if f.Task.Final() {
		k.api.Errors = f.Task.Errors
	}
	k.committed, k.next, k.base = f.Committed, f.Next, f.Base
	return err
}

// discard removes what is kept of a task on disk.
func (t *tasks) discard(id string) {
	if t.dir == nil {
		return
	}
	if err := t.dir.removeTask(id); err != nil {
		t.log.Warn("cannot remove what is kept of a task", "task", id, "err", err)
	}
}
