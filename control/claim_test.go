package control

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// A removal is decided, and its coordinator could not commit it itself yet. No other
// change takes the place of its note meanwhile: who asked then would hear that it was
// given up, and the leaver take writes that nobody gets.
func TestNoChangeBeforeTheDecidedOneIsInForce(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	n.Close()
	n.opts.Timing.Janitor = time.Hour // only the task is there
	n.start()
	c, _, leaver := decideRemoval(t, nodes, guid)
	if err := nodes[1].Commit(context.Background(), c.next); err != nil {
		t.Fatal(err)
	}
	n.idle(guid)
	if task := n.modify(guid, setting(4)); task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "is being changed already") {
		t.Errorf("task: %+v", task)
	}
	late := time.Now().Add(100 * time.Millisecond) // more than Timing.Prepare
	eventually(t, "it asks", func() bool { return time.Now().After(late) })
	nodes[2].resolvePosted()
	leaver.mu.Lock()
	admitted := leaver.admitted
	leaver.mu.Unlock()
	if admitted || nodes[2].database(guid).record.Posted == nil {
		t.Error("the leaver took writes again")
	}
	n.finishNotes()
	agreeOn(t, guid, 2, nodes[:2]...)
	if task := n.modify(guid, setting(4)); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
}

// decideAdd brings the addition of the fourth node to where it is in force at the others,
// and the new instance has not heard of it.
func decideAdd(t *testing.T, nodes []*testNode, guid string) {
	t.Helper()
	ctx, co := context.Background(), nodes[0]
	r, _ := co.find(guid)
	k := &task{owner: co.tasks}
	c, err := co.plan(r.Database, adding(nodes[3]))
	if err == nil {
		err = co.resolveAdded(ctx, k, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	x, err := co.beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		_, err = co.propose(ctx, k, c)
	}
	if err == nil {
		err = co.setNote(x, api.OutcomeCommitting)
	}
	if err != nil {
		t.Fatal(err, k.api.Errors)
	}
	for _, n := range nodes[:3] {
		if err := n.Commit(ctx, c.next); err != nil {
			t.Fatal(err)
		}
	}
}

// An instance is added whose node is away at the commit. Whatever becomes of the next change
// of its coordinator, the node hears that it is a member when it comes back.
func TestANewInstanceHearsOfItWhateverFails(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, n *testNode, guid string){
		"a change is given up": func(t *testing.T, n *testNode, guid string) {
			if task := n.modify(guid, setting(5)); task.Status != api.TaskFailed {
				t.Errorf("task: %+v", task)
			}
		},
		"a change is cut short": func(t *testing.T, n *testNode, guid string) {
			r, _ := n.find(guid)
			c, err := n.plan(r.Database, setting(5))
			if err == nil {
				_, err = n.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
			}
			if err != nil {
				t.Error(err)
			}
			n.restart()
		},
		"a delete cannot be noted": func(t *testing.T, n *testNode, guid string) {
			broken := n.halfWritten()
			if task := n.wait(n.c.Delete(context.Background(), guid)); task.Status != api.TaskFailed {
				t.Errorf("task: %+v", task)
			}
			broken.Store(false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dial, nodes, guid := four(t)
			decideAdd(t, nodes, guid)
			nodes[3].dropPosted(guid) // as when nobody answers it
			for _, n := range nodes[1:] {
				dial.cut.Store(n.AdminAddr(), true)
			}
			nodes[0].client.CloseIdleConnections()
			nodes[0].idle(guid)
			next(t, nodes[0], guid)
			for _, n := range nodes[1:] {
				dial.cut.Delete(n.AdminAddr())
			}
			agreeOn(t, guid, 2, nodes...)
			eventually(t, "no note is left", func() bool {
				x, err := nodes[0].dir.notes()
				return err == nil && len(x) == 0 && nodes[0].waiting() == 0
			})
		})
	}
}

// A new instance is not told that it is a member, and the coordinator does not answer when it
// asks: it hears of it from the others.
func TestANewInstanceAsksTheOthers(t *testing.T) {
	_, nodes, guid := four(t)
	nodes[0].opts.Timing.Prepare = time.Minute
	nodes[0].restart()
	decideAdd(t, nodes, guid)
	nodes[0].Close()
	nodes[3].host.skew.Store(int64(2 * time.Minute))
	agreeOn(t, guid, 2, nodes[1:]...)
}
