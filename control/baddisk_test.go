package control

import (
	"net"
	"testing"

	"crdb/control/api"
)

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	l := listenBelow(t)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A node that crashed while it made the database of its settings makes it at the next start.
func TestBootstrapAfterACrash(t *testing.T) {
	for _, state := range []string{api.OutcomePreparing, api.OutcomeCommitting, noteAborting} {
		n, port := startNode(t, "us-east", &dialer{}), freePort(t)
		d := describeOn("cart", n)
		decideCreate(t, n, d)
		n.Close()
		if err := n.dir.writeNote(&note{State: state, Database: d}); err != nil {
			t.Fatal(err)
		}
		n.opts.Settings.Database, n.opts.Settings.Port = "cart", port
		n.start()
		if all := n.databases(); len(all) != 1 || (all[0].Database.GUID == d.GUID) != (state == api.OutcomeCommitting) {
			t.Errorf("%s: databases: %+v", state, all)
		}
	}
}

// The same where the create goes on as a task, or is that of another node.
func TestBootstrapOfWhatIsBeingMade(t *testing.T) {
	_, nodes := three(t)
	n, port := nodes[1], freePort(t)
	decideCreate(t, nodes[0], describeOn("cart", nodes[0], n))
	n.Close()
	n.opts.Settings.Database, n.opts.Settings.Port = "cart", port
	n.start()
	nodes[0].restart()
	eventually(t, "it serves", func() bool { return len(n.databases()) == 1 })
}
