package scenario

import (
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// spare is the region that is added.
const spare = "sa-east"

// cli runs crdb-cli at a region's node and fails the test if it fails.
func (r *run) cli(region string, args ...string) string {
	r.Helper()
	out, err := r.c.CLIAt(r.Context(), region, args...)
	if err != nil {
		r.Fatalf("crdb-cli at %s %v: %v\n%s", region, args, err, out)
	}
	return out
}

// TestAddRegion adds a fourth region under load, and then writes there, too.
func TestAddRegion(t *testing.T) {
	r := begin(t, cluster.Options{Spare: []string{spare}})
	began := time.Now()
	r.cli("eu-west", "crdb", "add-instance", "--name", cluster.DatabaseName, "--instance", r.c.Node(spare).Instance())
	r.Logf("added in %v", time.Since(began).Round(time.Millisecond))
	r.c.Regions = append(r.c.Regions, spare)
	r.must(r.c.WaitServing(r.Context(), spare))
	r.load.Add(r.c, spare)
	r.wait(500 * time.Millisecond)
	r.c.Net.Isolate(spare)
	r.wait(500 * time.Millisecond)
	r.finish()
	r.cli(spare, "crdb", "health-report", cluster.DatabaseName)
}
