package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"crdb/control/api"
	"crdb/crdt"
)

// four starts three nodes with a database and a fourth without.
func four(t *testing.T) (*dialer, []*testNode, string) {
	d, nodes := three(t)
	nodes = append(nodes, startNode(t, "sa-east", d))
	return d, nodes, nodes[0].create(describeOn("cart", nodes[:3]...)).GUID
}

func adding(n *testNode) *api.Modify {
	return &api.Modify{AddInstances: []api.Instance{{Cluster: api.Cluster{Name: n.AdminAddr()}}}}
}

func setting(memory int64) *api.Modify {
	return &api.Modify{Update: &api.Update{DefaultDBConfig: &api.DBConfig{MemorySize: &memory}}}
}

// inForce returns the version of the configuration in force on a node, 0 if
// the database does not serve there, and whether another one is posted.
func (n *testNode) inForce(guid string) (version int, isPosted bool) {
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted {
		return 0, false
	}
	return db.record.Database.ConfigVersion, db.record.Posted != nil
}

// agreeOn waits until nodes have a version in force and nothing posted.
func agreeOn(t *testing.T, guid string, version int, nodes ...*testNode) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, fmt.Sprintf("%s has version %d", n.opts.Settings.Region, version), func() bool {
			v, p := n.inForce(guid)
			return v == version && !p
		})
	}
}

// members returns whom an instance was told, by replica.
func (n *testNode) members(guid string) []int {
	i := n.Instance(guid).(*fakeInstance)
	i.mu.Lock()
	defer i.mu.Unlock()
	var ids []int
	for _, m := range i.ms {
		ids = append(ids, m.Replica)
	}
	slices.Sort(ids)
	return ids
}

func (n *testNode) modify(guid string, m *api.Modify) *api.Task {
	n.t.Helper()
	return n.wait(n.c.Modify(context.Background(), guid, m))
}

func TestAddInstance(t *testing.T) {
	_, nodes, guid := four(t)
	task := nodes[1].modify(guid, adding(nodes[3]))
	if task.Status != api.TaskFinished || task.Operation != api.OpAdd || len(task.Progress.Clusters) != 4 || len(task.Warnings) > 0 {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes...)
	for _, n := range nodes {
		d, err := n.c.Database(context.Background(), guid)
		if err != nil {
			t.Fatal(err)
		}
		x := d.Instance(4)
		if d.HighestID != 4 || x == nil || x.Region != "sa-east" || x.DBConfig.Port == 0 || x.NodeID != nodes[3].ID() || fmt.Sprint(n.members(guid)) != "[1 2 3 4]" {
			t.Errorf("%s: %+v %v", n.opts.Settings.Region, d, n.members(guid))
		}
	}
	nodes[0].restart()
	if fmt.Sprint(nodes[0].members(guid)) != "[1 2 3 4]" {
		t.Error("after a restart:", nodes[0].members(guid))
	}
}

func TestUpdate(t *testing.T) {
	_, nodes, guid := four(t)
	memory := int64(1 << 20)
	task := nodes[0].wait(nodes[0].c.Update(context.Background(), guid, &api.Update{DefaultDBConfig: &api.DBConfig{MemorySize: &memory, EvictionPolicy: "allkeys-lru"},
		Instances: []api.InstanceUpdate{{ID: 2, DBConfig: api.DBConfig{AOFPolicy: "appendfsync-always"}}}}, false))
	if task.Status != api.TaskFinished || task.Operation != api.OpUpdate {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[:3]...)
	want := map[int]string{0: "map[maxmemory:1048576 maxmemory-policy:allkeys-lru]", 1: "map[appendfsync:always maxmemory:1048576 maxmemory-policy:allkeys-lru]"}
	check := func() {
		t.Helper()
		for i, w := range want {
			if got := fmt.Sprint(nodes[i].Instance(guid).(*fakeInstance).set); got != w {
				t.Errorf("%d: %s, want %s", i, got, w)
			}
		}
	}
	check()
	nodes[1].restart()
	check()
	if again := nodes[0].modify(guid, &api.Modify{ForceUpdate: true}); again.Status != api.TaskFinished {
		t.Errorf("task: %+v", again)
	}
	agreeOn(t, guid, 3, nodes[:3]...)
	check()
}

