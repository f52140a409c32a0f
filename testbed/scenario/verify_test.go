package scenario

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestVerify compares the regions under load, by crdb-cli and in the
// background: there is no difference until the test makes one behind the back
// of replication, and then it is found and named.
func TestVerify(t *testing.T) {
	r := begin(t, cluster.Options{Config: []string{"enable-debug-command yes", "verify-interval 1"}})
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if out, code := r.verify(ctx); code != 0 || !strings.Contains(out, "us-east, eu-west, ap-south") {
		t.Errorf("under load: exit code %d\n%s", code, out)
	}
	if found := r.metric(ctx, "crdb_verify_differing_keys"); found != "0" {
		t.Errorf("in the background: %s keys differ", found)
	}

	// A region that cannot be asked is told apart from one that differs.
	r.must(r.c.Node("eu-west").Pause())
	out, code := r.verify(ctx)
	r.must(r.c.Node("eu-west").Resume())
	if code != 3 || !strings.Contains(out, "Not compared:") || strings.Contains(out, "Differs:") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	r.must(r.c.Client("us-east").Set(ctx, "planted", "everywhere", 0).Err())
	r.must(r.c.Sync(ctx))
	r.must(r.c.Client("ap-south").Do(ctx, "DEBUG", "DIVERGE", "planted", "only here").Err())
	out, code = r.verify(ctx)
	if code != 3 || !strings.Contains(out, `database 0, key "planted": ap-south`) || !strings.Contains(out, "1 keys differ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	r.must(cluster.Poll(ctx, 100*time.Millisecond, func() error {
		if found := r.metric(ctx, "crdb_verify_differing_keys"); found != "1" {
			return errors.New("the background check has found " + found)
		}
		return nil
	}))
	if log := r.c.Logs(10_000); !strings.Contains(log, "REGIONS DIFFER") {
		t.Error("no alarm in the log")
	}
	r.load.Stop()
}

// verify runs crdb-cli crdb verify and returns its exit code.
func (r *run) verify(ctx context.Context) (string, int) {
	out, err := r.c.CLI(ctx, "crdb", "verify", cluster.DatabaseName)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, exit.ExitCode()
	}
	r.must(err)
	return out, 0
}

// metric returns a metric of the first region's node, once it is there.
func (r *run) metric(ctx context.Context, name string) (value string) {
	return r.metricAt(ctx, r.c.Regions[0], name)
}

func (r *run) metricAt(ctx context.Context, region, name string) (value string) {
	r.must(cluster.Poll(ctx, 100*time.Millisecond, func() error {
		text, err := r.c.Node(region).Get(ctx, "/metrics")
		if err != nil {
			return err
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, name+"{") {
				value = line[strings.LastIndexByte(line, ' ')+1:]
				return nil
			}
		}
		return errors.New("there is no metric " + name)
	}))
	return value
}
