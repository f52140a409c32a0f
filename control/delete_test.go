package control

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"crdb/control/api"
)

// waiting returns how many notes a coordinator has.
func (n *testNode) waiting() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.notes)
}

// settled reports whether no note is left, and nobody works on one: who has removed it
// does for a moment more, and no change begins meanwhile.
func (n *testNode) settled() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.notes)+len(n.mu.busy) == 0
}

// A member that has not loaded its databases yet does not say that one is gone.
func TestDeleteReachesAMemberThatIsLoading(t *testing.T) {
	dial, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	away := nodes[2]
	away.Close()
	admin := net.JoinHostPort("127.0.0.1", strconv.Itoa(away.opts.Settings.AdminPort))
	dial.cut.Store(admin, true)
	if del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); del.Status != api.TaskFailed {
		t.Fatalf("task: %+v", del)
	}
	block := make(chan struct{})
	away.host.blockOpen.Store(&block)
	started := make(chan error)
	go func() {
		var err error
		away.Node, err = Open(away.opts)
		started <- err
	}()
	eventually(t, "it says that it is loading", func() bool { return api.IsCode(away.c.Drop(context.Background(), guid), api.CodeNotReady) })
	if err := away.c.Unpost(context.Background(), guid, guid); !api.IsCode(err, api.CodeNotReady) {
		t.Errorf("unpost: %v", err)
	}
	dial.cut.Delete(admin)
	close(block)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	eventually(t, "clean", away.clean)
	eventually(t, "the note is gone", nodes[0].settled)
}

// A node with an empty disk at the address of a member confirms nothing for it:
// the right disk may be put back.
func TestNobodyConfirmsForAnotherNode(t *testing.T) {
	_, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	d := nodes[0].database(guid).record.Database
	n := nodes[2]
	right := n.opts.Settings.Dir
	n.Close()
	n.opts.Settings.Dir = t.TempDir()
	n.start()
	if err := nodes[0].memberOf(d.Find(d.Instances[2].NodeID)).Commit(context.Background(), d); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("commit: %v", err)
	}
	del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid))
	if del.Status != api.TaskFailed || !strings.Contains(del.Errors[0].Description, "is meant") {
		t.Fatalf("task: %+v", del)
	}
	n.Close()
	n.opts.Settings.Dir = right
	n.start()
	eventually(t, "clean", n.clean)
	eventually(t, "the note is gone", nodes[0].settled)
}

