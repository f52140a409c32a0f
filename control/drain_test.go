package control

import (
	"context"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

func (i *fakeInstance) writes(still bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.writing = still
}

// A script that was let in before writes are forbidden may take any time: the removal
// waits for it and says so, and is not posted meanwhile (invariant 13).
func TestDrainWaitsForAScript(t *testing.T) {
	for _, ends := range []bool{true, false} {
		_, nodes, guid := four(t)
		n := nodes[0]
		n.Close()
		n.opts.Timing.Settle = 300 * time.Millisecond
		if ends {
			n.opts.Timing.Settle = 5 * time.Second
		}
		n.start()
		leaver := nodes[2].fake(guid)
		leaver.writes(true)
		task, err := n.c.Modify(context.Background(), guid, removing(false, 3))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "it says what it waits for", func() bool { return strings.Contains(n.task(task.ID).Progress.Step, stillWrites) })
		r, _ := n.find(guid)
		c, err := n.plan(r.Database, removing(false, 3))
		if err == nil {
			err = nodes[2].Post(context.Background(), &api.Post{Database: c.next, Base: c.base, Coordinator: n.c.Base})
		}
		if err == nil || !strings.Contains(err.Error(), "has not handed over everything") {
			t.Errorf("post: %v", err)
		}
		if !ends {
			if task = n.wait(task, nil); task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, stillWrites+" in region ap-south") {
				t.Errorf("task: %+v", task)
			}
			agreeOn(t, guid, 1, nodes[:3]...)
			continue
		}
		leaver.writes(false)
		if task = n.wait(task, nil); task.Status != api.TaskFinished {
			t.Errorf("task: %+v", task)
		}
	}
}

// Of two who remove the same region at once, the one that comes late does not hear that it is
// lost, and that force would help.
func TestRemovalOfOneThatHasJustLeft(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	r, err := n.find(guid)
	if err != nil {
		t.Fatal(err)
	}
	c, err := n.plan(r.Database, removing(false, 3))
	if err != nil {
		t.Fatal(err)
	}
	if task := nodes[1].modify(guid, removing(false, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	task := n.wait(n.tasks.start(request{}, api.OpRemove, guid, func(ctx context.Context, k *task) error { return n.Node.modify(ctx, k, c) }))
	if text := task.Errors[0].Description; task.Status != api.TaskFailed || !strings.Contains(text, "another change") || strings.Contains(text, "--force") {
		t.Errorf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[:2]...)
}
