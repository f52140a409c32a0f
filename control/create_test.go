package control

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

func TestCreateOverThreeNodes(t *testing.T) {
	_, nodes := three(t)
	task := nodes[0].create(describeOn("cart", nodes...))
	if task.Status != api.TaskFinished || task.Progress.Worker != 100 || len(task.Progress.Clusters) != 3 || task.Started == nil || task.Ended == nil {
		t.Fatalf("task: %+v", task)
	}
	for i, n := range nodes {
		d, err := n.c.Database(context.Background(), task.GUID)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name != "cart" || d.ConfigVersion != 1 || len(d.Instances) != 3 || d.LocalDatabases[0].ID != i+1 {
			t.Errorf("node %d: %+v", i, d)
		}
		for j, x := range d.Instances {
			if x.ID != j+1 || x.Region != nodes[j].opts.Settings.Region || x.NodeID != nodes[j].ID() || x.DBConfig.Port == 0 || x.Cluster.ReplicationEndpoint != "127.0.0.1:9444" {
				t.Errorf("node %d, instance %d: %+v", i, j, x)
			}
		}
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(d.Instances[i].DBConfig.Port)))
		if err != nil {
			t.Errorf("node %d does not serve: %v", i, err)
			continue
		}
		c.Close()
	}
	reports, err := nodes[1].c.HealthReport(context.Background(), task.GUID)
	if err != nil || !api.Healthy(reports) || len(reports) != 3 {
		t.Errorf("health: %+v %v", reports, err)
	}
	for _, n := range nodes {
		eventually(t, "the coordinator has forgotten the create", func() bool { x, _ := n.dir.notes(); return len(x) == 0 })
	}
}

// TestANameStaysAName: what listens on one address is dialled by the name that it was
// given, for replication, too. The name may point elsewhere one day.
func TestANameStaysAName(t *testing.T) {
	_, nodes := three(t)
	d := describeOn("cart", nodes...)
	_, port, err := net.SplitHostPort(d.Instances[1].Cluster.Name)
	if err != nil {
		t.Fatal(err)
	}
	d.Instances[1].Cluster = api.Cluster{Name: net.JoinHostPort("localhost", port)}
	task := nodes[0].create(d)
	if task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	got, err := nodes[2].c.Database(context.Background(), task.GUID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"127.0.0.1:9444", "localhost:9444", "127.0.0.1:9444"} {
		if at := got.Instances[i].Cluster.ReplicationEndpoint; at != want {
			t.Errorf("instance %d: %s, want %s", i+1, at, want)
		}
	}
}

func TestCreateThatFailsLeavesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name  string
		spoil func(d *dialer, nodes []*testNode, db *api.Database)
		want  string
	}{
		{"a disk is full", func(_ *dialer, ns []*testNode, _ *api.Database) { ns[2].host.failOpen.Store(true) }, "no space left"},
		{"a port is taken", func(_ *dialer, _ []*testNode, db *api.Database) {
			db.Instances[1].DBConfig = &api.DBConfig{Port: taken.Addr().(*net.TCPAddr).Port}
		}, "is in use by another process"},
		{"a port is taken at the commit", func(_ *dialer, ns []*testNode, _ *api.Database) { ns[1].host.failServe.Store(true) }, "is in use"},
		{"a node does not answer", func(d *dialer, ns []*testNode, _ *api.Database) { d.cut.Store(ns[2].AdminAddr(), true) }, "cannot reach"},
		{"a region twice", func(_ *dialer, ns []*testNode, db *api.Database) {
			ns[2] = startNode(t, "eu-west", &dialer{})
			db.Instances[2].Cluster.Name = ns[2].AdminAddr()
		}, "one instance a region"},
		{"a clock is off", func(_ *dialer, ns []*testNode, db *api.Database) {
			ns[1].host.skew.Store(-int64(time.Hour))
		}, "away from this node's"},
		{"the name is in use", func(_ *dialer, ns []*testNode, db *api.Database) {
			ns[2].create(describeOn(db.Name, ns[2]))
		}, `region ap-south has a database "cart" already`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, nodes := three(t)
			db := describeOn("cart", nodes...)
			c.spoil(d, nodes, db)
			task := nodes[0].create(db)
			if task.Status != api.TaskFailed || len(task.Errors) == 0 || !strings.Contains(task.Errors[0].Description, c.want) || task.Errors[0].Cluster == "" {
				t.Fatalf("task: %+v, want an error with %q", task, c.want)
			}
			for i, n := range nodes {
				if c.name == "the name is in use" && i == 2 {
					continue
				}
				eventually(t, n.opts.Settings.Region+" is clean", n.clean)
			}
		})
	}
}

