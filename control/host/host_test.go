package host

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"crdb/control"
	"crdb/control/api"
	"crdb/control/conf"
	"crdb/oplog"
	"crdb/peer"
)

var begun = time.Now()

func node(t *testing.T, s *conf.Settings) *control.Node {
	t.Helper()
	n, err := control.Open(control.Options{Settings: s, Now: time.Now, Rand: crand.Reader,
		Dial: func(ctx context.Context, a string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", a)
		},
		OpenHost: Opener(Options{Mono: func() int64 { return int64(time.Since(begun)) }, Rand: rand.Uint64}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func settings(t *testing.T, region string) *conf.Settings {
	s := conf.Defaults()
	s.Region, s.Dir, s.AdminPort, s.PeerPort, s.GossipPort = region, t.TempDir(), 0, 0, 0
	return s
}

// three opens three nodes with a database over them and returns its GUID and
// the RESP ports.
func three(t *testing.T) (all []*control.Node, guid string, ports []int, ss []*conf.Settings) {
	t.Helper()
	d := &api.Database{Name: "cart"}
	for _, r := range []string{"us-east", "eu-west", "ap-south"} {
		s := settings(t, r)
		n := node(t, s)
		t.Cleanup(func() { n.Close() })
		all, ss = append(all, n), append(ss, s)
		d.Instances = append(d.Instances, api.Instance{Cluster: api.Cluster{Name: n.AdminAddr()}})
	}
	c := client(all[0])
	task, err := c.Create(t.Context(), d)
	if err == nil {
		task, err = c.Wait(t.Context(), task.ID, time.Millisecond, nil)
	}
	if err != nil || task.Status != api.TaskFinished {
		t.Fatalf("%+v %v", task, err)
	}
	made, err := c.Database(t.Context(), task.GUID)
	if err != nil {
		t.Fatal(err)
	}
	for i := range made.Instances {
		ports = append(ports, made.Port(i))
	}
	return all, task.GUID, ports, ss
}

func client(n *control.Node) *api.Client {
	return &api.Client{Base: "http://" + n.AdminAddr(), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// ask sends an inline command and returns the first line of the reply, or the
// string that follows it.
func ask(t *testing.T, port int, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(c, "%s\r\n", command)
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if line[0] == '$' && line[1] != '-' {
		line, _ = r.ReadString('\n')
	}
	return strings.TrimSpace(line)
}

func eventually(t *testing.T, port int, command, want string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for got := ask(t, port, command); got != want; got = ask(t, port, command) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s on port %d: %q, want %q", command, port, got, want)
		}
	}
}

func TestThreeRegions(t *testing.T) {
	all, guid, ports, ss := three(t)
	ask(t, ports[0], "INCRBY n 1")
	for _, p := range ports {
		eventually(t, p, "GET n", "1")
	}
	// A cut between two regions heals through the third.
	all[0].Instance(guid).Cut("eu-west", true)
	all[1].Instance(guid).Cut("us-east", true)
	ask(t, ports[0], "INCRBY n 10")
	ask(t, ports[1], "INCRBY n 100")
	for _, p := range ports {
		eventually(t, p, "GET n", "111")
	}
	all[0].Instance(guid).Cut("eu-west", false)
	all[1].Instance(guid).Cut("us-east", false)
	for _, p := range ports {
		eventually(t, p, "GET n", "111")
	}
	// A restart of all at once loses nothing.
	for i, n := range all {
		ss[i].AdminPort = adminPort(t, n)
		ss[i].PeerPort = peerPort(t, n)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range all {
		n := node(t, ss[i])
		all[i] = n
		t.Cleanup(func() { n.Close() })
	}
	ask(t, ports[2], "INCRBY n 1000")
	for _, p := range ports {
		eventually(t, p, "GET n", "1111")
	}
	if task, err := client(all[1]).Flush(t.Context(), guid); err != nil {
		t.Fatal(err)
	} else if task, err = client(all[1]).Wait(t.Context(), task.ID, time.Millisecond, nil); err != nil || task.Status != api.TaskFinished {
		t.Fatalf("%+v %v", task, err)
	}
	for _, p := range ports {
		eventually(t, p, "DBSIZE", ":0")
	}
}

func adminPort(t *testing.T, n *control.Node) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", n.AdminAddr())
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}

func peerPort(t *testing.T, n *control.Node) int {
	t.Helper()
	info, err := client(n).Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.PeerPort
}

func TestMetricsKeepTheConventions(t *testing.T) {
	all, _, ports, _ := three(t)
	ask(t, ports[0], "SET a 1")
	ask(t, ports[0], "INCR nothing more")
	resp, err := client(all[0]).HTTP.Get("http://" + all[0].AdminAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(string(data))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		// redis_exporter's names stay as dashboards know them.
		if !strings.HasPrefix(p.Metric, "redis_") {
			t.Error(p.Metric, p.Text)
		}
	}
	for _, want := range []string{
		`redis_commands_total{cmd="set",database="cart"} 1`, `redis_db_keys{database="cart",db="db0"} 1`, "redis_up 1",
		`crdb_peer_up{database="cart",region="eu-west"}`, `crdb_replication_lag_seconds{database="cart",region="ap-south"}`,
		"crdb_log_commit_duration_seconds_bucket", `crdb_command_duration_seconds_bucket{cmd="set",database="cart",le="+Inf"} 1`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("life", func(t *testing.T) { three(t) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for runtime.NumGoroutine() > before+1 {
		select {
		case <-tick.C:
		case <-late:
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestCheckSetting(t *testing.T) {
	if err := CheckSetting("maxclients", "10"); err != nil {
		t.Error(err)
	}
	if err := CheckSetting("maxclients", "many"); err == nil || err == conf.ErrUnknown {
		t.Error(err)
	}
	for name, value := range map[string]string{"tls-port": "6380", "cluster-enabled": "yes"} {
		if err := CheckSetting(name, value); err == nil || err == conf.ErrUnknown {
			t.Errorf("%s %s: %v", name, value, err)
		}
	}
	if err := errors.Join(CheckSetting("tls-port", "0"), CheckSetting("cluster-enabled", "no")); err != nil {
		t.Error(err)
	}
	if err := CheckSetting("no-such-name", "1"); err != conf.ErrUnknown {
		t.Error(err)
	}
}

// opened opens an instance in memory, without a node.
func opened(t *testing.T) control.Instance { return openedOn(t, vfs.NewMem()) }

func openedOn(t *testing.T, fs vfs.FS) control.Instance {
	t.Helper()
	dial := func(ctx context.Context, a string) (net.Conn, error) { return nil, errors.New("there is nobody") }
	o := control.Options{Settings: settings(t, "us-east"), Now: time.Now, Rand: crand.Reader, FS: fs, Dial: dial, Logger: slog.New(slog.DiscardHandler),
		Listen: func(a string) (net.Listener, error) { return net.Listen("tcp", a) }}
	h, err := Opener(Options{Mono: func() int64 { return int64(time.Since(begun)) }, Rand: rand.Uint64})(o, "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	inst, err := h.Open(control.Spec{Dir: "data", GUID: "7", Name: "cart", Replica: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inst.Close() })
	return inst
}

// Writes are forbidden at once, whatever is under way; Quiet tells when that has ended.
func TestForbidWaitsForNobody(t *testing.T) {
	inst := opened(t)
	if inst.Forbid(nil); inst.Quiet() {
		t.Error("quiet, and it takes writes")
	}
	script := inst.(*instance).engine.NewTx()
	script.LockAll(1)
	for range 3 {
		inst.Forbid(errors.New("leaving"))
		inst.Forbid(nil)
		inst.Forbid(errors.New("leaving"))
	}
	if !errors.Is(inst.Err(), oplog.ErrForbidden) || inst.Quiet() {
		t.Errorf("%v, quiet: %v", inst.Err(), inst.Quiet())
	}
	script.Unlock()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); !inst.Quiet(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it is not quiet")
		}
	}
	if inst.Forbid(errors.New("why ever")); !inst.Quiet() {
		t.Error("another reason makes it loud")
	}
	if inst.Forbid(nil); inst.Quiet() {
		t.Error("quiet, and it takes writes")
	}
}

// D2: an instance that is open and has not been admitted writes nothing.
func TestOpenIsNotAdmitted(t *testing.T) {
	inst := opened(t)
	if err := inst.Err(); !errors.Is(err, oplog.ErrForbidden) {
		t.Errorf("after Open: %v", err)
	}
	if inst.Forbid(nil); inst.Err() != nil {
		t.Errorf("admitted, and still: %v", inst.Err())
	}
	// What the links find out stays, whatever control does before it has heard of it.
	inst.(*instance).notice(peer.Notice{Kind: peer.NoticeLostLog, Err: errors.New("more than here")})
	if inst.Forbid(nil); !errors.Is(inst.Err(), oplog.ErrForbidden) {
		t.Errorf("it takes writes again: %v", inst.Err())
	}
}
