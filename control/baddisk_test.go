package control

import (
	"net"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

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

// no writes.
func TestForcedOutOnAFullDisk(t *testing.T) {
	dial, nodes, guid := four(t)
	gone := nodes[2]
	disk := &fullDisk{FS: vfs.Default}
	gone.Close()
	gone.opts.FS = disk
	gone.start()
	dial.cut.Store(gone.AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if task := nodes[0].modify(guid, removing(true, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	dial.cut.Delete(gone.AdminAddr())
	disk.full.Store(true)
	gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	eventually(t, "it takes no writes", func() bool { return strings.Contains(gone.fake(guid).refuses(), "was removed from database") })
	disk.full.Store(false)
	gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no member"})
	eventually(t, "it is written down", func() bool { return gone.database(guid).record.Status == api.StatusRemoved })
}
