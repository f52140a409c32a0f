package control

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

func (n *testNode) fake(guid string) *fakeInstance {
	n.host.mu.Lock()
	defer n.host.mu.Unlock()
	return n.host.mu.open[guid]
}

// hold sets what an instance and, as far as it knows, the others hold of its
// own log.
func (i *fakeInstance) hold(own uint64, others map[int]uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holds = Holdings{Issued: own, Durable: []api.Position{{ID: i.spec.Replica, Time: own}}}
	for id, t := range others {
		i.holds.Others = append(i.holds.Others, api.Holding{ID: id, Durable: []api.Position{{ID: i.spec.Replica, Time: t}}})
	}
}

func (i *fakeInstance) refuses() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.forbidden == nil {
		return ""
	}
	return i.forbidden.Error()
}

func removing(force bool, ids ...int) *api.Modify {
	return &api.Modify{RemoveInstances: ids, ForceRemove: force}
}

// An instance that leaves takes no writes and stays until the others hold all
// it has; then its data goes.
func TestRemoveInstance(t *testing.T) {
	for by, name := range []string{"by another", "by another", "by itself"} {
		t.Run(name, func(t *testing.T) {
			_, nodes, guid := four(t)
			leaver := nodes[2].fake(guid)
			leaver.hold(9, map[int]uint64{1: 9, 2: 8})
			task, err := nodes[by].c.Modify(context.Background(), guid, removing(false, 3))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "it says whom it waits for", func() bool {
				x, _ := nodes[by].c.Task(context.Background(), task.ID)
				return strings.Contains(x.Progress.Step, "still waiting for eu-west")
			})
			if !strings.Contains(leaver.refuses(), "leaving") {
				t.Error("it still takes writes")
			}
			leaver.hold(9, map[int]uint64{1: 9, 2: 9})
			if task = nodes[by].wait(task, nil); task.Status != api.TaskFinished || task.Operation != api.OpRemove {
				t.Fatalf("task: %+v", task)
			}
			agreeOn(t, guid, 2, nodes[:2]...)
			eventually(t, "clean", nodes[2].clean)
			if fmt.Sprint(nodes[0].members(guid)) != "[1 2]" {
				t.Error(nodes[0].members(guid))
			}
			// The node can come back, under an ID that was never used.
			if task := nodes[0].modify(guid, adding(nodes[2])); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
			if fmt.Sprint(nodes[2].members(guid)) != "[1 2 4]" {
				t.Error(nodes[2].members(guid))
			}
		})
	}
}

// Of two that leave together the one that has handed over everything takes no writes
// for as long as the other one needs.
func TestLeaseOfWhoIsDoneIsRenewed(t *testing.T) {
	_, nodes, guid := four(t)
	nodes[1].fake(guid).hold(9, map[int]uint64{1: 9})
	nodes[2].fake(guid).hold(9, map[int]uint64{1: 8})
	until := func() (at time.Time) {
		n := nodes[1]
		n.mu.Lock()
		defer n.mu.Unlock()
		if x := n.mu.drains[guid]; x != nil {
			at = x.until
		}
		return at
	}
	task, err := nodes[0].c.Modify(context.Background(), guid, removing(false, 2, 3))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other one hands over", func() bool {
		return strings.Contains(nodes[0].task(task.ID).Progress.Step, "region ap-south takes no writes any more")
	})
	before := until()
	eventually(t, "the lease is renewed", func() bool { return until().After(before) })
	nodes[2].fake(guid).hold(9, map[int]uint64{1: 9})
	if task = nodes[0].wait(task, nil); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[0])
}

func TestCancelledRemovalTakesWritesAgain(t *testing.T) {
	_, nodes, guid := four(t)
	leaver := nodes[2].fake(guid)
	leaver.hold(9, nil)
	task, err := nodes[0].c.Modify(context.Background(), guid, removing(false, 3))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is leaving", func() bool { return leaver.refuses() != "" })
	if _, err := nodes[0].c.Cancel(context.Background(), task.ID); err != nil {
		t.Fatal(err)
	}
	if task = nodes[0].wait(task, nil); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "it takes writes", func() bool { return leaver.refuses() == "" })
	agreeOn(t, guid, 1, nodes[:3]...)
}

func TestRemovalOfOneThatDoesNotAnswer(t *testing.T) {
	dial, nodes, guid := four(t)
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	task := nodes[0].modify(guid, removing(false, 3))
	if task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, "--force") {
		t.Fatalf("task: %+v", task)
	}
	// By force, all that stay must agree; who cannot is named, with what helps.
	if task = nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "1 of 2 members accept the change, 2 must") ||
		!strings.Contains(fmt.Sprint(task.Errors), `remove-instance "cart" --instance-id 2 --instance-id 3 --force`) {
		t.Fatalf("task: %+v", task)
	}
	if task = nodes[0].modify(guid, removing(true, 2, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[0])
}