func TestCoordinatorCrash(t *testing.T) {
	for _, c := range []struct {
		state string
		keeps bool
	}{{api.OutcomePreparing, false}, {noteAborting, false}, {api.OutcomeCommitting, true}} {
		t.Run(c.state, func(t *testing.T) {
			_, nodes := three(t)
			co := nodes[0]
			d := describeOn("cart", nodes...)
			d.GUID = co.newGUID()
			k := &task{owner: co.tasks}
			if err := co.resolve(context.Background(), d, func(c string, err error) { t.Fatal(c, err) }); err != nil {
				t.Fatal(err)
			}
			x, err := co.begin(&note{State: api.OutcomePreparing, Database: d})
			if err != nil {
				t.Fatal(err)
			}
			if err := co.prepareAll(context.Background(), k, d); err != nil {
				t.Fatal(err, k.api.Errors)
			}
			if err := co.setNote(x, c.state); err != nil {
				t.Fatal(err)
			}
			if c.keeps { // one member has heard of the decision, the others have not
				if err := nodes[1].Commit(context.Background(), d); err != nil {
					t.Fatal(err)
				}
			}
			co.restart()
			for _, n := range nodes {
				if !c.keeps {
					eventually(t, "clean", n.clean)
					continue
				}
				eventually(t, "serving", func() bool { return n.Instance(d.GUID) != nil })
			}
			eventually(t, "the note is gone", func() bool { x, _ := co.dir.notes(); return len(x) == 0 })
		})
	}
}

// An old disk of the coordinator, from the time of the create: what it finds there
// is no reason to drop what the others have had in use since.
func TestOldDiskOfACreateDropsNothing(t *testing.T) {
	_, nodes := three(t)
	co := nodes[0]
	guid := co.create(describeOn("cart", nodes...)).GUID
	r, _ := co.find(guid)
	posted := *r
	posted.Status, posted.Coordinator, posted.ExpiresMS = api.StatusPosted, co.c.Base, 1
	co.Close()
	err := errors.Join(co.dir.writeRecord(&posted), co.dir.mkdir(notesDir), co.dir.writeNote(&note{State: api.OutcomePreparing, Database: r.Database}))
	if err != nil {
		t.Fatal(err)
	}
	co.start()
	eventually(t, "the note is gone", func() bool { x, _ := co.dir.notes(); return len(x) == 0 })
	agreeOn(t, guid, 1, nodes[1:]...)
}

// decideCreate brings a create to where it is decided, and nobody has committed.
func decideCreate(t *testing.T, co *testNode, d *api.Database) {
	t.Helper()
	ctx := context.Background()
	d.GUID = co.newGUID()
	if err := co.resolve(ctx, d, func(c string, err error) { t.Fatal(c, err) }); err != nil {
		t.Fatal(err)
	}
	x, err := co.begin(&note{State: api.OutcomePreparing, Database: d})
	k := &task{owner: co.tasks}
	if err == nil {
		err = co.prepareAll(ctx, k, d)
	}
	if err == nil {
		err = co.setNote(x, api.OutcomeCommitting)
	}
	if err != nil {
		t.Fatal(err, k.api.Errors)
	}
}

