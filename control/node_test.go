package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestRestartKeepsEverything(t *testing.T) {
	_, nodes := three(t)
	task := nodes[0].create(describeOn("cart", nodes...))
	before, err := nodes[1].c.Database(context.Background(), task.GUID)
	if err != nil {
		t.Fatal(err)
	}
	id := nodes[1].ID()
	nodes[1].restart()
	after, err := nodes[1].c.Database(context.Background(), task.GUID)
	if err != nil {
		t.Fatal(err)
	}
	if nodes[1].ID() != id || after.LocalDatabases[0] != before.LocalDatabases[0] || *after.Instances[1].DBConfig != *before.Instances[1].DBConfig {
		t.Errorf("before %+v, after %+v", before, after)
	}
	inst := nodes[1].Instance(task.GUID).(*fakeInstance)
	if len(inst.ms) != 3 || inst.spec.Replica != 2 {
		t.Errorf("members %+v, replica %d", inst.ms, inst.spec.Replica)
	}
}

func TestPeerRouteReplacesTheAddress(t *testing.T) {
	_, nodes := three(t)
	nodes[0].opts.Settings.PeerRoutes["eu-west"] = "127.0.0.1:1"
	task := nodes[0].create(describeOn("cart", nodes...))
	ms := nodes[0].Instance(task.GUID).(*fakeInstance).ms
	if ms[1].Addr != "127.0.0.1:1" || ms[2].Addr != "127.0.0.1:9444" {
		t.Errorf("members %+v", ms)
	}
}

// listenBelow listens on a port that the system gives to no connection, so that it can
// be listened on again.
func listenBelow(t *testing.T) net.Listener {
	for range 100 {
		if l, err := net.Listen("tcp", "127.0.0.1:"+itoa(20_000+mathrand.IntN(12_000))); err == nil {
			return l
		}
	}
	t.Fatal("no port is free")
	return nil
}

func TestBootstrap(t *testing.T) {
	o, h := newOptions(settings("us-east", t.TempDir()), &dialer{})
	l := listenBelow(t)
	o.Settings.Database, o.Settings.Port = "cart", l.Addr().(*net.TCPAddr).Port
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "is in use by another process") || h.instances() != 0 {
		t.Fatalf("with the port taken: %v, %d instances", err, h.instances())
	}
	l.Close()
	for range 2 {
		n, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if rs := n.databases(); len(rs) != 1 || rs[0].Port != o.Settings.Port || rs[0].UID != 1 {
			t.Errorf("databases: %+v", rs)
		}
		n.Close()
	}
}

func TestRefuseToStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name  string
		spoil func(o *Options)
		want  string
	}{
		{"off loopback", func(o *Options) { o.Settings.Bind = "0.0.0.0" }, "TLS is not available yet"},
		{"admin port taken", func(o *Options) { o.Settings.AdminPort = taken.Addr().(*net.TCPAddr).Port }, "admin port " + itoa(taken.Addr().(*net.TCPAddr).Port) + " is in use"},
		{"foreign directory", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, "dump.rdb"), nil, 0o600)
		}, `is not crdb's: it holds "dump.rdb"`},
		{"directory of another program", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, nodeFile), []byte(`{"program":"other"}`), 0o600)
		}, `its node.json is of "other"`},
		{"another region", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, nodeFile), []byte(`{"program":"crdb","format":1,"region":"eu-west"}`), 0o600)
		}, `belongs to region "eu-west", not "us-east"`},
		{"another format", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, nodeFile), []byte(`{"program":"crdb","format":99,"region":"us-east"}`), 0o600)
		}, "format version 99; this program reads and writes version 1"},
		{"corrupt identity", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, nodeFile), []byte(`{"progr`), 0o600)
		}, "node.json is corrupt"},
		{"a file where the directory should be", func(o *Options) {
			o.Settings.Dir = filepath.Join(o.Settings.Dir, "file")
			os.WriteFile(o.Settings.Dir, nil, 0o600)
		}, "cannot create data directory"},
		{"a lost record", func(o *Options) {
			os.WriteFile(filepath.Join(o.Settings.Dir, nodeFile), []byte(`{"program":"crdb","format":1,"region":"us-east"}`), 0o600)
			os.MkdirAll(filepath.Join(o.Settings.Dir, databases, newGUID(rand.Reader), dataDir), 0o700)
		}, "has lost its database.json"},
		{"no region", func(o *Options) { o.Settings.Region = "" }, "no region"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _ := newOptions(settings("us-east", t.TempDir()), &dialer{})
			c.spoil(&o)
			if _, err := Open(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestDirectoryInUse(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	o, _ := newOptions(settings("us-east", n.opts.Settings.Dir), &dialer{})
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "is in use by another process") {
		t.Error(err)
	}
}

func TestNoGoroutinesAreLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("life", func(t *testing.T) {
		_, nodes := three(t)
		task := nodes[0].create(describeOn("cart", nodes...))
		nodes[1].wait(nodes[1].c.Delete(context.Background(), task.GUID))
		for _, n := range nodes {
			n.Close()
		}
	})
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
}

