package scenario

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
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
	r.eventually(func() error {
		_, err := r.c.CLIAt(r.Context(), spare, "crdb", "health-report", cluster.DatabaseName)
		return err
	})
}

// eventually waits until f is nil.
func (r *run) eventually(f func() error) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), settleTimeout)
	defer cancel()
	r.must(cluster.Poll(ctx, 20*time.Millisecond, f))
}

// refused waits until a region answers writes as a read-only replica does.
func (r *run) refused(region, why string) {
	r.Helper()
	r.eventually(func() error {
		err := r.c.Client(region).Set(r.Context(), "not:taken", "x", 0).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "READONLY ") || !strings.Contains(err.Error(), why) {
			return fmt.Errorf("a write in %s gets %v, want READONLY ... %s", region, err, why)
		}
		return nil
	})
}

// without takes a region out of those that must agree.
func (r *run) without(region string) {
	r.c.Regions = slices.DeleteFunc(slices.Clone(r.c.Regions), func(x string) bool { return x == region })
}

// TestRemoveRegion removes a region under load, in good order: what it
// acknowledged is in the others.
func TestRemoveRegion(t *testing.T) {
	r := begin(t, cluster.Options{})
	leaves := r.c.Regions[2]
	r.broken[leaves] = true
	out := r.cli("us-east", "crdb", "remove-instance", "--name", cluster.DatabaseName, "--instance-id", "3")
	r.Logf("%s", out)
	r.without(leaves)
	r.wait(300 * time.Millisecond)
	r.cli("us-east", "crdb", "health-report", cluster.DatabaseName)
	r.finish()
	if list := r.cli(leaves, "crdb", "list"); strings.Contains(list, cluster.DatabaseName) {
		r.Errorf("the node that left still lists the database:\n%s", list)
	}
}

// TestForceRemoveRegion removes a region that was killed: the last of what it
// acknowledged may have reached nobody and be lost, as after a kill under
// everysec. When it comes back it takes no writes, says so, and can be purged
// and added again.
func TestForceRemoveRegion(t *testing.T) {
	r := begin(t, cluster.Options{})
	gone := r.c.Regions[2]
	r.kill(gone)
	out := r.cli("us-east", "crdb", "remove-instance", cluster.DatabaseName, "--instance-id", "3", "--force")
	if !strings.Contains(out, "writes of region "+gone+" that reached no other region are lost") {
		r.Errorf("no word of what may be lost:\n%s", out)
	}
	all := r.c.Regions
	r.without(gone)
	r.finish()
	r.must(r.c.Node(gone).Start())
	r.refused(gone, "was removed")
	if _, err := r.c.Node(gone).Get(r.Context(), "/readyz"); err == nil {
		r.Error("a removed region says that it is ready")
	}
	if refusing := r.metricAt(r.Context(), gone, "crdb_log_refusing_writes"); refusing != "1" {
		r.Errorf("crdb_log_refusing_writes of a removed region is %s", refusing)
	}
	if _, err := r.c.CLIAt(r.Context(), gone, "crdb", "health-report", cluster.DatabaseName); err == nil {
		r.Error("the health report of a removed region says that all is well")
	}
	if list := r.cli(gone, "crdb", "list"); !strings.Contains(list, "removed") {
		r.Errorf("it does not say that it was removed:\n%s", list)
	}
	r.cli(gone, "crdb", "purge-instance", cluster.DatabaseName, "--instance-id", "3")
	r.cli("us-east", "crdb", "add-instance", cluster.DatabaseName, "--instance", r.c.Node(gone).Instance())
	r.c.Regions = all
	r.must(r.c.WaitServing(r.Context(), gone))
	r.eventually(func() error { return r.c.Agree(r.Context()) })
}

