package control

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/control/api"
)

// halfWritten makes the disk of a node take the notes that changes begin with, and say of
// what follows that it failed, although it may be there.
func (n *testNode) halfWritten() (broken *atomic.Bool) { return n.halfWrittenAfter(1) }

// halfWrittenAfter is halfWritten with so many notes that the disk takes.
func (n *testNode) halfWrittenAfter(notes int64) (broken *atomic.Bool) {
	broken = &atomic.Bool{}
	dir := filepath.Join(n.opts.Settings.Dir, notesDir)
	var syncs atomic.Int64
	n.Close()
	n.opts.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case !broken.Load() || !strings.HasPrefix(op.Path, dir):
		case op.Kind == errorfs.OpFileSync && op.Path == dir && syncs.Add(1) > notes, op.Kind == errorfs.OpRemoveAll:
			return errors.New("input/output error")
		}
		return nil
	}))
	n.start()
	broken.Store(true)
	return broken
}

// A change of which a write failed that may be on disk is neither made nor given up
// before that is known.
func TestAChangeThatMayBeDecided(t *testing.T) {
	for name, crash := range map[string]bool{"a crash": true, "the disk comes back": false} {
		t.Run(name, func(t *testing.T) {
			_, nodes, guid := four(t)
			n := nodes[0]
			broken := n.halfWritten()
			task := n.modify(guid, setting(5))
			if task.Status != api.TaskFailed {
				t.Fatalf("task: %+v", task)
			}
			if nodes[1].database(guid).record.Posted == nil {
				t.Error("a member was told that it is given up")
			}
			if crash {
				n.Close()
				broken.Store(false)
				n.start()
			}
			broken.Store(false)
			eventually(t, "no note is left", n.settled)
			want, _ := n.inForce(guid) // after a crash it may have been decided
			if want != 1 && !crash {
				t.Error("what was given up is in force")
			}
			agreeOn(t, guid, want, nodes[:3]...)
			n.restart()
			eventually(t, "no note is left", n.settled)
			agreeOn(t, guid, want, nodes[:3]...)
			if task := n.modify(guid, setting(7)); task.Status != api.TaskFinished {
				t.Errorf("the next one: %+v", task)
			}
		})
	}
}

// A delete of which a write failed is not made at the next start.
func TestADeleteThatMayBeNoted(t *testing.T) {
	for taken := range int64(2) { // notes that the disk takes before
		_, nodes, guid := four(t)
		n := nodes[0]
		broken := n.halfWrittenAfter(taken)
		del := n.wait(n.c.Delete(context.Background(), guid))
		if del.Status != api.TaskFailed || strings.Contains(del.Errors[0].Description, "may be deleted all the same") != (taken == 1) {
			t.Fatalf("%d: task: %+v", taken, del)
		}
		broken.Store(false)
		eventually(t, "no note is left", n.settled)
		n.restart()
		eventually(t, "no note is left", func() bool { x, err := n.dir.notes(); return err == nil && len(x) == 0 })
		agreeOn(t, guid, 1, nodes[:3]...)
		if del := n.wait(n.c.Delete(context.Background(), guid)); del.Status != api.TaskFinished {
			t.Errorf("the next one: %+v", del)
		}
	}
}

// What is taken back of a change that was given up waits for nobody.
func TestAChangeThatMayBeDecidedWithOneAway(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[0]
	broken := n.halfWritten()
	dial.cut.Store(nodes[2].AdminAddr(), true)
	n.client.CloseIdleConnections()
	if task := n.modify(guid, setting(5)); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	broken.Store(false)
	eventually(t, "no note is left", n.settled)
	if task := n.modify(guid, setting(7)); task.Status != api.TaskFinished {
		t.Errorf("the next one: %+v", task)
	}
}

// A create that cannot be taken back, because the disk takes nothing, says so.
func TestACreateThatMayBeDecided(t *testing.T) {
	for taken := range int64(3) {
		_, nodes := three(t)
		n := nodes[0]
		nodes[1].host.failServe.Store(taken == 2) // then it is decided, and a member refuses
		broken := n.halfWrittenAfter(taken)
		task := n.create(describeOn("cart", nodes...))
		if told := strings.Contains(fmt.Sprint(task.Errors), "may be made all the same"); task.Status != api.TaskFailed || told != (taken > 0) {
			t.Errorf("%d: task: %+v", taken, task)
		}
		broken.Store(false)
		nodes[1].host.failServe.Store(false)
		eventually(t, "no note is left", n.settled)
		for _, m := range nodes {
			if taken == 2 {
				agreeOn(t, task.GUID, 1, m)
			} else {
				eventually(t, "clean", m.clean)
			}
		}
	}
}

// A create is refused at its end, and the disk does not take that its task is decided no
// more. After a crash the task does not say that a database is made which is not.
func TestACreateThatIsRefusedOnAFailingDisk(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	n.Close()
	dir := filepath.Join(n.opts.Settings.Dir, tasksDir)
	var writes atomic.Int64
	broken := &atomic.Bool{}
	n.opts.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasPrefix(op.Path, dir) && writes.Add(1) > 3 && broken.Load() { // queued, started, decided
			return errors.New("input/output error")
		}
		return nil
	}))
	broken.Store(true)
	n.start()
	nodes[1].host.failServe.Store(true)
	task := n.create(describeOn("cart", nodes...))
	if task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "may be made all the same") {
		t.Errorf("task: %+v", task)
	}
	n.Close()
	broken.Store(false)
	nodes[1].host.failServe.Store(false)
	n.start()
	eventually(t, "no note is left", n.settled)
	if task = n.wait(task, nil); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
	agreeOn(t, task.GUID, 1, nodes...)
}