// One that was forced out while it was away learns of it, takes no writes,
// says so, and can be purged and added again.
func TestForceRemoveInstance(t *testing.T) {
	dial, nodes, guid := four(t)
	gone := nodes[2]
	former := gone.database(guid).record.Database
	dial.cut.Store(gone.AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	nodes[0].fake(guid).mu.Lock()
	nodes[0].fake(guid).holds.Durable = []api.Position{{ID: 3, Time: uint64(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli()) << 16}}
	nodes[0].fake(guid).mu.Unlock()
	nodes[1].fake(guid).mu.Lock()
	nodes[1].fake(guid).holds.Durable = []api.Position{{ID: 3, Time: uint64(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli()) << 16}}
	nodes[1].fake(guid).mu.Unlock()
	task := nodes[0].modify(guid, removing(true, 3))
	if task.Status != api.TaskFinished || !strings.Contains(fmt.Sprint(task.Warnings), "eu-west up to 2026-01-02T03:04:05.000Z") {
		t.Fatalf("task: %+v", task)
	}
	dial.cut.Delete(gone.AdminAddr())
	if _, err := gone.c.Purge(context.Background(), guid, []int{3}); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("the purge of a member: %v", err)
	}
	gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	removed := func() bool { db := gone.database(guid); return db != nil && db.record.Status == api.StatusRemoved }
	eventually(t, "it learns that it was removed", removed)
	gone.restart()
	if !removed() || !strings.Contains(gone.fake(guid).refuses(), "was removed from database") || len(gone.fake(guid).ms) != 0 {
		t.Errorf("after a restart: %q %v", gone.fake(guid).refuses(), gone.fake(guid).ms)
	}
	d, err := gone.c.Database(context.Background(), guid)
	if err != nil || d.LocalDatabases[0].Status != api.CodeRemoved {
		t.Errorf("%+v %v", d, err)
	}
	if reports, err := gone.c.HealthReport(context.Background(), guid); err != nil || api.Healthy(reports) {
		t.Errorf("%+v %v", reports, err)
	}
	if status, _ := gone.ask("GET", "/v1/bdbs/1/availability", ""); status != 503 {
		t.Errorf("availability: %d", status)
	}
	if task := nodes[0].modify(guid, adding(gone)); task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, "purge that first") {
		t.Errorf("task: %+v", task)
	}
	if task := gone.wait(gone.c.Purge(context.Background(), guid, []int{3})); task.Status != api.TaskFinished || !gone.clean() {
		t.Errorf("purge: %+v", task)
	}
	gone.restart()
	if err := gone.Commit(context.Background(), former); !api.IsCode(err, api.CodeRemoved) || gone.database(guid) != nil {
		t.Errorf("a coordinator that missed the removal makes the instance anew: %v", err)
	}
	if task := nodes[0].modify(guid, adding(gone)); task.Status != api.TaskFinished || fmt.Sprint(gone.members(guid)) != "[1 2 4]" {
		t.Errorf("task: %+v", task)
	}
}

// Who removes by force the only one that holds the log of an instance that has lost it
// itself, is told so, whether the one that goes answers or not.
func TestForceRemoveTheOnlyHolder(t *testing.T) {
	for _, answers := range []bool{true, false} {
		dial, nodes, guid := four(t)
		holds := func(by int, t uint64) {
			f := nodes[by].fake(guid)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.holds.Durable = append(f.holds.Durable, api.Position{ID: 2, Time: t << 16})
		}
		nodes[1].fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "more than here"})
		eventually(t, "the fault is there", func() bool { return nodes[1].faultOf(guid) == api.CodeLostLog })
		holds(0, 1000)
		holds(2, 5000)
		if !answers {
			nodes[0].fake(guid).hold(0, nil)
			holds(0, 1000)
			f := nodes[0].fake(guid)
			f.mu.Lock()
			f.holds.Others = []api.Holding{{ID: 3, Durable: []api.Position{{ID: 2, Time: 5000 << 16}}}}
			f.mu.Unlock()
			dial.cut.Store(nodes[2].AdminAddr(), true)
			nodes[0].client.CloseIdleConnections()
		}
		task := nodes[0].modify(guid, removing(true, 3))
		if want := "after 1970-01-01T00:00:01.000Z, up to 1970-01-01T00:00:05.000Z: that is lost"; task.Status != api.TaskFinished ||
			!strings.Contains(fmt.Sprint(task.Warnings), want) {
			t.Errorf("it answers: %v; task: %+v", answers, task)
		}
	}
}

