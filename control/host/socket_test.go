package host

import (
	"bufio"
	"net"
	"path/filepath"
	"testing"
	"time"

	"crdb/control"
	"crdb/control/api"
	"crdb/control/conf"
)

// TestUnixSocket: the first database has the socket, a second one does without.
func TestUnixSocket(t *testing.T) {
	s, path := settings(t, "us-east"), filepath.Join(t.TempDir(), "redis.sock")
	s.Redis = append(s.Redis, conf.RedisSetting{Name: "unixsocket", Value: path}, conf.RedisSetting{Name: "unixsocketperm", Value: "770"})
	n := node(t, s)
	defer n.Close()
	port := create(t, n, "first")
	ask(t, port, "SET who first")
	ask(t, create(t, n, "second"), "SET who second")
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	c.Write([]byte("GET who\r\n"))
	r := bufio.NewReader(c)
	r.ReadString('\n')
	if got, err := r.ReadString('\n'); got != "first\r\n" {
		t.Errorf("GET over the socket: %q %v", got, err)
	}
}

// create makes a database on one node and returns its port.
func create(t *testing.T, n *control.Node, name string) int {
	t.Helper()
	c := client(n)
	task, err := c.Create(t.Context(), &api.Database{Name: name, Instances: []api.Instance{{Cluster: api.Cluster{Name: n.AdminAddr()}}}})
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
	return made.Port(0)
}

func TestSocketPerm(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "700": 0o700, "755": 0o755, "": -1, "888": -1, "1777": -1} {
		got, err := socketPerm(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || int(got) != want) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

// TestAClosedDatabaseLeavesTheSocket: one that is closed before it serves does not
// keep the socket from the next.
func TestAClosedDatabaseLeavesTheSocket(t *testing.T) {
	x := opened(t).(*instance)
	if err := x.config.Set("unixsocket", filepath.Join(t.TempDir(), "redis.sock")); err != nil {
		t.Fatal(err)
	}
	x.Close()
	if err := x.Serve("127.0.0.1:0"); err == nil {
		t.Error("a closed database serves")
	}
	if x.host.mu.socket != nil {
		t.Error("the closed database has the socket")
	}
}
