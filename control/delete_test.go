package control

import (
	"context"
	"net"
	"strconv"
	"strings"
	"testing"

	"crdb/control/api"
)

// waiting returns how many notes a coordinator has.
func (n *testNode) waiting() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.notes)
}

// A member that has not loaded its databases yet does not say that one is gone.
func TestDeleteReachesAMemberThatIsLoading(t *testing.T) {
	dial, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	away := nodes[2]
	away.Close()
	admin := net.JoinHostPort("127.0.0.1", strconv.Itoa(away.opts.Settings.AdminPort))
	dial.cut.Store(admin, true)
	if del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); del.Status != api.TaskFailed {
		t.Fatalf("task: %+v", del)
	}
	block := make(chan struct{})
	away.host.blockOpen.Store(&block)
	started := make(chan error)
	go func() {
		var err error
		away.Node, err = Open(away.opts)
		started <- err
	}()
	eventually(t, "it says that it is loading", func() bool { return api.IsCode(away.c.Drop(context.Background(), guid), api.CodeNotReady) })
	if err := away.c.Unpost(context.Background(), guid, guid); !api.IsCode(err, api.CodeNotReady) {
		t.Errorf("unpost: %v", err)
	}
	dial.cut.Delete(admin)
	close(block)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	eventually(t, "clean", away.clean)
	eventually(t, "the note is gone", func() bool { return nodes[0].waiting() == 0 })
}

// A node with an empty disk at the address of a member confirms nothing for it:
// the right disk may be put back.
func TestNobodyConfirmsForAnotherNode(t *testing.T) {
	_, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	d := nodes[0].database(guid).record.Database
	n := nodes[2]
	right := n.opts.Settings.Dir
	n.Close()
	n.opts.Settings.Dir = t.TempDir()
	n.start()
	if err := nodes[0].memberOf(d.Find(d.Instances[2].NodeID)).Commit(context.Background(), d); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("commit: %v", err)
	}
	del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid))
	if del.Status != api.TaskFailed || !strings.Contains(del.Errors[0].Description, "is meant") {
		t.Fatalf("task: %+v", del)
	}
	n.Close()
	n.opts.Settings.Dir = right
	n.start()
	eventually(t, "clean", n.clean)
	eventually(t, "the note is gone", func() bool { return nodes[0].waiting() == 0 })
}

// A change that waits for a member is done with it when a later one, of another
// coordinator, has removed it.
func TestNoteOfAMemberThatIsReplaced(t *testing.T) {
	dial, nodes, guid := four(t)
	dial.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	nodes[1].client.CloseIdleConnections()
	if task := nodes[0].modify(guid, setting(5)); task.Status != api.TaskFinished || nodes[0].waiting() != 1 {
		t.Fatalf("task: %+v, %d notes", task, nodes[0].waiting())
	}
	if task := nodes[1].modify(guid, removing(true, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "the note is gone", func() bool { return nodes[0].waiting() == 0 })
}
