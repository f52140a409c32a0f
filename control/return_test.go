package control

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"crdb/control/api"
)

// lostLog lets a node that recovers by itself find out that its instance lost log, at
// a moment when none can be made anew; it waits until the old one is put aside.
func lostLog(t *testing.T, n *testNode, guid string) {
	t.Helper()
	n.Close() // its janitor reads the settings
	n.opts.Settings.AutoRecover = true
	n.start()
	n.host.failOpen.Store(true)
	n.fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "more than here"})
	eventually(t, "it is put aside, and the recovery has failed", func() bool {
		return n.database(guid) == nil && n.missing() == guid && !n.tasks.running(api.OpRecover, guid)
	})
	n.host.failOpen.Store(false)
}

// A recovery by itself that failed when the old instance was put aside already is
// begun again, although no record says any more that there was one.
func TestRecoverByItselfGoesOn(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	if status, body := n.ask("GET", "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "is to come back") {
		t.Errorf("readyz: %d %s", status, body)
	}
	n.restart()
	eventually(t, "it is back", func() bool { v, _ := n.inForce(guid); return v > 0 && n.database(guid).record.Replica > 3 })
	n.restart()
	if n.missing() != "" || len(n.toRecover()) != 0 {
		t.Error("it is to come back again")
	}
}

// It ends when the database was deleted meanwhile.
func TestRecoverByItselfEndsWithTheDatabase(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	if del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	n.restart()
	eventually(t, "it is not to come back", func() bool { return n.missing() == "" })
}

// While an instance is being recovered no second recovery begins.
func TestOneRecoveryAtATime(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	n.fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "more than here"})
	eventually(t, "the fault is there", func() bool { return n.faultOf(guid) != "" })
	if all := n.toRecover(); len(all) != 1 || all[0].Database != guid {
		t.Errorf("to recover: %+v", all)
	}
	release := make(chan struct{})
	k, err := n.tasks.start(request{}, api.OpRecover, guid, func(context.Context, *task) error { <-release; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if all := n.toRecover(); len(all) != 0 {
		t.Errorf("to recover: %+v", all)
	}
	close(release)
	n.wait(k, nil)
}

// faltering is a connection on which some calls fail.
type faltering struct{ failures int }

func (f *faltering) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.failures--; f.failures >= 0 {
		return nil, errors.New("connection refused")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// Whoever follows a task of another node goes on when that does not answer for a
// moment, but not for ever.
func TestFollowingATaskRidesOutErrors(t *testing.T) {
	_, nodes := three(t)
	done, err := nodes[0].tasks.start(request{}, api.OpFlush, "", func(context.Context, *task) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for failures, ok := range map[int]bool{3: true, 2 * followMisses: false} {
		c := &api.Client{Base: nodes[0].c.Base, HTTP: &http.Client{Transport: &faltering{failures}}}
		if err := nodes[1].follow(context.Background(), &task{owner: nodes[1].tasks}, c, done, nil, 0); (err == nil) != ok {
			t.Errorf("%d errors: %v", failures, err)
		}
	}
}

// A crash between the commit of the new instance and the end of what was kept of the
// recovery leaves nothing that is to come back.
func TestRecoverByItselfIsOverWithTheCommit(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	r := &returning{GUID: guid, From: []string{nodes[0].c.Base}}
	n.Close()
	n.opts.Settings.AutoRecover = true
	if err := n.dir.mkdir(returnsDir); err != nil {
		t.Fatal(err)
	}
	if err := n.dir.write(r, returnsDir, guid+".json"); err != nil {
		t.Fatal(err)
	}
	n.start()
	if status, body := n.ask("GET", "/readyz", ""); status != http.StatusOK || n.missing() != "" {
		t.Errorf("readyz: %d %s", status, body)
	}
	if names, err := n.dir.list(returnsDir); err != nil || len(names) != 0 {
		t.Errorf("%v %v", names, err)
	}
	r.Replaces = 2 // the crash was before the old instance was put aside
	n.Close()
	if err := n.dir.write(r, returnsDir, guid+".json"); err != nil {
		t.Fatal(err)
	}
	n.start()
	if n.missing() == "" {
		t.Error("the old instance counts as the new one")
	}
}

// A region whose instance was to come back by itself, and where another node has taken
// its place meanwhile, does not force out what serves there.
func TestRecoverByItselfGivesWay(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	n.Close()
	other := startNode(t, "eu-west", dial)
	if task := nodes[0].modify(guid, adding(other)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	n.start()
	eventually(t, "it is not to come back", func() bool { return n.missing() == "" && !n.tasks.running(api.OpRecover, guid) })
	if d := nodes[0].database(guid).record.Database; d.Find(other.ID()) == nil {
		t.Errorf("it was forced out: %+v", d.Instances)
	}
	if n.database(guid) != nil {
		t.Fatal("it came back")
	}
	back := &api.Recover{Database: guid, From: nodes[0].AdminAddr(), Instance: &api.Instance{Cluster: api.Cluster{Name: n.AdminAddr()}}}
	if task := n.wait(n.c.Recover(context.Background(), back)); task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, "remove it first") {
		t.Errorf("while the other one answers; task: %+v", task)
	}
	other.Close()
	if task := n.wait(n.c.Recover(context.Background(), back)); task.Status != api.TaskFinished {
		t.Errorf("when it is dead; task: %+v", task)
	}
}

// Recoveries wait for tasks of other nodes, whose recoveries may wait for tasks of this
// one: they do not take their places.
func TestRecoveriesLeaveRoomForTheTasksOfOthers(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	release := make(chan struct{})
	defer close(release)
	for range 2 * maxRunningTasks {
		if _, err := n.tasks.start(request{}, api.OpRecover, "", func(context.Context, *task) error { <-release; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "some recoveries run", func() bool { return n.running() == maxRunningTasks })
	k, err := n.tasks.start(request{}, api.OpAdd, "", func(context.Context, *task) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a change that somebody waits for", func() bool { return n.task(k.ID).Final() })
}

// running returns how many tasks are being run.
func (n *testNode) running() (count int) {
	for _, k := range n.tasks.list() {
		if k.Status == api.TaskStarted {
			count++
		}
	}
	return count
}

func TestRecoverByItself(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	n.Close() // its janitor reads the settings
	n.opts.Settings.AutoRecover = true
	nodes[0].fake(guid).know(2, 7)
	n.start()
	eventually(t, "it is back under a new ID", func() bool {
		db := n.database(guid)
		return db != nil && db.record.Status == api.StatusCommitted && db.record.Replica == 4
	})
}