func TestTasksAreBoundedAndForgotten(t *testing.T) {
	now := time.Unix(1000, 0)
	ids := 0
	ts := newTasks(func() time.Time { return now }, func() string { ids++; return itoa(ids) })
	defer ts.close()
	done := func(context.Context, *task) error { return nil }
	for range 3 * maxTasks {
		x, err := ts.start(request{}, api.OpFlush, "g", done)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "ended", func() bool { x, err = ts.get(x.ID); return err != nil || x.Final() })
	}
	if n := len(ts.list()); n > maxTasks {
		t.Errorf("%d tasks are remembered", n)
	}
	same, _ := ts.start(request{id: "mine", ttl: time.Hour}, api.OpFlush, "g", done)
	again, _ := ts.start(request{id: "mine"}, api.OpFlush, "g", done)
	if same.ID != again.ID {
		t.Error("a repeated call made another task")
	}
	ts.wg.Wait()
	now = now.Add(resultTTL + time.Second)
	if l := ts.list(); len(l) != 1 || l[0].ID != "mine" {
		t.Errorf("after the results' time: %+v", l)
	}
}

// A node that listens on all addresses makes no database of which others would have
// to reach it at none.
func TestNoDatabaseAtAllAddresses(t *testing.T) {
	o, _ := newOptions(settings("us-east", t.TempDir()), &dialer{})
	o.Settings.Bind, o.Settings.Insecure, o.Settings.Database, o.Settings.Port = "0.0.0.0", true, "shop", 36479
	if n, err := Open(o); err == nil || !strings.Contains(err.Error(), "all addresses there are") {
		t.Errorf("a database of the settings: %v", err)
		if err == nil {
			n.Close()
		}
	}
	o.Settings.Database, o.Settings.Port = "", 0
	n := &testNode{t: t, opts: o}
	n.start()
	t.Cleanup(func() { n.Close() })
	if _, err := n.startRestore(request{}, "/backup", &api.Database{Name: "shop"}); !api.IsCode(err, api.CodeBadRequest) || !strings.Contains(err.Error(), "--instance") {
		t.Errorf("a restore: %v", err)
	}
}

// A route to a region that no database has is said at the start: it may be misspelt.
func TestRouteToNoRegion(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	n.create(describeOn("cart", nodes...))
	n.Close()
	var said bytes.Buffer
	n.opts.Logger = slog.New(slog.NewTextHandler(&said, nil))
	n.opts.Settings.PeerRoutes["eu-west"], n.opts.Settings.PeerRoutes["eu-wset"] = nodes[1].AdminAddr(), "127.0.0.1:1"
	n.start()
	n.Close()
	if text := said.String(); strings.Count(text, "peer-route names a region") != 1 || !strings.Contains(text, "region=eu-wset") {
		t.Error(text)
	}
}
