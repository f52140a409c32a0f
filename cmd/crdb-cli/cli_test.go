package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

const (
	guid   = "0f0e0d0c-0b0a-4908-8706-050403020100"
	taskID = "11111111-2222-4333-8444-555555555555"
)

// node answers like one, from fixed objects.
type node struct {
	task   api.Task
	health []api.HealthReport
	posted *api.Database
	body   string    // of the last change
	result string    // of an export
	moved  api.Moved // by an import
	verify api.VerifyReport
}

func sample() api.Database {
	size := int64(1 << 30)
	return api.Database{GUID: guid, Name: "cart", ConfigVersion: 1, CausalConsistency: true, ProtocolVersion: 1, FeaturesetVersion: 1,
		DefaultDBConfig: api.DBConfig{MemorySize: &size, EvictionPolicy: "allkeys-lru"},
		Instances: []api.Instance{
			{ID: 1, Region: "us-east", NodeID: "n1", Cluster: api.Cluster{Name: "a:9443", URL: "http://a:9443", ReplicationEndpoint: "a:9444"}, DBConfig: &api.DBConfig{Port: 6379}, DBUID: 1},
			{ID: 2, Region: "eu-west", NodeID: "n2", Cluster: api.Cluster{Name: "b:9443", URL: "http://b:9443", ReplicationEndpoint: "b:9444"}, DBConfig: &api.DBConfig{Port: 6380, AOFPolicy: "appendfsync-always"}, DBUID: 1},
		}}
}

func newNode() *node {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	n := &node{moved: api.Moved{Bytes: 20, Keys: 2, Expired: 1, Kept: 3}, task: api.Task{ID: taskID, GUID: guid, Operation: api.OpCreate, Status: api.TaskFinished, Worker: "crdb_worker", Queued: at, Started: &at, Ended: &at,
		Progress: api.Progress{Worker: 100, Clusters: []api.ClusterProgress{{Name: "a:9443", Progress: 100}, {Name: "b:9443", Progress: 100}}}}}
	for i, r := range []string{"us-east", "eu-west"} {
		n.health = append(n.health, api.HealthReport{ClusterName: "ab"[i:i+1] + ":9443", Region: r, GUID: guid, Name: "cart", ActiveConfigVersion: 1,
			Configurations: []api.ConfigurationHealth{{Name: "cart", Version: 1, Status: api.StatusCommitted}},
			Connections:    []api.ConnectionHealth{{Name: "other", Status: api.LinkUp, LagSeconds: 0.0125, Links: []api.ReplicationLink{{UID: "1:2", Status: "up"}}}}})
	}
	return n
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	queued := n.task
	queued.Status, queued.Started, queued.Ended = api.TaskQueued, nil, nil
	var v any
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/crdbs":
		v = []api.Database{sample()}
	case "GET /v1/crdbs/" + guid:
		v = sample()
	case "POST /v1/crdbs":
		n.posted = &api.Database{}
		json.NewDecoder(r.Body).Decode(n.posted)
		v = queued
		if r.URL.Query().Get("dry_run") == "true" {
			d := sample()
			v = api.DryRun{OK: true, Database: &d}
		}
	case "POST /v1/crdbs/" + guid + "/updates", "PATCH /v1/crdbs/" + guid, "PUT /v1/crdbs/" + guid + "/purge", "POST /v1/node/recover":
		data, _ := io.ReadAll(r.Body)
		n.body = r.Method + " " + r.URL.RequestURI() + " " + string(data)
		v = queued
	case "DELETE /v1/crdbs/" + guid, "PUT /v1/crdbs/" + guid + "/flush":
		v = queued
	case "GET /v1/crdbs/" + guid + "/health_report":
		v = n.health
	case "GET /v1/crdbs/" + guid + "/verify":
		v = n.verify
	case "GET /v1/crdbs/" + guid + "/export":
		w.Header().Set("Trailer", api.TrailerResult)
		io.WriteString(w, "REDIS")
		w.Header().Set(api.TrailerResult, n.result)
		return
	case "PUT /v1/crdbs/" + guid + "/import":
		io.Copy(io.Discard, r.Body)
		imported := n.task
		imported.Operation, imported.Progress.Clusters = api.OpImport, nil
		imported.Moved = &n.moved
		v = imported
	case "GET /v1/crdb_tasks":
		v = []api.Task{n.task}
	case "GET /v1/crdb_tasks/" + taskID:
		v = n.task
	default:
		w.WriteHeader(404)
		v = api.Errorf(404, api.CodeNotFound, "there is no %s", r.URL.Path)
	}
	json.NewEncoder(w).Encode(v)
}

