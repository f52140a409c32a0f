package control

import (
	"os"
	"strings"
	"testing"
)

// TestHealthOfANodeWithoutItsDatabase: the report names the command that brings it back.
func TestHealthOfANodeWithoutItsDatabase(t *testing.T) {
	_, nodes, guid := four(t)
	lost := nodes[2]
	lost.Close()
	if err := os.RemoveAll(lost.opts.Settings.Dir); err != nil {
		t.Fatal(err)
	}
	lost.start()
	reports, err := nodes[0].c.HealthReport(t.Context(), guid)
	if err != nil {
		t.Fatal(err)
	}
	want := "crdb-cli --node " + lost.AdminAddr() + " crdb recover-instance cart --from " + nodes[0].AdminAddr()
	if why := reports[2].ConnectionError; !strings.Contains(why, "has no database") || !strings.HasSuffix(why, want) {
		t.Errorf("%q", why)
	}
}