func TestChangesThatAreRefused(t *testing.T) {
	_, nodes, guid := four(t)
	other := startNode(t, "us-east", &dialer{})
	port := 1
	for _, c := range []struct {
		name string
		m    *api.Modify
		want string
	}{
		{"nothing", &api.Modify{}, "nothing would change"},
		{"an ID", &api.Modify{AddInstances: []api.Instance{{ID: 9, Cluster: api.Cluster{Name: "a:1"}}}}, "leave them out"},
		{"unknown", &api.Modify{RemoveInstances: []int{9}, ForceRemove: true}, "has no instance 9"},
		{"all", &api.Modify{RemoveInstances: []int{1, 2, 3}, ForceRemove: true}, "delete the database instead"},
		{"all for another", &api.Modify{RemoveInstances: []int{1, 2, 3}, AddInstances: adding(nodes[3]).AddInstances}, "add the new ones first"},
		{"all for another by force", &api.Modify{RemoveInstances: []int{1, 2, 3}, ForceRemove: true, AddInstances: adding(nodes[3]).AddInstances}, "add the new ones first"},
		{"twice", &api.Modify{RemoveInstances: []int{1, 1}, ForceRemove: true}, "named twice"},
		{"a port", &api.Modify{Update: &api.Update{DefaultDBConfig: &api.DBConfig{Port: port}}}, "cannot be changed"},
		{"a policy", &api.Modify{Update: &api.Update{DefaultDBConfig: &api.DBConfig{EvictionPolicy: "never"}}}, "is none of"},
		{"memory", setting(-1), "not a number of bytes"},
		{"a member again", adding(nodes[1]), "instance 2 of the database is at "},
		{"a region again", adding(other), "one instance a region"},
		{"nobody there", &api.Modify{AddInstances: []api.Instance{{Cluster: api.Cluster{Name: "127.0.0.1:1"}}}}, "cannot reach"},
	} {
		task, err := nodes[0].c.Modify(context.Background(), guid, c.m)
		if err == nil {
			task = nodes[0].wait(task, nil)
			if len(task.Errors) > 0 {
				err = api.Errorf(0, "", "%s", task.Errors[0].Description)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	agreeOn(t, guid, 1, nodes[:3]...)
	eventually(t, "the node that was not added is clean", nodes[3].clean)
}

// Of changes that begin at once one wins, and the others say why they did not.
func TestConcurrentChanges(t *testing.T) {
	_, nodes, guid := four(t)
	before := 1
	for round := range 4 {
		var tasks [3]*api.Task
		var wg sync.WaitGroup
		for i := range tasks {
			wg.Go(func() { tasks[i] = nodes[i].modify(guid, setting(int64(1000*(round+1)+i))) })
		}
		wg.Wait()
		v, _ := nodes[0].inForce(guid)
		won := 0
		for i, k := range tasks {
			if k.Status == api.TaskFinished {
				won++
			} else if e := k.Errors[0]; e.Code != api.CodeConflict || !strings.Contains(e.Description, "version") {
				t.Errorf("node %d: %+v", i, k.Errors)
			}
		}
		if won == 0 || won != v-before { // two may win one after the other
			t.Errorf("%d changes won, the version went from %d to %d", won, before, v)
		}
		before = v
		agreeOn(t, guid, v, nodes[:3]...)
		for _, n := range nodes[1:3] {
			if a, b := nodes[0].database(guid).record.Database.ConfigID, n.database(guid).record.Database.ConfigID; a != b {
				t.Fatalf("two configurations of version %d", v)
			}
		}
	}
}

func TestChangeWhileAMemberIsAway(t *testing.T) {
	dial, nodes, guid := four(t)
	away := nodes[2]
	dial.cut.Store(away.AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	task := nodes[0].modify(guid, adding(nodes[3]))
	if task.Status != api.TaskFinished || len(task.Warnings) == 0 || !strings.Contains(task.Warnings[0], away.AdminAddr()) {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[0], nodes[1], nodes[3])
	// The note that waits for it does not keep the next change back.
	if task := nodes[0].modify(guid, setting(5)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	dial.cut.Delete(away.AdminAddr())
	agreeOn(t, guid, 3, nodes...)
	eventually(t, "the instance knows its members", func() bool { return fmt.Sprint(away.members(guid)) == "[1 2 3 4]" })
	eventually(t, "the note is gone", func() bool { x, _ := nodes[0].dir.notes(); return len(x) == 0 })
}

func TestAMinorityChangesNothing(t *testing.T) {
	dial, nodes, guid := four(t)
	dial.cut.Store(nodes[1].AdminAddr(), true)
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	task := nodes[0].modify(guid, adding(nodes[3]))
	last := task.Errors[len(task.Errors)-1].Description
	if task.Status != api.TaskFailed || !strings.Contains(last, "1 of 3 members accept the change, 2 must") {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 1, nodes[0])
	eventually(t, "clean", nodes[3].clean)
	dial.cut.Delete(nodes[1].AdminAddr())
	if task := nodes[0].modify(guid, adding(nodes[3])); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
}

// stepsOfAnAdd are what a coordinator does one after the other; keeps says
// whether the change is decided then.
var stepsOfAnAdd = []struct {
	name  string
	keeps bool
	do    func(t *testing.T, nodes []*testNode, c *change, x *note)
}{
	{"noted", false, func(*testing.T, []*testNode, *change, *note) {}},
	{"prepared", false, func(t *testing.T, nodes []*testNode, c *change, _ *note) {
		if err := nodes[0].prepareAdded(context.Background(), &task{owner: nodes[0].tasks}, c); err != nil {
			t.Fatal(err)
		}
	}},
	{"posted at one", false, func(t *testing.T, nodes []*testNode, c *change, _ *note) {
		p := &api.Post{Database: c.next, Base: c.base, Coordinator: nodes[0].c.Base, TimeoutMS: 50}
		if err := nodes[1].Post(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}},
	{"posted", false, func(t *testing.T, nodes []*testNode, c *change, _ *note) {
		if _, err := nodes[0].postAll(context.Background(), &task{owner: nodes[0].tasks}, c); err != nil {
			t.Fatal(err)
		}
	}},
	{"decided", true, func(t *testing.T, nodes []*testNode, _ *change, x *note) {
		if err := nodes[0].setNote(x, api.OutcomeCommitting); err != nil {
			t.Fatal(err)
		}
	}},
	{"committed at one", true, func(t *testing.T, nodes []*testNode, c *change, _ *note) {
		if err := nodes[2].Commit(context.Background(), c.next); err != nil {
			t.Fatal(err)
		}
	}},
	{"committed at the new one", true, func(t *testing.T, nodes []*testNode, c *change, _ *note) {
		if err := nodes[3].Commit(context.Background(), c.next); err != nil {
			t.Fatal(err)
		}
	}},
}

// The coordinator crashes after every step of an add: the change is in force
// everywhere or nowhere, and what was begun is cleaned up.
func TestCoordinatorCrashInAChange(t *testing.T) {
	steps := stepsOfAnAdd
	for last := range steps {
		t.Run(steps[last].name, func(t *testing.T) {
			_, nodes, guid := four(t)
			r, _ := nodes[0].find(guid)
			c, err := nodes[0].plan(r.Database, adding(nodes[3]))
			if err != nil {
				t.Fatal(err)
			}
			if err := nodes[0].resolveAdded(context.Background(), &task{owner: nodes[0].tasks}, c); err != nil {
				t.Fatal(err)
			}
			x, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range steps[:last+1] {
				s.do(t, nodes, c, x)
			}
			nodes[0].restart()
			if steps[last].keeps {
				agreeOn(t, guid, 2, nodes...)
			} else {
				agreeOn(t, guid, 1, nodes[:3]...)
				eventually(t, "clean", nodes[3].clean)
			}
			eventually(t, "the note is gone", func() bool { x, _ := nodes[0].dir.notes(); return len(x) == 0 })
			// Whatever happened, the next change goes through.
			if task := nodes[1].modify(guid, setting(7)); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
		})
	}
}

// A member crashes between the post and the commit.
func TestMemberCrashInAChange(t *testing.T) {
	_, nodes, guid := four(t)
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, setting(9))
	if err != nil {
		t.Fatal(err)
	}
	x, err := nodes[0].beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err != nil {
		t.Fatal(err)
	}
	k := &task{owner: nodes[0].tasks}
	if _, err := nodes[0].postAll(context.Background(), k, c); err != nil {
		t.Fatal(err)
	}
	nodes[1].restart()
	if v, p := nodes[1].inForce(guid); v != 1 || !p {
		t.Fatalf("version %d, posted %v", v, p)
	}
	if err := nodes[0].setNote(x, api.OutcomeCommitting); err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].settle(context.Background(), k, x, nil); err != nil {
		t.Fatal(err)
	}
	agreeOn(t, guid, 2, nodes[:3]...)
}

// Invariant 6: Post, Unpost and Commit may be repeated and come in any order.
func TestPostUnpostCommitMayBeRepeated(t *testing.T) {
	_, nodes, guid := four(t)
	n, ctx := nodes[1], context.Background()
	r, _ := n.find(guid)
	c, err := n.plan(r.Database, setting(9))
	if err != nil {
		t.Fatal(err)
	}
	rival, err := n.plan(r.Database, setting(10))
	if err != nil {
		t.Fatal(err)
	}
	p := &api.Post{Database: c.next, Base: c.base, Coordinator: nodes[0].c.Base, TimeoutMS: 60000}
	for range 2 {
		if err := n.Post(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Post(ctx, &api.Post{Database: rival.next, Base: rival.base, Coordinator: nodes[0].c.Base}); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("a second change was posted: %v", err)
	}
	for _, id := range []string{rival.next.ConfigID, c.next.ConfigID, c.next.ConfigID} {
		if err := n.Unpost(ctx, guid, id); err != nil {
			t.Fatal(err)
		}
	}
	if v, posted := n.inForce(guid); v != 1 || posted {
		t.Errorf("version %d, posted %v", v, posted)
	}
	for range 2 {
		if err := n.Commit(ctx, c.next); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Commit(ctx, c.base); err != nil {
		t.Errorf("a late commit: %v", err)
	}
	if err := n.Commit(ctx, rival.next); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("another configuration of the same version: %v", err)
	}
	if err := n.Post(ctx, p); !api.IsCode(err, api.CodeConflict) || !strings.Contains(err.Error(), "version 2 already") {
		t.Errorf("a late post: %v", err)
	}
	agreeOn(t, guid, 2, n)
}

// A database that has had as many instances as there are IDs, at long host names, is changed
// all the same: of former ones the newest are kept.
func TestChangeAfterManyInstances(t *testing.T) {
	_, nodes, guid := four(t)
	host := strings.Repeat("h", 120) + ".org:9443"
	for _, n := range nodes[:3] {
		n.change.Lock()
		_, err := n.rewriteLocked(n.database(guid), func(r *record) {
			r.Database = r.Database.Clone()
			for r.Database.HighestID = 3; r.Database.HighestID < crdt.MaxReplicas-1; {
				r.Database.HighestID++
				r.Database.RemovedInstances = append(r.Database.RemovedInstances, api.RemovedInstance{ID: r.Database.HighestID, Region: strings.Repeat("r", 63), NodeID: n.ID(),
					Cluster: api.Cluster{Name: host, URL: "http://" + host, ReplicationEndpoint: host}, Version: 1, Forced: true})
			}
		})
		n.change.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	if task := nodes[0].modify(guid, removing(false, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 2, nodes[0], nodes[2])
	d := nodes[2].database(guid).record.Database
	if all := d.RemovedInstances; len(all) != api.MaxFormer || d.Removed(2) == nil || d.Removed(crdt.MaxReplicas-1) == nil || d.NextID() != crdt.MaxReplicas {
		t.Errorf("%d former instances, the next is %d", len(all), d.NextID())
	}
	if task := nodes[0].modify(guid, adding(nodes[3])); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
}

// preparedFourth makes a database of three nodes, and prepares a fourth instance for
// a change that is neither decided nor given up. Its coordinator says so to whoever asks,
// until lose: then it knows of no change.
func preparedFourth(t *testing.T) (nodes []*testNode, guid string, c *change, lose func()) {
	_, nodes, guid = four(t)
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, adding(nodes[3]))
	if err != nil {
		t.Fatal(err)
	}
	k := &task{owner: nodes[0].tasks}
	if err := nodes[0].resolveAdded(context.Background(), k, c); err != nil {
		t.Fatal(err)
	}
	n := nodes[0]
	_, err = n.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		err = n.prepareAdded(context.Background(), k, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return nodes, guid, c, func() {
		n.mu.Lock()
		delete(n.mu.notes, guid)
		n.mu.Unlock()
		if err := n.dir.removeNote(guid); err != nil {
			t.Error(err)
		}
		n.idle(guid)
	}
}

// The change that adds an instance is decided, and the next one, which has taken the
// place of its note, is given up: nobody tells the instance, so it asks.
func TestNewInstanceThatNobodyTells(t *testing.T) {
	nodes, guid, c, lose := preparedFourth(t)
	for _, n := range nodes[:3] {
		if err := n.Commit(context.Background(), c.next); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	agreeOn(t, guid, 2, nodes...)
}

// A change that adds an instance is given up and nobody tells the instance, while
// others get its version: it does not wait to become a member.
func TestNewInstanceOfAChangeThatWasGivenUp(t *testing.T) {
	nodes, guid, _, lose := preparedFourth(t)
	if nodes[3].database(guid) == nil {
		t.Fatal("nothing is prepared")
	}
	lose()
	if task := nodes[0].modify(guid, setting(4)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "it is dropped", func() bool { return nodes[3].database(guid) == nil })
}

// Whom a change forces out is told of it beside the work on its note.
func TestTellingThoseThatAreGoneTakesACopy(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	r, _ := n.find(guid)
	c, err := n.plan(r.Database, removing(true, 3))
	if err != nil {
		t.Fatal(err)
	}
	x, err := n.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err != nil {
		t.Fatal(err)
	}
	n.tellGone(x)
	n.abandon(x)
	n.forget(x)
	n.idle(guid)
	eventually(t, "it knows", func() bool { return nodes[2].database(guid).record.Status == api.StatusRemoved })
}