// TestConcurrentChanges changes the configuration at two nodes at once.
func TestConcurrentChanges(t *testing.T) {
	r := begin(t, cluster.Options{})
	var out [2]string
	var errs [2]error
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			out[i], errs[i] = r.c.CLIAt(r.Context(), r.c.Regions[i], "crdb", "update", cluster.DatabaseName, "--memory-size", fmt.Sprint(1+i, "gb"))
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil && !strings.Contains(out[i], "version") {
			r.Errorf("%v\n%s", err, out[i])
		}
	}
	if errs[0] != nil && errs[1] != nil {
		r.Errorf("none won:\n%s\n%s", out[0], out[1])
	}
	r.eventually(func() error {
		var seen []string
		for _, region := range r.c.Regions {
			got, err := r.c.Client(region).ConfigGet(r.Context(), "maxmemory").Result()
			if err != nil {
				return err
			}
			seen = append(seen, got["maxmemory"])
		}
		if seen[0] == "0" || seen[0] != seen[1] || seen[0] != seen[2] {
			return fmt.Errorf("maxmemory is %v", seen)
		}
		return nil
	})
	r.finish()
}

// TestDownDuringAChange changes the configuration while a region is down.
func TestDownDuringAChange(t *testing.T) {
	r := begin(t, cluster.Options{Spare: []string{spare}})
	down := r.c.Regions[2]
	r.stop(down)
	out := r.cli("us-east", "crdb", "add-instance", cluster.DatabaseName, "--instance", r.c.Node(spare).Instance())
	if !strings.Contains(out, "learns of it") {
		r.Errorf("no word of the region that is down:\n%s", out)
	}
	// Its coordinator is down when it comes back: it learns from the others.
	r.stop("us-east")
	r.restart(down)
	r.eventually(func() error {
		if out := r.cli(down, "crdb", "get", cluster.DatabaseName); !strings.Contains(out, spare) {
			return fmt.Errorf("%s does not know of %s:\n%s", down, spare, out)
		}
		return nil
	})
	r.restart("us-east")
	r.c.Regions = append(r.c.Regions, spare)
	r.finish()
}

// TestRestoredFromAnOldCopy puts the directory of a killed node back as it was
// some time before: it takes no writes, and comes back under a new ID.
func TestRestoredFromAnOldCopy(t *testing.T) {
	r := begin(t, cluster.Options{Fsync: "always"})
	region := r.c.Regions[1]
	r.wait(300 * time.Millisecond)
	r.stop(region)
	old := r.copyOf(r.c.Node(region).Dir)
	r.restart(region)
	r.wait(500 * time.Millisecond)
	r.must(r.c.Sync(r.Context()))
	r.load.Stop()
	r.kill(region)
	r.must(os.RemoveAll(r.c.Node(region).Dir))
	r.must(os.Rename(old, r.c.Node(region).Dir))
	r.must(r.c.Node(region).Start())
	r.refused(region, "recover-instance")
	out := r.cli(region, "crdb", "recover-instance", "--name", cluster.DatabaseName)
	r.Logf("%s", out)
	r.must(r.c.WaitServing(r.Context(), region))
	r.must(r.c.Client(region).Set(r.Context(), "after", "recovery", 0).Err())
	r.finish()
	if out := r.cli(region, "crdb", "list"); strings.Contains(out, "  2  ") || !strings.Contains(out, "  4  ") {
		r.Errorf("the IDs:\n%s", out)
	}
}

// copyOf copies a directory of a node that is stopped.
func (r *run) copyOf(dir string) string {
	r.Helper()
	to := r.TempDir() + "/copy"
	r.must(os.CopyFS(to, os.DirFS(dir)))
	return to
}

// TestCopyBesideItsOriginal runs a copy of a node beside it, as a cloned
// machine does: the copy takes no writes, the original goes on.
func TestCopyBesideItsOriginal(t *testing.T) {
	r := begin(t, cluster.Options{})
	region := r.c.Regions[1]
	r.stop(region)
	dir := r.copyOf(r.c.Node(region).Dir)
	r.restart(region)
	beside, err := r.c.Beside(region, dir)
	r.must(err)
	defer beside.Kill()
	r.must(beside.Start())
	r.eventually(func() error {
		out, err := r.c.CLINode(r.Context(), beside, "crdb", "health-report", cluster.DatabaseName)
		if !strings.Contains(out, "another process runs as this instance") {
			return fmt.Errorf("%v\n%s", err, out)
		}
		return nil
	})
	r.finish()
}