// A coordinator that was destroyed between the post and the commit blocks
// other changes until it is forced out; also one that was removing itself.
func TestForceOutALostCoordinator(t *testing.T) {
	for _, lost := range []*api.Modify{setting(3), removing(false, 1)} {
		dial, nodes, guid := four(t)
		r, _ := nodes[0].find(guid)
		c, err := nodes[0].plan(r.Database, lost)
		if err != nil {
			t.Fatal(err)
		}
		k := &task{owner: nodes[0].tasks}
		if _, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base}); err != nil {
			t.Fatal(err) // who asks hears that it is under way
		}
		if err := nodes[0].drainAll(context.Background(), k, c); err != nil {
			t.Fatal(err)
		}
		if _, err := nodes[0].postAll(context.Background(), k, c); err != nil {
			t.Fatal(err)
		}
		dial.cut.Store(nodes[0].AdminAddr(), true)
		for _, n := range nodes[1:3] {
			n.client.CloseIdleConnections()
		}
		if task := nodes[1].modify(guid, setting(4)); task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "another change to configuration version 2 is under way") {
			t.Fatalf("%+v; task: %+v", lost, task)
		}
		if task := nodes[1].modify(guid, removing(true, 1)); task.Status != api.TaskFinished {
			t.Fatalf("%+v; task: %+v", lost, task)
		}
		agreeOn(t, guid, 2, nodes[1:3]...)
	}
}

// A coordinator is lost that had told only the instance that it was adding. The
// change which forces it out takes the place of that one: the ID is not given out
// again, also not by the change itself, and who has it takes no writes that nobody
// would get.
func TestForcedChangeGivesOutNoIDAgain(t *testing.T) {
	dial, nodes, guid := four(t)
	ctx, k := context.Background(), &task{owner: nodes[0].tasks}
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, adding(nodes[3]))
	if err == nil {
		err = nodes[0].resolveAdded(ctx, k, c)
	}
	if err == nil {
		_, err = nodes[0].beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	}
	if err == nil {
		_, err = nodes[0].propose(ctx, k, c)
	}
	if err == nil {
		err = nodes[3].Commit(ctx, c.next)
	}
	if err != nil {
		t.Fatal(err, k.api.Errors)
	}
	dial.cut.Store(nodes[0].AdminAddr(), true)
	for _, n := range nodes[1:] {
		n.client.CloseIdleConnections()
	}
	low, err := nodes[1].plan(r.Database, removing(true, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[2].Post(ctx, &api.Post{Database: low.next, Base: low.base, Coordinator: nodes[1].c.Base}); err == nil || !strings.Contains(err.Error(), "has given out instance ID 4") {
		t.Errorf("a change that forgets an ID: %v", err)
	}
	m := adding(startNode(t, "af-south", dial))
	m.RemoveInstances, m.ForceRemove = []int{1}, true
	if task := nodes[1].modify(guid, m); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[1:3]...)
	if got := fmt.Sprint(nodes[1].members(guid)); got != "[2 3 5]" {
		t.Errorf("members: %s", got)
	}
	nodes[3].fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	eventually(t, "it takes no writes", func() bool { return strings.Contains(nodes[3].fake(guid).refuses(), "was removed from database") })
	if task := nodes[3].wait(nodes[3].c.Purge(ctx, guid, []int{4})); task.Status != api.TaskFinished {
		t.Errorf("purge: %+v", task)
	}
}

// stepsOfARemoval are what a coordinator does one after the other; keeps says
// whether the change is decided then.
var stepsOfARemoval = []struct {
	name  string
	keeps bool
	do    func(nodes []*testNode, k *task, c *change, x *note) error
}{
	{"noted", false, func([]*testNode, *task, *change, *note) error { return nil }},
	{"drained", false, func(ns []*testNode, k *task, c *change, _ *note) error {
		return ns[0].drainAll(context.Background(), k, c)
	}},
	{"posted at the leaver", false, func(ns []*testNode, _ *task, c *change, _ *note) error {
		return ns[2].Post(context.Background(), &api.Post{Database: c.next, Base: c.base, Coordinator: ns[0].c.Base, TimeoutMS: 50})
	}},
	{"posted", false, func(ns []*testNode, k *task, c *change, _ *note) error {
		_, err := ns[0].postAll(context.Background(), k, c)
		return err
	}},
	{"decided", true, func(ns []*testNode, _ *task, _ *change, x *note) error {
		return ns[0].setNote(x, api.OutcomeCommitting)
	}},
	{"committed at one that stays", true, func(ns []*testNode, _ *task, c *change, _ *note) error {
		return ns[1].Commit(context.Background(), c.next)
	}},
	{"committed at the leaver", true, func(ns []*testNode, _ *task, c *change, _ *note) error {
		return ns[2].Commit(context.Background(), c.next)
	}},
}

