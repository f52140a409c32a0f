package control

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// ask makes one request and returns status and body.
func (n *testNode) ask(method, path, body string, header ...string) (int, string) {
	n.t.Helper()
	req, err := http.NewRequest(method, n.c.Base+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := n.c.HTTP.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

func TestBadRequests(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	guid := newGUID(rand.Reader)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/nowhere", "", 404, "there is no /nowhere"},
		{"PATCH", "/v1/crdbs", "", 405, "PATCH is not possible"},
		{"GET", "/v1/crdbs/x", "", 404, `\"x\" is not the GUID`},
		{"GET", "/v1/crdbs/" + guid, "", 404, "has no database"},
		{"DELETE", "/v1/crdbs/" + guid, "", 404, "has no database"},
		{"PUT", "/v1/crdbs/" + guid + "/flush", "", 404, "has no database"},
		{"GET", "/v1/crdb_tasks/x", "", 404, "there is no task x"},
		{"POST", "/v1/crdb_tasks/x/actions/cancel", "", 404, "there is no task x"},
		{"POST", "/v1/crdbs", "", 400, "not the expected JSON"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[],"colour":1}`, 400, "colour"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[]}{}`, 400, "more than one"},
		{"POST", "/v1/crdbs", `{"name":"a"}`, 400, "at least one instance"},
		{"POST", "/v1/crdbs", `{"name":"-","instances":[{"cluster":{"name":"a:1"}}]}`, 400, "database"},
		{"POST", "/v1/crdbs", `{"name":"a","encryption":true,"instances":[{"cluster":{"name":"a:1"}}]}`, 400, "encryption is not available"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"a:1"}},{"cluster":{"name":"A:1"}}]}`, 400, "named twice"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"a","url":"https://a:1"}}]}`, 400, "only http"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"a:99999"}}]}`, 400, "is not HOST"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"` + strings.Repeat("a", 254) + `:1"}}]}`, 400, "is not HOST"},
		{"POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"` + strings.Repeat("a", 300) + `","url":"http://a:1"}}]}`, 400, "has 300 bytes"},
		{"POST", "/v1/crdbs", `{"name":"` + strings.Repeat("a", api.MaxBody) + `"}`, 413, "larger than"},
		{"POST", "/v1/crdbs?dry_run=yes", `{"name":"a","instances":[{"cluster":{"name":"a:1"}}]}`, 400, "neither true nor false"},
		{"POST", "/v1/crdbs?dry_run=", `{"name":"a","instances":[{"cluster":{"name":"a:1"}}]}`, 400, "neither true nor false"},
		{"POST", "/v1/crdbs/" + guid + "/updates?dry_run=true", `{"remove_instances":[1]}`, 400, "nothing was done"},
		{"DELETE", "/v1/crdbs/" + guid + "?dry_run=True", "", 400, "nothing was done"},
		{"PUT", "/v1/crdbs/" + guid + "/flush?dry_run=1", "", 400, "nothing was done"},
		{"PUT", "/v1/node/databases/" + guid, `{"guid":"x"}`, 400, "the path names database"},
		{"POST", "/v1/node/prepared", `{}`, 400, "no GUID"},
		{"GET", "/v1/bdbs/7/availability", "", 404, "no database number"},
		{"GET", "/v1/bdbs/7/availability?availability_lag_tolerance_ms=x", "", 400, "not a number of milliseconds"},
		{"GET", "/readyz?max_lag_ms=-1", "", 400, "not a number of milliseconds"},
	} {
		status, body := n.ask(c.method, c.path, c.body)
		e := &api.Error{}
		if json.Unmarshal([]byte(body), e) != nil || e.Code == "" || status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s, want %d %q", c.method, c.path, status, body, c.status, c.want)
		}
	}
	if status, body := n.ask("POST", "/v1/crdbs", "{}", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("cross-site: %d %s", status, body)
	}
	if status, body := n.ask("POST", "/v1/crdbs", `{"name":"a","instances":[{"cluster":{"name":"a:1"}}]}`, "X-Task-ID", "mine"); status != 400 {
		t.Errorf("task ID: %d %s", status, body)
	}
}

func TestHealthAndAvailability(t *testing.T) {
	_, nodes := three(t)
	n := nodes[0]
	task := n.create(describeOn("cart", nodes...))
	inst := n.Instance(task.GUID).(*fakeInstance)
	check := func(path string, want int) {
		t.Helper()
		if status, body := n.ask("GET", path, ""); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	all := func(down map[string]bool, lag time.Duration) {
		inst.mu.Lock()
		defer inst.mu.Unlock()
		inst.down, inst.lag = down, lag
	}
	check("/livez", 200)
	check("/readyz?max_lag_ms=100", 200)
	check("/v1/bdbs/1/availability", 200)
	check("/v1/local/bdbs/1/endpoint/availability?extend_check=lag", 200)
	check("/v1/bdbs/1/availability?extend_check=moon", 400)
	all(nil, 3*time.Second)
	check("/readyz", 200)
	check("/readyz?max_lag_ms=2000", 503)
	check("/v1/bdbs/1/availability?extend_check=lag", 503)
	check("/v1/bdbs/1/availability?extend_check=lag&availability_lag_tolerance_ms=5000", 200)
	all(map[string]bool{"eu-west": true}, 0)
	check("/v1/bdbs/1/availability?extend_check=lag", 200)
	all(map[string]bool{"eu-west": true, "ap-south": true}, 0)
	check("/v1/bdbs/1/availability?extend_check=lag", 503)
	check("/v1/bdbs/1/availability", 200)
	n.host.diskErr.Store(diskErr{errors.New("disk full")})
	check("/livez", 200)
	check("/readyz", 503)
	check("/v1/bdbs/1/availability", 503)
	reports, err := n.c.HealthReport(context.Background(), task.GUID)
	if err != nil || api.Healthy(reports) {
		t.Errorf("a cut off instance is reported healthy: %+v %v", reports, err)
	}
}

func TestBDBsNameTheEndpointTheCallerKnows(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	n.create(describeOn("cart", n))
	_, body := n.ask("GET", "/v1/bdbs?fields=uid,endpoints", "")
	var l []map[string]any
	if err := json.Unmarshal([]byte(body), &l); err != nil || len(l) != 1 || len(l[0]) != 2 {
		t.Fatalf("%s %v", body, err)
	}
	if !strings.Contains(body, `"dns_name":"127.0.0.1"`) {
		t.Error(body)
	}
}

func TestMetrics(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	n.create(describeOn("cart", n))
	_, body := n.ask("GET", "/metrics", "")
	for _, want := range []string{`crdb_build_info{goversion="go`, "crdb_ready 1", `crdb_databases{state="committed"} 1`, `crdb_tasks{status="finished"} 1`, "go_goroutines"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}
