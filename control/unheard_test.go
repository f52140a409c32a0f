package control

import (
	"context"
	"testing"

	"crdb/control/api"
)

// TestForcedOutAndNotTold: a node that others could not reach when it was removed by force
// asks them before it says that nothing is wrong.
func TestForcedOutAndNotTold(t *testing.T) {
	dial, nodes, guid := four(t)
	away := nodes[2]
	dial.cut.Store(away.AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if task := nodes[0].modify(guid, &api.Modify{RemoveInstances: []int{3}, ForceRemove: true}); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	if code, _ := away.database(guid).restraint(); code != "" {
		t.Fatalf("it was told: %s", code)
	}
	dial.cut.Delete(away.AdminAddr())
	if task := away.wait(away.c.Recover(context.Background(), &api.Recover{Database: "cart"})); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
}