func TestCoordinatorCrashInARemoval(t *testing.T) {
	for last := range stepsOfARemoval {
		t.Run(stepsOfARemoval[last].name, func(t *testing.T) {
			_, nodes, guid := four(t)
			if stepsOfARemoval[last].name == "drained" { // nobody but the end of the lease tells the leaver
				nodes[0].Close()
				nodes[0].opts.Timing.Lease = 500 * time.Millisecond
				nodes[0].start()
			}
			r, _ := nodes[0].find(guid)
			c, err := nodes[0].plan(r.Database, removing(false, 3))
			if err != nil {
				t.Fatal(err)
			}
			x, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range stepsOfARemoval[:last+1] {
				if err := s.do(nodes, &task{owner: nodes[0].tasks}, c, x); err != nil {
					t.Fatal(s.name, err)
				}
			}
			nodes[0].restart()
			if stepsOfARemoval[last].keeps {
				agreeOn(t, guid, 2, nodes[:2]...)
				eventually(t, "the leaver is clean", nodes[2].clean)
				return
			}
			agreeOn(t, guid, 1, nodes[:3]...)
			eventually(t, "the leaver takes writes again", func() bool { return nodes[2].fake(guid).refuses() == "" })
		})
	}
}

// The leaver crashes after it posted: it takes no writes when it comes back.
func TestLeaverCrash(t *testing.T) {
	_, nodes, guid := four(t)
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, removing(false, 3))
	if err != nil {
		t.Fatal(err)
	}
	k := &task{owner: nodes[0].tasks}
	x, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		err = nodes[0].drainAll(context.Background(), k, c)
	}
	if err == nil {
		_, err = nodes[0].postAll(context.Background(), k, c)
	}
	if err != nil {
		t.Fatal(err, k.api.Errors)
	}
	nodes[2].restart()
	if !strings.Contains(nodes[2].fake(guid).refuses(), "leaving") {
		t.Error("it takes writes")
	}
	if err := nodes[0].setNote(x, api.OutcomeCommitting); err != nil {
		t.Fatal(err)
	}
	nodes[0].idle(guid)
	agreeOn(t, guid, 2, nodes[:2]...)
	eventually(t, "clean", nodes[2].clean)
}

// decideRemoval brings the removal of the third member, which takes no writes any more,
// to where it is decided and nobody has committed.
func decideRemoval(t *testing.T, nodes []*testNode, guid string) (*change, *note, *fakeInstance) {
	t.Helper()
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, removing(false, 3))
	if err != nil {
		t.Fatal(err)
	}
	x, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stepsOfARemoval[1:5] { // decided
		if err := s.do(nodes, &task{owner: nodes[0].tasks}, c, x); err != nil {
			t.Fatal(s.name, err)
		}
	}
	leaver := nodes[2].fake(guid)
	leaver.mu.Lock()
	leaver.admitted = false
	leaver.mu.Unlock()
	return c, x, leaver
}

// A removal was decided, and the next change has taken the place of its note: that the
// coordinator knows nothing of it any more does not mean that it was given up. The
// leaver never takes writes again.
func TestLeaverHearsOfALaterChange(t *testing.T) {
	_, nodes, guid := four(t)
	ctx := context.Background()
	c, x, leaver := decideRemoval(t, nodes, guid)
	for _, n := range nodes[:2] {
		if err := n.Commit(ctx, c.next); err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].forget(x) // before the leaver is told
	nodes[0].idle(guid)
	if task := nodes[0].modify(guid, setting(4)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "the leaver knows", func() bool {
		db := nodes[2].database(guid)
		return db == nil || db.record.Status == api.StatusRemoved || db.record.Posted == nil
	})
	leaver.mu.Lock()
	defer leaver.mu.Unlock()
	if leaver.admitted {
		t.Error("the leaver took writes again")
	}
}

// A coordinator that starts has not read its notes yet: it knows of no outcome.
func TestNoOutcomeWhileLoading(t *testing.T) {
	_, nodes, guid := four(t)
	nodes[0].state.Store(stateLoading)
	defer nodes[0].state.Store(stateReady)
	if o, err := nodes[1].clientOf(nodes[0].database(guid).record.Database.Instances[0].Cluster).Outcome(context.Background(), guid, "c"); !api.IsCode(err, api.CodeNotReady) {
		t.Errorf("%+v, %v", o, err)
	}
}
