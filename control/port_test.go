package control

import (
	"errors"
	"net"
	"strings"
	"testing"

	"crdb/control/api"
)

// TestPortsOfDatabases: without a port asked for it is none that the system would lend to
// an outgoing connection, and none of a database that does not serve just now.
func TestPortsOfDatabases(t *testing.T) {
	n := startNode(t, "us-east", &dialer{})
	task := n.create(describeOn("cart", n))
	if task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	if port := n.database(task.GUID).record.Port; port < firstPort || port > lastPort {
		t.Errorf("port %d", port)
	}
	reserve := func(port int) (int, error) {
		l, err := n.reserve(port, "other")
		if err != nil {
			return 0, err
		}
		l.Close()
		return l.Addr().(*net.TCPAddr).Port, nil
	}
	first, err := reserve(0)
	if err != nil {
		t.Fatal(err)
	}
	down := &database{record: &record{Port: first, Status: api.StatusCommitted}}
	n.put("down", down)
	defer func() {
		n.mu.Lock()
		delete(n.mu.dbs, "down")
		n.mu.Unlock()
	}()
	if _, err := reserve(first); err == nil || !strings.Contains(err.Error(), "another database of this node has that port") {
		t.Errorf("the port of a database that is down: %v", err)
	}
	if port, err := reserve(0); err != nil || port == first {
		t.Errorf("any port: %d, %v", port, err)
	}
	n.leaveUnopened(&record{Port: first + 1, Status: api.StatusCommitted, Database: &api.Database{GUID: "damaged"}}, errors.New("damaged"))
	if _, err := reserve(first + 1); err == nil {
		t.Error("the port of a database that could not be opened is given away")
	}
	down.record.Status = api.StatusRemoved
	if port, err := reserve(first); err != nil || port != first {
		t.Errorf("the port of a database that is gone: %d, %v", port, err)
	}
}
