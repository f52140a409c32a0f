package control

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// tasksOnDisk returns what a crash at this moment would leave of the tasks.
func (n *testNode) tasksOnDisk() []*taskFile {
	n.t.Helper()
	all, broken, err := n.dir.taskFiles()
	if err != nil || len(broken) > 0 {
		n.t.Fatal(err, broken)
	}
	return all
}

// crash ends the node and puts back what was on disk of its tasks: an orderly
// stop would have ended them.
func (n *testNode) crash(tasks ...*taskFile) {
	n.t.Helper()
	n.Close()
	for _, f := range tasks {
		if err := n.dir.writeTask(f); err != nil {
			n.t.Fatal(err)
		}
	}
	n.start()
}

func (n *testNode) task(id string) *api.Task {
	n.t.Helper()
	k, err := n.c.Task(context.Background(), id)
	if err != nil {
		n.t.Fatal(err)
	}
	return k
}

// Whoever was told that a task has ended hears the same after a crash.
func TestEndedTasksSurviveACrash(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	made := n.create(describeOn("cart", nodes...))
	failed := n.create(describeOn("cart", nodes...))
	if failed.Status != api.TaskFailed {
		t.Fatalf("%+v", failed)
	}
	n.crash(n.tasksOnDisk()...)
	for _, want := range []*api.Task{made, failed} {
		if got := n.task(want.ID); fmt.Sprintf("%+v", got.Errors) != fmt.Sprintf("%+v", want.Errors) || got.Status != want.Status ||
			!got.Ended.Equal(*want.Ended) || got.GUID != want.GUID {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	n.crash()
	if l, err := n.c.Tasks(context.Background()); err != nil || len(l) != 2 || l[0].ID != made.ID {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := n.c.Cancel(context.Background(), made.ID); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("cancel of an ended task: %v", err)
	}
}

// Kept tasks are bounded in age and in number, and what cannot be read is no
// reason not to start.
func TestKeptTasksAreBounded(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	at := func(age time.Duration) *taskFile {
		ended := n.opts.Now().Add(-age)
		return &taskFile{TTL: time.Minute, Task: api.Task{ID: n.newGUID(), Operation: api.OpFlush, Status: api.TaskFinished, Queued: ended, Ended: &ended}}
	}
	old := at(time.Hour)
	files := []*taskFile{old}
	for i := range maxTasks + 5 {
		files = append(files, at(time.Duration(i)*time.Millisecond))
	}
	for _, name := range []string{"x.json", n.newGUID() + ".json", n.newGUID() + ".json.tmp"} {
		if err := os.WriteFile(filepath.Join(n.opts.Settings.Dir, tasksDir, name), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.crash(files...)
	l, err := n.c.Tasks(context.Background())
	if err != nil || len(l) != maxTasks-1 {
		t.Errorf("%d tasks %v", len(l), err)
	}
	if _, err := n.c.Task(context.Background(), old.Task.ID); !api.IsCode(err, api.CodeNotFound) {
		t.Errorf("an old task: %v", err)
	}
	names, err := n.dir.list(tasksDir)
	if err != nil || len(names) != maxTasks+1 {
		t.Errorf("%d files %v", len(names), err)
	}
}

// A create that is cut short before its decision has failed and says so.
func TestUndecidedTaskOfACrash(t *testing.T) {
	_, nodes := three(t)
	block := make(chan struct{})
	nodes[1].host.blockOpen.Store(&block)
	k, err := nodes[0].c.Create(context.Background(), describeOn("cart", nodes...))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "preparing", func() bool { return nodes[0].task(k.ID).Progress.Step == "preparing" })
	disk := nodes[0].tasksOnDisk()
	close(block)
	nodes[0].crash(disk...)
	got := nodes[0].task(k.ID)
	if got.Status != api.TaskFailed || got.Ended == nil || got.Errors[0].Code != api.CodeInterrupted ||
		!strings.Contains(got.Errors[0].Description, "the node stopped while the task was under way: nothing was made") {
		t.Errorf("%+v", got)
	}
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// The same with an orderly stop.
func TestUndecidedTaskOfAStop(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	guid := n.create(describeOn("cart", n)).GUID
	k, err := n.tasks.start(request{}, api.OpBackup, guid, func(ctx context.Context, k *task) error {
		k.step("writing", 3)
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "writing", func() bool { return n.task(k.ID).Progress.Step == "writing" })
	n.restart()
	got := n.task(k.ID)
	if got.Status != api.TaskFailed || got.Errors[0].Code != api.CodeInterrupted || !strings.Contains(got.Errors[0].Description, "(writing, 3 %): what is in its directory is no backup") {
		t.Errorf("%+v", got)
	}
}

// A change that is decided goes on after a crash, under the same ID, wherever
// the crash was; a cancel is refused.
func TestDecidedTaskOfACrashGoesOn(t *testing.T) {
	for _, c := range []struct {
		name  string
		crash func(co *testNode, f *taskFile, x *note)
	}{
		{"before the task knows", func(_ *testNode, f *taskFile, _ *note) { f.Committed = false }},
		{"while members have not answered", func(*testNode, *taskFile, *note) {}},
		{"after all have confirmed", func(co *testNode, _ *taskFile, x *note) { co.round(context.Background(), x, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, nodes, guid := four(t)
			co := nodes[0]
			r, _ := co.find(guid)
			ch, err := co.plan(r.Database, removing(false, 3))
			if err != nil {
				t.Fatal(err)
			}
			x, err := co.beginChange(context.Background(), &note{State: "preparing", Database: ch.next, Base: ch.base})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range stepsOfARemoval {
				if err := s.do(nodes, &task{owner: co.tasks}, ch, x); err != nil {
					t.Fatal(s.name, err)
				}
				if x.State == api.OutcomeCommitting {
					break
				}
			}
			now := co.opts.Now()
			f := &taskFile{TTL: time.Minute, Committed: true, Base: ch.base, Next: ch.next,
				Task: api.Task{ID: co.newGUID(), GUID: guid, Operation: api.OpRemove, Status: api.TaskStarted, Queued: now, Started: &now}}
			c.crash(co, f, x)
			co.crash(f)
			if _, err := co.c.Cancel(context.Background(), f.Task.ID); err == nil {
				t.Error("a decided change was cancelled")
			}
			if got := co.wait(&f.Task, nil); got.Status != api.TaskFinished || !got.Started.Equal(now) {
				t.Errorf("%+v", got)
			}
			agreeOn(t, guid, 2, nodes[:2]...)
			eventually(t, "the leaver is clean", nodes[2].clean)
		})
	}
}

// Two deletes of a database were under way at a crash: one goes on with the note.
func TestTwoTasksOfOneNote(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	guid := n.create(describeOn("cart", nodes...)).GUID
	d := n.database(guid).record.Database
	if _, err := n.begin(&note{State: noteDeleting, Database: d}); err != nil {
		t.Fatal(err)
	}
	var files []*taskFile
	for i := range 2 {
		files = append(files, &taskFile{TTL: time.Minute,
			Task: api.Task{ID: n.newGUID(), GUID: guid, Operation: api.OpDelete, Status: api.TaskStarted, Queued: n.opts.Now().Add(time.Duration(i))}})
	}
	n.crash(files...)
	if first, second := n.wait(&files[0].Task, nil), n.wait(&files[1].Task, nil); first.Status != api.TaskFinished || second.Status != api.TaskFailed {
		t.Errorf("%+v, %+v", first, second)
	}
	for _, m := range nodes {
		eventually(t, "clean", m.clean)
	}
}

// restoring returns the file of a restore that is under way.
func (n *testNode) restoring(guid string) *taskFile {
	now := n.opts.Now()
	return &taskFile{TTL: time.Minute, Committed: true,
		Task: api.Task{ID: n.newGUID(), GUID: guid, Operation: api.OpRestore, Status: api.TaskStarted, Queued: now, Started: &now}}
}

// A restore that the end of the node cut short says that its database may not be
// complete. Nothing is deleted: the file of the task may be older than the database.
func TestRestoreOfACrashDeletesNothing(t *testing.T) {
	_, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	f := nodes[0].restoring(guid)
	nodes[0].crash(f)
	if got := nodes[0].task(f.Task.ID); got.Status != api.TaskFailed || got.Errors[0].Code != api.CodeInterrupted ||
		!strings.Contains(got.Errors[0].Description, "crdb-cli crdb delete "+guid) {
		t.Errorf("%+v", got)
	}
	if x, err := nodes[0].dir.notes(); len(x) > 0 || err != nil {
		t.Errorf("it is being deleted: %+v, %v", x, err)
	}
	agreeOn(t, guid, 1, nodes...)
	f = nodes[0].restoring(nodes[0].newGUID())
	nodes[0].crash(f)
	if got := nodes[0].task(f.Task.ID); got.Status != api.TaskFailed || !strings.Contains(got.Errors[0].Description, "no database was made") {
		t.Errorf("%+v", got)
	}
}

// The same with an orderly stop, while the process still could delete.
func TestRestoreOfAStopDeletesNothing(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	made := make(chan struct{})
	k, err := n.tasks.start(request{}, api.OpRestore, guid, func(ctx context.Context, k *task) error {
		k.commit()
		close(made)
		<-ctx.Done()
		return n.restored(ctx, k, guid, ctx.Err())
	})
	if err != nil {
		t.Fatal(err)
	}
	<-made
	n.restart()
	if got := n.task(k.ID); got.Status != api.TaskFailed || !strings.Contains(got.Errors[0].Description, "crdb-cli crdb delete "+guid) {
		t.Errorf("%+v", got)
	}
	agreeOn(t, guid, 1, nodes[:3]...)
}