// A coordinator that crashed when a create was decided goes on with it, and one of the
// members is gone for good. The database can be changed at this node all the same.
func TestCreateOfALostMemberBlocksNothing(t *testing.T) {
	dial, nodes := three(t)
	co, ctx := nodes[0], context.Background()
	d := describeOn("cart", co, nodes[2])
	decideCreate(t, co, d)
	dial.cut.Store(nodes[2].AdminAddr(), true)
	co.restart()
	eventually(t, "it serves", func() bool { return co.Instance(d.GUID) != nil })
	if task := co.modify(d.GUID, removing(true, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "the note is gone", co.settled)
	if del := co.wait(co.c.Delete(ctx, d.GUID)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
}

// A create was decided and its coordinator is down; meanwhile the database is deleted
// elsewhere. When the coordinator comes back it does not make the database again where
// nobody remembers it.
func TestCreateIsOverWithTheDatabase(t *testing.T) {
	_, nodes := three(t)
	co, ctx := nodes[0], context.Background()
	d := describeOn("cart", nodes...)
	decideCreate(t, co, d)
	if err := nodes[1].Commit(ctx, d); err != nil {
		t.Fatal(err)
	}
	co.Close()
	if del := nodes[1].wait(nodes[1].c.Delete(ctx, d.GUID)); del.Status != api.TaskFailed || !nodes[2].clean() {
		t.Fatalf("task: %+v", del)
	}
	nodes[2].restart() // it forgets what was prepared there
	co.start()
	eventually(t, "the delete is done", nodes[1].settled)
	eventually(t, "the create is over", co.settled)
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// The same, and the coordinator is told of the delete, before it has committed itself, and
// crashes at once.
func TestCreateIsOverWithTheDatabaseAfterACrash(t *testing.T) {
	_, nodes := three(t)
	co, ctx := nodes[0], context.Background()
	d := describeOn("cart", nodes...)
	decideCreate(t, co, d) // its task still has the note
	if err := nodes[1].Commit(ctx, d); err != nil {
		t.Fatal(err)
	}
	if del := nodes[1].wait(nodes[1].c.Delete(ctx, d.GUID)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	nodes[2].restart() // it forgets what was prepared there
	co.restart()
	eventually(t, "the create is over", co.settled)
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// A create still waits for a member that is gone for good when its coordinator is forced
// out along with it, and purged. What is left of the create deletes nothing: the database
// is in use elsewhere.
func TestCreateOfAForcedOutCoordinatorDeletesNothing(t *testing.T) {
	dial, nodes := three(t)
	co, ctx := nodes[0], context.Background()
	d := describeOn("cart", nodes...)
	decideCreate(t, co, d)
	for _, n := range nodes[:2] {
		if err := n.Commit(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[1].client.CloseIdleConnections()
	if task := nodes[1].modify(d.GUID, removing(true, 1, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "the coordinator knows", func() bool { return co.database(d.GUID).record.Status == api.StatusRemoved })
	if task := co.wait(co.c.Purge(ctx, d.GUID, []int{1})); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	co.idle(d.GUID)
	eventually(t, "the create is over", co.settled)
	agreeOn(t, d.GUID, 2, nodes[1])
}

func TestPreparedInstanceOfALostCoordinatorIsDropped(t *testing.T) {
	dial, nodes := three(t)
	d := describeOn("cart", nodes...)
	d.GUID = nodes[0].newGUID()
	if err := nodes[0].resolve(context.Background(), d, func(c string, err error) { t.Fatal(c, err) }); err != nil {
		t.Fatal(err)
	}
	dial.cut.Store(nodes[0].AdminAddr(), true)
	if _, err := nodes[1].Prepare(context.Background(), &api.Prepare{Database: d, Coordinator: nodes[0].c.Base}); err != nil {
		t.Fatal(err)
	}
	nodes[1].restart()
	if nodes[1].Instance(d.GUID) != nil {
		t.Error("a prepared instance serves")
	}
	eventually(t, "clean", nodes[1].clean)
	// A coordinator that comes back with a decision still gets its way.
	if err := nodes[1].Commit(context.Background(), d); err != nil || nodes[1].Instance(d.GUID) == nil {
		t.Error("commit after a drop:", err)
	}
}

func TestPrepareCommitDropMayBeRepeated(t *testing.T) {
	_, nodes := three(t)
	n, ctx := nodes[0], context.Background()
	d := describeOn("cart", nodes[0])
	d.GUID = n.newGUID()
	if err := n.resolve(ctx, d, func(c string, err error) { t.Fatal(c, err) }); err != nil {
		t.Fatal(err)
	}
	first, err := n.Prepare(ctx, &api.Prepare{Database: d, Coordinator: n.c.Base})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := n.Prepare(ctx, &api.Prepare{Database: d}); err != nil || *again != *first {
		t.Errorf("%+v %+v %v", first, again, err)
	}
	for range 2 {
		if err := n.Commit(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := n.Drop(ctx, d.GUID); err != nil {
			t.Fatal(err)
		}
	}
	if !n.clean() {
		t.Error("not clean after a drop")
	}
	if err := n.Commit(ctx, d); !api.IsCode(err, api.CodeRemoved) {
		t.Errorf("a late commit of a dropped database: %v", err)
	}
}

func TestDeleteReachesAMemberThatWasAway(t *testing.T) {
	dial, nodes := three(t)
	task := nodes[0].create(describeOn("cart", nodes...))
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	del := nodes[0].wait(nodes[0].c.Delete(context.Background(), task.GUID))
	if del.Status != api.TaskFailed || len(del.Errors) != 2 || del.Errors[0].Cluster != nodes[2].AdminAddr() {
		t.Fatalf("task: %+v", del)
	}
	if !nodes[0].clean() || !nodes[1].clean() || nodes[2].clean() {
		t.Error("the members that answer are to be clean, the other is not")
	}
	nodes[0].restart()
	dial.cut.Delete(nodes[2].AdminAddr())
	eventually(t, "clean", nodes[2].clean)
}

func TestCancel(t *testing.T) {
	_, nodes := three(t)
	block := make(chan struct{})
	nodes[1].host.blockOpen.Store(&block)
	task, err := nodes[0].c.Create(context.Background(), describeOn("cart", nodes...))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "preparing", func() bool {
		x, _ := nodes[0].c.Task(context.Background(), task.ID)
		return x.Progress.Step == "preparing"
	})
	if _, err := nodes[0].c.Cancel(context.Background(), task.ID); err != nil {
		t.Fatal(err)
	}
	close(block)
	task = nodes[0].wait(task, nil)
	if task.Status != api.TaskFailed || task.Errors[0].Code != api.CodeCancelled {
		t.Errorf("task: %+v", task)
	}
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
	if _, err := nodes[0].c.Cancel(context.Background(), task.ID); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("cancel of an ended task: %v", err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	dial, nodes := three(t)
	r, err := nodes[0].c.Check(context.Background(), describeOn("cart", nodes...))
	if err != nil || !r.OK || r.Database.Instances[2].Region != "ap-south" {
		t.Fatalf("%+v %v", r, err)
	}
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if _, err := nodes[0].c.Check(context.Background(), describeOn("cart", nodes...)); err == nil || !strings.Contains(err.Error(), "cannot reach") {
		t.Error(err)
	}
	for _, n := range nodes {
		if !n.clean() {
			t.Error("not clean")
		}
	}
}
