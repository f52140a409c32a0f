package scenario

import (
	"os"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestUpgrade goes from another build to this one as docs/operations.md says, a region after
// the other, under load. Builds may refuse each other as peers meanwhile, as in a cut: when
// all are upgraded nothing that was acknowledged is missing. CRDB_UPGRADE_FROM is the other
// build's crdb; `make upgrade` makes it of a commit.
func TestUpgrade(t *testing.T) {
	from := os.Getenv("CRDB_UPGRADE_FROM")
	if from == "" {
		t.Skip("CRDB_UPGRADE_FROM names no other build: make upgrade FROM=COMMIT")
	}
	for _, fsync := range []string{"everysec", "always"} {
		t.Run(fsync, func(t *testing.T) {
			r := begin(t, cluster.Options{Fsync: fsync, Server: from})
			r.wait(2 * time.Second)
			for _, region := range r.c.Regions {
				r.stop(region)
				r.wait(500 * time.Millisecond)
				r.c.Upgrade(region)
				r.restart(region)
				r.wait(2 * time.Second)
			}
			r.finish()
			for _, region := range r.c.Regions { // what it wrote is what it reads
				r.kill(region)
				r.restart(region)
			}
			r.must(r.c.Sync(r.Context()))
			r.must(r.c.Agree(r.Context()))
		})
	}
}
