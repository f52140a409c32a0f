package control

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// A removal is decided, and its coordinator could not commit it itself yet. No other
// change takes the place of its note meanwhile: who asked then would hear that it was
// given up, and the leaver take writes that nobody gets.
func TestNoChangeBeforeTheDecidedOneIsInForce(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[0]
	n.Close()
	n.opts.Timing.Janitor = time.Hour // only the task is there
	n.start()
	c, _, leaver := decideRemoval(t, nodes, guid)
	if err := nodes[1].Commit(context.Background(), c.next); err != nil {
		t.Fatal(err)
	}
	n.idle(guid)
	if task := n.modify(guid, setting(4)); task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "is being changed already") {
		t.Errorf("task: %+v", task)
	}
	late := time.Now().Add(100 * time.Millisecond) // more than Timing.Prepare
	eventually(t, "it asks", func() bool { return time.Now().After(late) })
	nodes[2].resolvePosted()
	leaver.mu.Lock()
	admitted := leaver.admitted
	leaver.mu.Unlock()
	if admitted || nodes[2].database(guid).record.Posted == nil {
		t.Error("the leaver took writes again")
	}
	n.finishNotes()
	agreeOn(t, guid, 2, nodes[:2]...)
	if task := n.modify(guid, setting(4)); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
}
