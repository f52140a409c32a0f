package control

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"crdb/control/api"
)

// decide brings a change to where it is decided and nobody has committed.
func decide(t *testing.T, nodes []*testNode, guid string, m *api.Modify) (*change, *note) {
	t.Helper()
	co, ctx := nodes[0], context.Background()
	r, _ := co.find(guid)
	c, err := co.plan(r.Database, m)
	if err != nil {
		t.Fatal(err)
	}
	x, err := co.beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	k := &task{owner: co.tasks}
	if err == nil {
		_, err = co.propose(ctx, k, c)
	}
	if err == nil {
		err = co.setNote(x, api.OutcomeCommitting)
	}
	if err != nil {
		t.Fatal(err, k.api.Errors)
	}
	return c, x
}

// A change that was to force out the coordinator of another one is given up: the other
// one counts again where it was posted. It is decided, perhaps, and no other change of
// its version is.
func TestForceThatIsGivenUpFreesNothing(t *testing.T) {
	dial, nodes, guid := four(t)
	if task := nodes[0].modify(guid, adding(nodes[3])); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	cut := func(at *testNode) {
		dial.cut.Store(at.AdminAddr(), true)
		for _, n := range nodes {
			n.client.CloseIdleConnections()
		}
	}
	cut(nodes[3])
	decide(t, nodes, guid, setting(3))
	cut(nodes[0])
	if task := nodes[1].modify(guid, removing(true, 1)); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	dial.cut.Delete(nodes[3].AdminAddr())
	if task := nodes[1].modify(guid, setting(4)); task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "another change to configuration version 3 is under way") {
		t.Errorf("task: %+v", task)
	}
	dial.cut.Delete(nodes[0].AdminAddr())
	nodes[0].idle(guid)
	agreeOn(t, guid, 3, nodes...)
	for _, n := range nodes {
		if got := *n.database(guid).record.Database.DefaultDBConfig.MemorySize; got != 3 {
			t.Errorf("region %s has memory_size %d", n.opts.Settings.Region, got)
		}
	}
}

// The removal of an instance is decided, and then its coordinator is to be forced out:
// until that is decided, too, the leaver takes no writes, for nobody might get them
// (invariant 13).
func TestLeaverWhoseCoordinatorIsForcedOut(t *testing.T) {
	for _, decided := range []bool{true, false} {
		_, nodes, guid := four(t)
		c, _, leaver := decideRemoval(t, nodes, guid)
		ctx := context.Background()
		nodes[2].endDrain(guid) // its coordinator does not ask again
		force, err := nodes[1].plan(c.base, removing(true, 1))
		if err == nil {
			err = nodes[2].Post(ctx, &api.Post{Database: force.next, Base: force.base, Coordinator: nodes[1].c.Base, TimeoutMS: 60_000})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := nodes[2].Commit(ctx, c.next); !api.IsCode(err, api.CodeConflict) {
			t.Errorf("the commit of what it takes the place of: %v", err)
		}
		leaver.mu.Lock()
		admitted := leaver.admitted
		leaver.mu.Unlock()
		if admitted {
			t.Error("the leaver took writes again")
		}
		if decided {
			if err := nodes[2].Commit(ctx, force.next); err != nil || leaver.refuses() != "" {
				t.Errorf("the change by force: %v, %s", err, leaver.refuses())
			}
			continue
		}
		if err := nodes[2].Unpost(ctx, guid, force.next.ConfigID); err != nil || !strings.Contains(leaver.refuses(), "leaving") {
			t.Errorf("the change by force is given up: %v, %q", err, leaver.refuses())
		}
		if err := nodes[2].Commit(ctx, c.next); err != nil || !nodes[2].clean() {
			t.Errorf("the removal: %v, clean: %v", err, nodes[2].clean())
		}
	}
}

// What a change by force takes the place of is not taken over any more where it was
// posted, but when the one that was forcing is forced out itself.
func TestCommitOfWhatForceTookThePlaceOf(t *testing.T) {
	_, nodes, guid := four(t)
	ctx := context.Background()
	c, _ := decide(t, nodes, guid, setting(3))
	force, err := nodes[1].plan(c.base, removing(true, 1))
	for range 2 { // repeated
		if err == nil {
			err = nodes[2].Post(ctx, &api.Post{Database: force.next, Base: force.base, Coordinator: nodes[1].c.Base, TimeoutMS: 60_000})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[2].Commit(ctx, c.next); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("commit: %v", err)
	}
	if err := nodes[0].Commit(ctx, c.next); err != nil {
		t.Fatal(err)
	}
	third, err := nodes[0].plan(c.next, removing(true, 2))
	if err == nil {
		err = nodes[2].Post(ctx, &api.Post{Database: third.next, Base: third.base, Coordinator: nodes[0].c.Base, TimeoutMS: 60_000})
	}
	if v, posted := nodes[2].inForce(guid); err != nil || v != 2 || !posted {
		t.Errorf("%v, version %d, posted %v", err, v, posted)
	}
}
