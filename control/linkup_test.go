package control

import (
	"strings"
	"testing"

	"crdb/control/api"
)

// TestCreateEndsWithLinksUp: what is asked right after a create finds all well.
func TestCreateEndsWithLinksUp(t *testing.T) {
	_, nodes := three(t)
	nodes[1].host.noLinks.Store(3)
	task := nodes[0].create(describeOn("cart", nodes...))
	if task.Status != api.TaskFinished || len(task.Warnings) > 0 {
		t.Fatalf("task: %+v", task)
	}
	reports, err := nodes[0].c.HealthReport(t.Context(), task.GUID)
	if err != nil || !api.Healthy(reports) {
		t.Errorf("%+v, %v", reports, err)
	}
}

// TestCreateWithoutLinks: ports for replication that nobody can reach do not keep it for
// ever, and are told of.
func TestCreateWithoutLinks(t *testing.T) {
	_, nodes := three(t)
	nodes[1].host.noLinks.Store(1 << 40)
	task := nodes[0].create(describeOn("cart", nodes...))
	if task.Status != api.TaskFinished || len(task.Warnings) != 2 || !strings.Contains(task.Warnings[0], "region eu-west does not get the writes of region us-east yet") {
		t.Fatalf("task: %+v", task)
	}
}