// sent is the body of the last change, for the golden files.
func (n *node) sent() string {
	if n.body == "" {
		return ""
	}
	return "--- body\n" + n.body + "\n"
}

// cli runs a command line against the node and returns everything it printed
// with its exit code.
func cli(t *testing.T, n http.Handler, args ...string) (out, errs string, code int) {
	t.Helper()
	s := httptest.NewServer(api.Seal(n))
	defer s.Close()
	var o, e bytes.Buffer
	code = run(context.Background(), args, strings.TrimPrefix(s.URL, "http://"), &o, &e)
	return o.String(), strings.ReplaceAll(e.String(), s.URL, "http://NODE"), code
}

// stuck is a node that holds what depends on operations nobody sends.
func stuck() *node {
	n := newNode()
	n.health[0].Connections[0].Stuck = &api.StuckHealth{Blocks: 2, Bytes: 300, Seconds: 61, After: 1767323045000<<16 | 2, Last: 1767323046000 << 16,
		Missing: []api.MissingPart{{ID: 3, Region: "ap-south", Here: 1767323040000 << 16, Needed: 1767323041000 << 16}, {ID: 4, Needed: 1}, {ID: 5, Here: 7, Needed: 6}}}
	return n
}

// receiving is a node that gets the state of others, of which one has no time for it.
func receiving() *node {
	n := newNode()
	n.health[0].Connections[0].Transfer = &api.TransferHealth{Percent: 12.34, Bytes: 5_600_000, BytesPerSecond: 21_000_000, LeftSeconds: 7}
	n.health[1].Connections[0].Transfer = &api.TransferHealth{Percent: 99.9, Error: "replica 1 serves enough state transfers"}
	return n
}

// failing is a node whose delete did not reach all regions.
func failing() *node {
	n := newNode()
	n.task.Status = api.TaskFailed
	n.task.Operation = api.OpDelete
	n.task.Progress.Clusters[1].Progress = 0
	n.task.Errors = []api.TaskError{{Cluster: "b:9443", Description: "cannot reach http://b:9443", Code: api.CodeUnreachable}, {Description: "later", Code: api.CodeUnreachable}}
	return n
}