// A change that waits for a member is done with it when a later one, of another
// coordinator, has removed it.
func TestNoteOfAMemberThatIsReplaced(t *testing.T) {
	dial, nodes, guid := four(t)
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	nodes[1].client.CloseIdleConnections()
	if task := nodes[0].modify(guid, setting(5)); task.Status != api.TaskFinished || nodes[0].waiting() != 1 {
		t.Fatalf("task: %+v, %d notes", task, nodes[0].waiting())
	}
	if task := nodes[1].modify(guid, removing(true, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "the note is gone", nodes[0].settled)
}

// preparing brings a change that adds an instance to where that is prepared.
func preparing(nodes []*testNode, guid string) (c *change, x *note, err error) {
	co, ctx := nodes[0], context.Background()
	k := &task{owner: co.tasks}
	r, err := co.find(guid)
	if err == nil {
		c, err = co.plan(r.Database, adding(nodes[3]))
	}
	if err == nil {
		err = co.resolveAdded(ctx, k, c)
	}
	if err == nil {
		x, err = co.beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	}
	if err == nil {
		err = co.prepareAdded(ctx, k, c)
	}
	return c, x, err
}

// A change that adds an instance is decided while another node deletes the database:
// the new one does not serve what nobody else has, and no note is left.
func TestDeleteWhileAnotherAdds(t *testing.T) {
	for _, posted := range []bool{true, false} { // so that the other node knows of the new one, or not
		_, nodes, guid := four(t)
		ctx, k := context.Background(), &task{owner: nodes[0].tasks}
		c, x, err := preparing(nodes, guid)
		if err == nil && posted {
			_, err = nodes[0].postAll(ctx, k, c)
		}
		if err != nil {
			t.Fatal(err)
		}
		if del := nodes[1].wait(nodes[1].c.Delete(ctx, guid)); del.Status != api.TaskFinished {
			t.Fatalf("task: %+v", del)
		}
		if posted && !nodes[3].clean() {
			t.Error("the delete leaves out the one that is being added")
		}
		if err := nodes[0].setNote(x, api.OutcomeCommitting); err != nil {
			t.Fatal(err)
		}
		if err := nodes[0].settle(ctx, k, x, nil); err != errOutlived {
			t.Errorf("the change ends with %v", err)
		}
		for _, n := range nodes {
			if !n.clean() || n.waiting() != 0 {
				t.Errorf("posted %v: region %s is clean: %v, and has %d notes", posted, n.opts.Settings.Region, n.clean(), n.waiting())
			}
		}
	}
}

// The same when the coordinator of the change restarts before it notices: what served
// there and was deleted is remembered on disk.
func TestDeleteWhileAnotherAddsAndRestarts(t *testing.T) {
	_, nodes, guid := four(t)
	ctx := context.Background()
	c, x, err := preparing(nodes, guid)
	for _, n := range []*testNode{nodes[0], nodes[2]} {
		if err == nil {
			err = n.Post(ctx, &api.Post{Database: c.next, Base: c.base, Coordinator: nodes[0].c.Base})
		}
	}
	if err == nil {
		err = nodes[0].setNote(x, api.OutcomeCommitting)
	}
	if err == nil {
		err = nodes[3].Commit(ctx, c.next)
	}
	if err != nil {
		t.Fatal(err)
	}
	if del := nodes[1].wait(nodes[1].c.Delete(ctx, guid)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	nodes[0].restart()
	eventually(t, "the change is over", nodes[0].settled)
	for _, n := range nodes {
		if !n.clean() {
			t.Errorf("something is left in region %s", n.opts.Settings.Region)
		}
	}
}

// What was added after a delete was asked for is deleted, too.
func TestDeleteOfWhatWasAddedMeanwhile(t *testing.T) {
	_, nodes, guid := four(t)
	for range maxRunningTasks {
		nodes[1].tasks.slots <- struct{}{}
	}
	del, err := nodes[1].c.Delete(context.Background(), guid)
	if err != nil {
		t.Fatal(err)
	}
	if task := nodes[0].modify(guid, adding(nodes[3])); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	for range maxRunningTasks {
		<-nodes[1].tasks.slots
	}
	if del = nodes[1].wait(del, nil); del.Status != api.TaskFinished || len(del.Progress.Clusters) != 4 {
		t.Errorf("task: %+v", del)
	}
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// A change that only waits for a member that is away does not keep a delete back,
// and is forgotten when the database is deleted elsewhere.
func TestDeleteWhileAChangeWaits(t *testing.T) {
	for at := range 2 {
		dial, nodes, guid := four(t)
		dial.cut.Store(nodes[2].AdminAddr(), true)
		nodes[0].client.CloseIdleConnections()
		nodes[1].client.CloseIdleConnections()
		if task := nodes[0].modify(guid, setting(5)); task.Status != api.TaskFinished || nodes[0].waiting() != 1 {
			t.Fatalf("task: %+v", task)
		}
		if del := nodes[at].wait(nodes[at].c.Delete(context.Background(), guid)); del.Status != api.TaskFailed || del.Errors[0].Cluster != nodes[2].AdminAddr() {
			t.Fatalf("task: %+v", del)
		}
		dial.cut.Delete(nodes[2].AdminAddr())
		for _, n := range nodes {
			eventually(t, "clean", n.clean)
			eventually(t, "no note is left", n.settled)
		}
	}
}

// A delete while an instance that was added catches up keeps its note when the add
// ends.
func TestDeleteWhileAnInstanceCatchesUp(t *testing.T) {
	dial, nodes, guid := four(t)
	nodes[0].fake(guid).hold(9, nil) // which the new one never gets
	add, err := nodes[0].c.Modify(context.Background(), guid, adding(nodes[3]))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it catches up", func() bool { return strings.Contains(nodes[0].task(add.ID).Progress.Step, "catching up") })
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); del.Status != api.TaskFailed || del.Errors[0].Cluster != nodes[2].AdminAddr() {
		t.Fatalf("task: %+v", del)
	}
	nodes[0].wait(add, nil)
	dial.cut.Delete(nodes[2].AdminAddr())
	for _, n := range nodes {
		eventually(t, "clean", n.clean)
	}
}

// A node that is told of one database again and again, because its disk is full, does
// not forget the others that it was told of.
func TestToldOfADeleteAgainAndAgain(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	first := n.newGUID()
	for _, guid := range append([]string{first}, slices.Repeat([]string{n.newGUID()}, maxNotes)...) {
		if err := n.Drop(context.Background(), guid); err != nil {
			t.Fatal(err)
		}
	}
	if !n.wasDropped(first) {
		t.Error("the first one is forgotten")
	}
}
