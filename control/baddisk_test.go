package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/control/api"
)

// onBadDisk starts a node again on a disk that refuses some operations while it is broken.
func (n *testNode) onBadDisk(refuses func(op errorfs.Op) bool) (broken *atomic.Bool) {
	n.t.Helper()
	broken = &atomic.Bool{}
	n.Close()
	n.opts.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && refuses(op) {
			return syscall.EIO
		}
		return nil
	}))
	n.start()
	return broken
}

// below selects one kind of operation in one directory of the node.
func (n *testNode) below(dir string, kind errorfs.OpKind) func(errorfs.Op) bool {
	path := filepath.Join(n.opts.Settings.Dir, dir)
	return func(op errorfs.Op) bool { return op.Kind == kind && strings.HasPrefix(op.Path, path) }
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	l := listenBelow(t)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A node that crashed while it made the database of its settings makes it at the next start.
func TestBootstrapAfterACrash(t *testing.T) {
	for _, state := range []string{api.OutcomePreparing, api.OutcomeCommitting, noteAborting} {
		n, port := startNode(t, "us-east", &dialer{}), freePort(t)
		d := describeOn("cart", n)
		decideCreate(t, n, d)
		n.Close()
		if err := n.dir.writeNote(&note{State: state, Database: d}); err != nil {
			t.Fatal(err)
		}
		n.opts.Settings.Database, n.opts.Settings.Port = "cart", port
		n.start()
		if all := n.databases(); len(all) != 1 || (all[0].Database.GUID == d.GUID) != (state == api.OutcomeCommitting) {
			t.Errorf("%s: databases: %+v", state, all)
		}
	}
}

// The same where the create goes on as a task, or is that of another node.
func TestBootstrapOfWhatIsBeingMade(t *testing.T) {
	_, nodes := three(t)
	n, port := nodes[1], freePort(t)
	decideCreate(t, nodes[0], describeOn("cart", nodes[0], n))
	n.Close()
	n.opts.Settings.Database, n.opts.Settings.Port = "cart", port
	n.start()
	nodes[0].restart()
	eventually(t, "it serves", func() bool { return len(n.databases()) == 1 })
}

// no writes.
func TestForcedOutOnAFullDisk(t *testing.T) {
	dial, nodes, guid := four(t)
	gone := nodes[2]
	disk := &fullDisk{FS: vfs.Default}
	gone.Close()
	gone.opts.FS = disk
	gone.start()
	dial.cut.Store(gone.AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if task := nodes[0].modify(guid, removing(true, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	dial.cut.Delete(gone.AdminAddr())
	disk.full.Store(true)
	gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	eventually(t, "it takes no writes", func() bool { return strings.Contains(gone.fake(guid).refuses(), "was removed from database") })
	disk.full.Store(false)
	gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	eventually(t, "it is written down", func() bool { return gone.database(guid).record.Status == api.StatusRemoved })
}

// disk keeps it.
func TestPurgeOfAReturnOnABadDisk(t *testing.T) {
	_, nodes, guid := four(t)
	n, ctx := nodes[1], context.Background()
	broken := n.onBadDisk(n.below(returnsDir, errorfs.OpRemoveAll))
	lostLog(t, n, guid)
	broken.Store(true)
	if task := n.wait(n.c.Purge(ctx, guid, []int{2})); task.Status != api.TaskFailed {
		t.Errorf("task: %+v", task)
	}
	broken.Store(false)
	if task := n.wait(n.c.Purge(ctx, guid, []int{2})); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
	n.restart()
	if n.missing() != "" {
		t.Error("it is to come back")
	}
}

// back once more.
func TestReturnedOnABadDisk(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	broken := n.onBadDisk(n.below(returnsDir, errorfs.OpRemoveAll))
	lostLog(t, n, guid)
	broken.Store(true)
	n.restart()
	eventually(t, "it is back", func() bool { v, _ := n.inForce(guid); return v > 0 && n.database(guid).record.Replica > 3 })
	broken.Store(false)
	eventually(t, "the recovery is over", func() bool { return !n.tasks.running(api.OpRecover, guid) })
	if task := nodes[0].modify(guid, removing(false, n.database(guid).record.Replica)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "it has left", n.clean)
	n.restart()
	if n.missing() != "" {
		t.Error("it is to come back")
	}
}

// What is made is made, although the disk did not take that its task is decided, nor its end.
func TestDecidedTasksOnABadDisk(t *testing.T) {
	for _, op := range []string{api.OpCreate, api.OpUpdate, api.OpDelete} {
		_, nodes, guid := four(t)
		n, ctx := nodes[0], context.Background()
		var writes atomic.Int64
		taken := map[string]int64{api.OpCreate: 2, api.OpDelete: 2, api.OpUpdate: 3}[op] // queued, started, planned
		files := n.below(tasksDir, errorfs.OpCreate)
		broken := n.onBadDisk(func(op errorfs.Op) bool { return files(op) && writes.Add(1) > taken })
		broken.Store(true)
		var task *api.Task
		switch op {
		case api.OpCreate:
			task = n.create(describeOn("shop", nodes[:3]...))
		case api.OpUpdate:
			task = n.modify(guid, setting(5))
		default:
			task = n.wait(n.c.Delete(ctx, guid))
		}
		if task.Status != api.TaskFinished {
			t.Fatalf("%s: task: %+v", op, task)
		}
		n.Close()
		broken.Store(false)
		n.start()
		if task = n.wait(task, nil); task.Status != api.TaskFinished {
			t.Errorf("%s: after a restart: %+v", op, task)
		}
	}
}

// A change is not begun of which the disk does not take what it would be known by later.
func TestUnplannedOnABadDisk(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	var writes atomic.Int64
	files := n.below(tasksDir, errorfs.OpCreate)
	broken := n.onBadDisk(func(op errorfs.Op) bool { return files(op) && writes.Add(1) > 2 })
	broken.Store(true)
	task := n.modify(guid, setting(5))
	n.Close()
	broken.Store(false)
	n.start()
	v, _ := n.inForce(guid)
	if after := n.wait(task, nil); (v == 2) != (after.Status == api.TaskFinished) || task.Status != after.Status {
		t.Errorf("version %d; task: %+v; after a restart: %+v", v, task, after)
	}
}

// after a crash where another change has begun meanwhile.
func TestDecidedTaskUnderAnotherNote(t *testing.T) {
	for _, over := range []string{"a change that waits", "a delete that is about to begin"} {
		dial, nodes, guid := four(t)
		n := nodes[0]
		dial.cut.Store(nodes[2].AdminAddr(), true)
		n.client.CloseIdleConnections()
		first := n.modify(guid, setting(4))
		if over == "a change that waits" {
			n.modify(guid, setting(5))
		}
		var files []*taskFile
		for _, f := range n.tasksOnDisk() {
			if f.Task.ID == first.ID {
				f.Task.Status, f.Task.Ended = api.TaskStarted, nil
				files = append(files, f)
			}
		}
		notes, err := n.dir.notes()
		if err != nil || len(notes) != 1 || len(files) != 1 || !files[0].Committed {
			t.Fatal(err, notes, files)
		}
		if over != "a change that waits" {
			x := &note{State: api.OutcomePreparing, Database: &api.Database{GUID: guid, Name: "cart"}, Over: notes[0]}
			if err := n.dir.writeNote(x); err != nil {
				t.Fatal(err)
			}
		}
		n.crash(files...)
		if task := n.wait(first, nil); task.Status != api.TaskFinished {
			t.Errorf("%s: %+v", over, task)
		}
		dial.cut.Delete(nodes[2].AdminAddr())
		eventually(t, "no note is left", n.settled)
	}
}

// it took, whose task goes on.
func TestGivenUpOverATaskThatGoesOn(t *testing.T) {
	dial, nodes, guid := four(t)
	co := nodes[0]
	dial.cut.Store(nodes[2].AdminAddr(), true)
	co.client.CloseIdleConnections()
	first := co.modify(guid, setting(4))
	r, _ := co.find(guid)
	c, err := co.plan(r.Database, setting(5))
	if err == nil {
		_, err = co.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	}
	if err == nil {
		_, err = co.propose(context.Background(), &task{owner: co.tasks}, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	var files []*taskFile
	for _, f := range co.tasksOnDisk() {
		if f.Task.ID == first.ID {
			f.Task.Status, f.Task.Ended = api.TaskStarted, nil
			files = append(files, f)
		}
	}
	disk := &fullDisk{FS: vfs.Default}
	co.opts.FS = disk
	disk.full.Store(true)
	dial.cut.Delete(nodes[2].AdminAddr())
	co.crash(files...)
	co.wait(first, nil)
	disk.full.Store(false)
	agreeOn(t, guid, 2, nodes[:3]...)
	eventually(t, "nothing is posted", func() bool { _, posted := nodes[1].inForce(guid); return !posted })
}

// The users of an instance that was dropped do not wait for the next one.
func TestUsersGoWithTheInstance(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[2]
	file := filepath.Join(n.opts.Settings.Dir, usersDir, guid+".acl")
	broken := n.onBadDisk(n.below(usersDir, errorfs.OpRemoveAll))
	err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	nodes[0].modify(guid, removing(false, 3))
	eventually(t, "it has left", func() bool { return n.database(guid) == nil })
	n.Close()
	broken.Store(false)
	n.start()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the users are still there: %v", err)
	}
}

// member, when the database was deleted elsewhere.
func TestCreateThatIsOverAndDeleted(t *testing.T) {
	_, nodes := three(t)
	co := nodes[0]
	broken := co.onBadDisk(co.below(notesDir, errorfs.OpRemoveAll))
	broken.Store(true)
	task := co.create(describeOn("cart", nodes[1:]...))
	if task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	broken.Store(false)
	if del := nodes[1].wait(nodes[1].c.Delete(context.Background(), task.GUID)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	co.restart()
	eventually(t, "no note is left", co.settled)
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// was prepared there.
func TestCreateOfOthersThatIsDeleted(t *testing.T) {
	_, nodes := three(t)
	co, ctx := nodes[0], context.Background()
	d := describeOn("cart", nodes[1:]...)
	decideCreate(t, co, d)
	co.Close()
	if err := nodes[1].Commit(ctx, d); err != nil {
		t.Fatal(err)
	}
	if del := nodes[1].wait(nodes[1].c.Delete(ctx, d.GUID)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	nodes[2].restart()
	co.start()
	eventually(t, "no note is left", co.settled)
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// not called undone by an orderly stop that comes before its end.
func TestDecidedTaskOfACrashAndAStop(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[0]
	x, err := n.begin(&note{State: noteDeleting, Database: n.database(guid).record.Database})
	if err != nil {
		t.Fatal(err)
	}
	dial.cut.Store(nodes[2].AdminAddr(), true)
	now := n.opts.Now()
	f := &taskFile{TTL: time.Minute, Task: api.Task{ID: n.newGUID(), GUID: guid, Operation: api.OpDelete, Status: api.TaskStarted, Queued: now, Started: &now}}
	n.crash(f)
	eventually(t, "it goes on", func() bool { return n.clean() && !n.task(f.Task.ID).Final() })
	n.restart()
	dial.cut.Delete(nodes[2].AdminAddr())
	if got := n.wait(&f.Task, nil); got.Status != api.TaskFinished {
		t.Errorf("of %s: %+v", x.State, got)
	}
	eventually(t, "the last one is clean", nodes[2].clean)
}

// A start with the name of a database that this node has left makes no empty one under that
// name: apps would write there, and nobody else would have it.
func TestBootstrapOfWhatWasLeft(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	if task := nodes[0].modify(guid, removing(false, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	n.opts.Settings.Database, n.opts.Settings.Port = "cart", freePort(t)
	n.restart()
	if all := n.databases(); len(all) != 0 {
		t.Errorf("%+v", all[0])
	}
	if task := nodes[0].modify(guid, adding(n)); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
}

// A start with the name of a database makes none where its instance was forced out, or is put
// aside and to come back: that keeps the name.
func TestBootstrapOfWhatWasRemoved(t *testing.T) {
	for _, aside := range []bool{false, true} {
		_, nodes, guid := four(t)
		n := nodes[1]
		if aside {
			lostLog(t, n, guid)
		} else {
			n.Close()
			if task := nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
		}
		n.opts.Settings.Database, n.opts.Settings.Port = "cart", freePort(t)
		n.restart()
		if !aside {
			if r := n.database(guid).record; r.Status != api.StatusRemoved || len(n.hosted()) != 1 {
				t.Errorf("%+v", r)
			}
			continue
		}
		eventually(t, "it is back", func() bool { v, _ := n.inForce(guid); return v > 0 && len(n.databases()) == 1 })
	}
}