func TestGolden(t *testing.T) {
	failed := failing()
	sick := newNode()
	sick.health[1].Connections[0].Status, sick.health[1].Connections[0].LastError = api.LinkDown, "connection refused"
	create := []string{"crdb", "create", "--name", "cart", "--instance", "fqdn=a:9443,port=6379", "--instance", "b:9443"}
	warned := newNode()
	warned.task.Operation, warned.task.Warnings = api.OpAdd, []string{"b:9443 does not know of the change yet"}
	removed := newNode()
	removed.health[1].Status, removed.health[1].Alarm, removed.health[1].Connections = api.CodeRemoved, "this region was removed", nil
	for _, c := range []struct {
		name string
		node *node
		args []string
		code int
	}{
		{"create", newNode(), create, 0},
		{"create_json", newNode(), append(create, "-o", "json"), 0},
		{"create_no_wait", newNode(), append(create, "--no-wait"), 0},
		{"create_dry_run", newNode(), append(create, "--dry-run"), 0},
		{"list", newNode(), []string{"crdb", "list"}, 0},
		{"list_yaml", newNode(), []string{"crdb", "list", "-o", "yaml"}, 0},
		{"get", newNode(), []string{"crdb", "get", "--crdb-guid", "crdb:" + guid}, 0},
		{"get_by_name_json", newNode(), []string{"crdb", "get", "cart", "-o", "json"}, 0},
		{"get_unknown", newNode(), []string{"crdb", "get", "nothing"}, 1},
		{"delete_partial", failed, []string{"crdb", "delete", guid}, 3},
		{"flush", newNode(), []string{"crdb", "flush", "cart"}, 0},
		{"add_instance", warned, []string{"crdb", "add-instance", "--name", "cart", "--instance", "fqdn=c:9443,port=7000"}, 0},
		{"remove_instance", newNode(), []string{"crdb", "remove-instance", "--name", "cart", "--instance-id", "2"}, 0},
		{"remove_instance_force", newNode(), []string{"crdb", "remove-instance", "cart", "--instance-id", "2", "--instance-id", "3", "--force"}, 0},
		{"purge_instance", newNode(), []string{"crdb", "purge-instance", "cart", "--instance-id", "2"}, 0},
		{"recover_instance", newNode(), []string{"crdb", "recover-instance", "--name", "cart"}, 0},
		{"recover_instance_from", newNode(), []string{"crdb", "recover-instance", "crdb:" + guid, "--from", "a:9443", "--instance", "fqdn=b:9443,port=7001"}, 0},
		{"usage_remove_no_id", newNode(), []string{"crdb", "remove-instance", "cart"}, 2},
		{"usage_recover_no_name", newNode(), []string{"crdb", "recover-instance"}, 2},
		{"health_removed", removed, []string{"crdb", "health-report", "cart"}, 3},
		{"update", newNode(), []string{"crdb", "update", "cart", "--memory-size", "1gb", "--eviction-policy", "allkeys-lru"}, 0},
		{"update_force", newNode(), []string{"crdb", "update", "--crdb-guid", guid, "--force"}, 0},
		{"usage_update_nothing", newNode(), []string{"crdb", "update", "cart"}, 2},
		{"usage_update_policy", newNode(), []string{"crdb", "update", "cart", "--eviction-policy", "never"}, 2},
		{"usage_add_no_instance", newNode(), []string{"crdb", "add-instance", "cart"}, 2},
		{"usage_two_names", newNode(), []string{"crdb", "flush", "cart", "--name", "cart"}, 2},
		{"health", newNode(), []string{"crdb", "health-report", "cart"}, 0},
		{"health_stuck", stuck(), []string{"crdb", "health-report", "cart"}, 3},
		{"health_transfer", receiving(), []string{"crdb", "health-report", "cart"}, 0},
		{"release_ask", receiving(), []string{"crdb", "release-held", "cart"}, 1},
		{"release_nothing", newNode(), []string{"crdb", "release-held", "cart"}, 0},
		{"health_sick", sick, []string{"crdb", "health-report", "cart"}, 3},
		{"task_list", newNode(), []string{"task", "list"}, 0},
		{"task_status", failed, []string{"task", "status", "--task-id", taskID}, 0},
		{"task_status_unknown", newNode(), []string{"task", "status", guid}, 1},
		{"usage_unknown_command", newNode(), []string{"crdb", "explode"}, 2},
		{"usage_unknown_flag", newNode(), []string{"crdb", "list", "--colour"}, 2},
		{"usage_output", newNode(), []string{"crdb", "list", "-o", "xml"}, 2},
		{"usage_no_name", newNode(), []string{"crdb", "create", "--instance", "a"}, 2},
		{"usage_instance_key", newNode(), []string{"crdb", "create", "--name", "x", "--instance", "fqdn=a,colour=red"}, 2},
		{"usage_instance_credentials", newNode(), []string{"crdb", "create", "--name", "x", "--instance", "fqdn=a,username=u,password=p"}, 2},
		{"usage_no_database", newNode(), []string{"crdb", "flush"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := cli(t, c.node, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			golden(t, c.name, "$ crdb-cli "+strings.Join(c.args, " ")+"\n"+out+"--- stderr\n"+errs+c.node.sent())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestInstanceForms(t *testing.T) {
	n := newNode()
	cli(t, n, "crdb", "create", "--name", "cart", "--port", "7000", "--no-wait",
		"--instance", "fqdn=a,port=1,url=http://x:9,replication_endpoint=y:8", "--instance", "b:1")
	a, b := n.posted.Instances[0], n.posted.Instances[1]
	if a.Cluster.Name != "a" || a.Cluster.URL != "http://x:9" || a.Cluster.ReplicationEndpoint != "y:8" || n.posted.Port(0) != 1 {
		t.Errorf("%+v", a)
	}
	if b.Cluster.Name != "b:1" || n.posted.Port(1) != 7000 {
		t.Errorf("%+v", b)
	}
}

func TestExitCodes(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, `{"error_code":"x","description":"y"}`)
		}
	}
	for _, c := range []struct {
		h    http.HandlerFunc
		want int
	}{{status(401), exitAuth}, {status(403), exitAuth}, {status(503), exitPartial}, {status(500), exitFailure}, {status(400), exitFailure}} {
		if _, _, code := cli(t, c.h, "crdb", "list"); code != c.want {
			t.Errorf("exit code %d, want %d", code, c.want)
		}
	}
	hang := make(chan struct{})
	defer close(hang)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	var b bytes.Buffer
	if code := run(context.Background(), []string{"crdb", "list", "--timeout", "20ms"}, strings.TrimPrefix(s.URL, "http://"), &b, &b); code != exitTimeout {
		t.Errorf("exit code %d, want %d: %s", code, exitTimeout, b.String())
	}
	if code := run(context.Background(), []string{"completion", "bash"}, "", &b, &b); code != exitOK {
		t.Errorf("completion: exit code %d", code)
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	s := httptest.NewServer(api.Seal(newNode()))
	defer s.Close()
	for _, args := range [][]string{{"crdb", "list"}, {"crdb", "list", "-o", "json"}, {"crdb", "flush", "cart"}, {"version"}, {"completion", "bash"}, {"--help"}} {
		full := errors.New("no space left")
		var errs bytes.Buffer
		if code := run(context.Background(), args, strings.TrimPrefix(s.URL, "http://"), &refusing{full}, &errs); code != exitFailure || !strings.Contains(errs.String(), full.Error()) {
			t.Errorf("%v: exit code %d, %q", args, code, errs.String())
		}
	}
}

// refusing is a full disk.
type refusing struct{ err error }

func (r *refusing) Write([]byte) (int, error) { return 0, r.err }

func TestYAMLQuotesWhatIsNoWord(t *testing.T) {
	var b bytes.Buffer
	a := &app{out: &b, output: "yaml"}
	v := map[string]any{"a": "yes", "b": "1", "c": "x: y", "d": nil, "e": []int{}, "f": []any{1, map[string]string{"k": "v"}}, "g": "plain-word", "h": "line\nline"}
	if err := a.print(v, nil); err != nil {
		t.Fatal(err)
	}
	want := "a: \"yes\"\nb: \"1\"\nc: \"x: y\"\nd: null\ne: []\nf:\n  - 1\n  -\n    k: v\ng: plain-word\nh: \"line\\nline\"\n"
	if b.String() != want {
		t.Errorf("got:\n%s", b.String())
	}
}

func TestCompletionDoesNotHang(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	for _, args := range [][]string{{"get", ""}, {"get", "--name", ""}} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*completeTime)
		var b bytes.Buffer
		run(ctx, append([]string{"__complete", "crdb"}, args...), strings.TrimPrefix(s.URL, "http://"), &b, &b)
		if ctx.Err() != nil {
			t.Errorf("%q waits for a node that does not answer", args)
		}
		cancel()
	}
}

func TestProxyIsNamed(t *testing.T) {
	none := func(*http.Request) (*url.URL, error) { return nil, nil }
	some := func(*http.Request) (*url.URL, error) { return url.Parse("http://squid:3128") }
	lost := api.Errorf(http.StatusBadGateway, api.CodeUnreachable, "http://b:9443 answered status 403")
	if err := viaProxy("http://b:9443", lost, some); !errors.Is(err, lost) || !strings.Contains(err.Error(), "through the proxy squid:3128") {
		t.Error(err)
	}
	if err := viaProxy("http://b:9443", lost, none); err != lost {
		t.Error(err)
	}
	other := api.Errorf(http.StatusConflict, api.CodeConflict, "the node says no")
	if err := viaProxy("http://b:9443", other, some); err != other {
		t.Error(err)
	}
}
