package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// loading makes a node look as it does while it opens what is on its disk.
func (n *testNode) loading(guid string) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	db := n.mu.dbs[guid]
	delete(n.mu.dbs, guid)
	n.state.Store(stateLoading)
	return func() {
		n.put(guid, db)
		n.state.Store(stateReady)
	}
}

// A node that is just starting says so; it does not look like one that has lost its disk.
func TestANodeThatLoadsHasItsDatabases(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	done := n.loading(guid)
	for _, path := range []string{"/v1/crdbs", "/v1/crdbs/" + guid, "/v1/crdbs/" + guid + "/health_report", "/v1/crdbs/" + guid + "/verify",
		"/v1/node/databases/" + guid + "/health", "/v1/bdbs", "/v1/bdbs/1", "/v1/bdbs/1/availability", "/v1/crdb_tasks/" + n.newGUID()} {
		if status, body := n.ask("GET", path, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "still loading") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	reports, err := nodes[1].c.HealthReport(context.Background(), guid)
	if err != nil || !strings.Contains(reports[0].ConnectionError, "still loading") {
		t.Errorf("health report: %+v %v", reports, err)
	}
	done()
	if status, body := n.ask("GET", "/v1/crdbs/"+guid, ""); status != http.StatusOK {
		t.Errorf("when it has loaded: %d %s", status, body)
	}
}

// A return by itself does not end because all others are just starting, too.
func TestRecoverByItselfWaitsForOthersThatLoad(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	done0, done2 := nodes[0].loading(guid), nodes[2].loading(guid)
	if n.isGone(context.Background(), guid) {
		t.Error("a database whose members are just starting counts as deleted")
	}
	n.restart()
	eventually(t, "it has tried", func() bool {
		for _, k := range n.tasks.list() {
			if k.Operation == api.OpRecover && k.Final() {
				return true
			}
		}
		return false
	})
	if n.missing() != guid {
		t.Error("it is not to come back any more")
	}
	done0()
	done2()
}

// A member that swallows packets holds the start of a node up once, and for no longer
// than boot-check takes, however many databases it shares with it.
func TestBootChecksOfManyDatabases(t *testing.T) {
	const many = 8
	_, nodes := three(t)
	for i := range many {
		nodes[0].create(describeOn("cart"+itoa(i), nodes[:2]...))
	}
	n, silent := nodes[0], nodes[1].AdminAddr()
	n.Close()
	n.opts.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		if addr == silent {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	n.opts.Settings.BootCheck, n.opts.Timing.Call = 2*time.Second, 20*time.Second
	begin := time.Now()
	n.start()
	if took := time.Since(begin); took > many*2*time.Second {
		t.Errorf("the start took %v", took)
	}
	if len(n.databases()) != many {
		t.Errorf("%d databases serve", len(n.databases()))
	}
}

// A stop ends a start that waits for a member, at once.
func TestStopWhileTheStartWaits(t *testing.T) {
	_, nodes := three(t)
	nodes[0].create(describeOn("cart", nodes[:2]...))
	n, silent := nodes[0], nodes[1].AdminAddr()
	n.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	n.opts.Starting = ctx
	n.opts.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		if addr == silent {
			stop()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	n.opts.Settings.BootCheck, n.opts.Timing.Call = 20*time.Second, 20*time.Second
	begin := time.Now()
	node, err := Open(n.opts)
	if err == nil {
		node.Close()
	}
	if took := time.Since(begin); !errors.Is(err, context.Canceled) || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	if n.host.instances() != 0 {
		t.Error("an instance is open still")
	}
}

// flicker makes a database come and go, as by a purge and whatever makes it anew.
func (n *testNode) flicker(r *record) {
	guid := r.Database.GUID
	db := &database{record: r, inst: n.database(guid).inst}
	n.put(guid, db)
	stop := make(chan struct{})
	n.t.Cleanup(func() { close(stop) })
	n.wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			n.put(guid, db)
			n.mu.Lock()
			delete(n.mu.dbs, guid)
			n.mu.Unlock()
		}
	})
}

// A database that goes between two looks at it ends nothing: a recovery by itself is begun
// by the janitor, and a crash of that would be the end of the node.
func TestChangesOfWhatIsJustPurged(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	r := *n.database(guid).record
	r.Fault = &fault{Code: api.CodeLostLog, Text: "a test"}
	n.flicker(&r)
	n.tasks.cancel() // none begins
	for range 50_000 {
		n.startModify(request{}, guid, removing(false, 9))
		n.startRecover(request{}, &api.Recover{Database: guid, From: "http://127.0.0.1:1"}, true)
	}
}

// What is purged while somebody asks how it is, is not there.
func TestHealthReportOfWhatIsJustPurged(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	removed := *n.database(guid).record
	removed.Status = api.StatusRemoved
	n.flicker(&removed)
	for range 20_000 {
		if reports, err := n.healthReport(context.Background(), guid); err == nil && len(reports) != 1 {
			t.Fatalf("%+v", reports)
		}
	}
}
