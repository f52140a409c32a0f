package control

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"crdb/control/api"
)

// besides makes a second database on the first two nodes, and closes the first node.
func besides(t *testing.T, nodes []*testNode) (guid string, n *testNode) {
	if task := nodes[0].create(describeOn("shop", nodes[:2]...)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	task := nodes[0].create(describeOn("users", nodes[:2]...))
	if task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	nodes[0].Close()
	return task.GUID, nodes[0]
}

// A database that cannot be opened keeps no other from serving, and nobody who asks about it
// takes it for one that is not there: nothing of it changes, whoever tells it what.
func TestOneDatabaseCannotBeOpened(t *testing.T) {
	for _, lost := range []string{"data", "record"} {
		_, nodes := three(t)
		guid, n := besides(t, nodes)
		file := n.dir.at(databases, guid, recordFile)
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n.host.failOne.Store(guid)
		if lost == "record" {
			n.host.failOne.Store("")
			before = before[:len(before)/2]
			if err := os.WriteFile(file, before, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n.start()
		if all := n.databases(); len(all) != 1 || all[0].Database.Name != "shop" {
			t.Fatalf("%s: %+v", lost, all)
		}
		shownUnopened(t, n, guid)
		untouched(t, n, nodes[1], guid)
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the record has changed: %v", lost, err)
		}
	}
}

// shownUnopened checks what a person sees.
func shownUnopened(t *testing.T, n *testNode, guid string) {
	t.Helper()
	ctx := context.Background()
	if status, text := n.ask("GET", "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "cannot be opened") {
		t.Errorf("readyz: %d %s", status, text)
	}
	all, err := n.c.Databases(ctx)
	if err != nil || len(all) != 2 || all[1].GUID != guid || all[1].LocalDatabases[0].Status != api.CodeUnopened {
		t.Errorf("databases: %+v %v", all, err)
	}
	reports, err := n.c.HealthReport(ctx, guid)
	if err != nil || reports[0].Status != api.CodeUnopened {
		t.Errorf("health report: %+v %v", reports, err)
	}
	if _, text := n.ask("GET", "/metrics", ""); !strings.Contains(text, `crdb_databases{state="not_opened"} 1`) {
		t.Error("it is not among the metrics")
	}
}

// untouched checks that whatever a peer or a person asks of it is put off.
func untouched(t *testing.T, n, other *testNode, guid string) {
	t.Helper()
	ctx := context.Background()
	d := other.database(guid).record.Database
	without := d.Clone()
	without.ConfigVersion, without.ConfigID, without.Instances = d.ConfigVersion+1, n.newGUID(), without.Instances[1:]
	_, standing := n.Standing(ctx, guid, 1, 1)
	_, prepared := n.Prepare(ctx, &api.Prepare{Database: d})
	_, drained := n.Drain(ctx, guid, &api.Drain{LeaseMS: 1000})
	_, recovers := n.c.Recover(ctx, &api.Recover{Database: guid, From: other.AdminAddr()})
	_, purged := n.c.Purge(ctx, guid, []int{1})
	_, deleted := n.c.Delete(ctx, guid)
	_, outcome := (&api.Client{Base: n.c.Base, HTTP: n.c.HTTP}).Outcome(ctx, guid, "")
	for what, err := range map[string]error{"standing": standing, "prepare": prepared, "drain": drained, "recover": recovers, "purge": purged, "delete": deleted,
		"outcome": outcome, "commit": n.Commit(ctx, without), "drop": n.Drop(ctx, guid), "unpost": n.Unpost(ctx, guid, d.ConfigID),
		"post": n.Post(ctx, &api.Post{Database: without, Base: d})} {
		if !api.IsCode(err, api.CodeNotReady) {
			t.Errorf("%s: %v", what, err)
		}
	}
	x := &note{State: api.OutcomePreparing, Database: without, Base: d}
	if n.forget(x) == nil || n.outlived(x) {
		t.Error("a change of it is given up")
	}
	if task := n.create(describeOn("users", n)); task.Status != api.TaskFailed {
		t.Errorf("another of its name: %+v", task)
	}
}

// A node with nothing to serve ends with an error, as supervisors expect.
func TestNoDatabaseCanBeOpened(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	if task := n.create(describeOn("cart", n)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	n.Close()
	n.host.failOpen.Store(true)
	node, err := Open(n.opts)
	if err == nil {
		node.Close()
		t.Fatal("it has started")
	}
	if !strings.Contains(err.Error(), `database "cart": no space left`) {
		t.Error(err)
	}
}

// A database whose port another process has replicates, and serves clients once it gets it.
func TestOneDatabaseLacksItsPort(t *testing.T) {
	_, nodes := three(t)
	guid, n := besides(t, nodes)
	r := &record{}
	if err := n.dir.read(r, databases, guid, recordFile); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", n.addr(r.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n.start()
	if len(n.databases()) != 2 || !n.fake(guid).linked {
		t.Error("it does not replicate")
	}
	if status, text := n.ask("GET", "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "in use") {
		t.Errorf("readyz: %d %s", status, text)
	}
	reports, err := n.c.HealthReport(context.Background(), guid)
	if err != nil || reports[0].Status != api.CodeUnserved {
		t.Errorf("health report: %+v %v", reports, err)
	}
	taken.Close()
	eventually(t, "it serves", func() bool { status, _ := n.ask("GET", "/readyz", ""); return status == http.StatusOK })
}
