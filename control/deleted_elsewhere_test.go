package control

import (
	"context"
	"io"
	"strings"
	"testing"

	"crdb/control/api"
)

// A region that was forced out while nobody reached it, of a database that was deleted
// after that, is told by those who had it, in whichever way it comes back. It drops
// nothing by itself.
func TestForcedOutOfWhatWasDeleted(t *testing.T) {
	for name, back := range map[string]func(gone *testNode, guid string){
		"by a peer's word": func(gone *testNode, guid string) {
			gone.fake(guid).spec.Notice(Notice{Kind: NoticeStranger, Text: "no such database"})
		},
		"at its start": func(gone *testNode, _ string) { gone.restart() },
	} {
		t.Run(name, func(t *testing.T) {
			dial, nodes, guid := four(t)
			gone := nodes[2]
			dial.cut.Store(gone.AdminAddr(), true)
			nodes[0].client.CloseIdleConnections()
			if task := nodes[0].modify(guid, removing(true, 3)); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
			if task := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
			dial.cut.Delete(gone.AdminAddr())
			if text := gone.fake(guid).refuses(); text != "" {
				t.Fatalf("it knows already: %s", text)
			}
			back(gone, guid)
			eventually(t, "it is told", func() bool { return strings.Contains(gone.fake(guid).refuses(), "was deleted in the other regions") })
			gone.restart()
			if text := gone.fake(guid).refuses(); !strings.Contains(text, "purge-instance") {
				t.Errorf("after another restart: %q", text)
			}
			if _, err := gone.c.Export(context.Background(), guid, io.Discard); err != nil {
				t.Errorf("what is left cannot be exported: %v", err)
			}
			if task := gone.wait(gone.c.Purge(context.Background(), guid, []int{3})); task.Status != api.TaskFinished || !gone.clean() {
				t.Errorf("purge: %+v", task)
			}
		})
	}
}
