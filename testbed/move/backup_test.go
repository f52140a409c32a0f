package move

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

// writer is load on one region: it moves units between accounts in
// transactions, and counts in two keys, always in the first one first.
type writer struct {
	region string
	cl     *redis.Client
	acked  atomic.Int64 // the last count that the second key was set to
}

func (w *writer) run(ctx context.Context, wg *sync.WaitGroup) {
	defer wg.Done()
	for n := int64(1); ctx.Err() == nil; n++ {
		p := w.cl.TxPipeline()
		p.IncrBy(ctx, fmt.Sprint("account:", n%17), n)
		p.IncrBy(ctx, fmt.Sprint("account:", n%13+20), -n)
		p.Exec(ctx)
		if w.cl.Set(ctx, w.region+":first", n, 0).Err() == nil && w.cl.Set(ctx, w.region+":second", n, 0).Err() == nil {
			w.acked.Store(n)
		}
		w.cl.SAdd(ctx, "set", n%1000, fmt.Sprint(w.region, n%50))
		w.cl.RPush(ctx, "list:"+w.region, n)
	}
}

// number reads a key that is a number, 0 if it is not there.
func number(t *testing.T, cl *redis.Client, key string) int64 {
	t.Helper()
	n, err := cl.Get(t.Context(), key).Int64()
	if err != nil && err != redis.Nil {
		t.Fatal(key, err)
	}
	return n
}

// consistent checks that a database is at a causal cut of what the writers did.
func consistent(t *testing.T, cl *redis.Client, regions []string) {
	t.Helper()
	sum := int64(0)
	for _, key := range cl.Keys(t.Context(), "account:*").Val() {
		sum += number(t, cl, key)
	}
	if sum != 0 {
		t.Errorf("a transaction was restored in part: the accounts sum up to %d", sum)
	}
	for _, r := range regions {
		first, second := number(t, cl, r+":first"), number(t, cl, r+":second")
		if second > first || first > second+1 {
			t.Errorf("%s: the first count is %d, the second %d", r, first, second)
		}
	}
}

// TestBackupUnderLoad takes backups while three regions write, restores them
// into new databases, and checks that each is a causal cut with everything
// acknowledged before; that restored databases merge; and what damage does.
func TestBackupUnderLoad(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var writers []*writer
	for _, r := range c.Regions {
		w := &writer{region: r, cl: c.NewClient(r, 0)}
		writers = append(writers, w)
		wg.Add(1)
		go w.run(ctx, &wg)
	}
	defer func() {
		cancel()
		wg.Wait()
	}()
	dir := t.TempDir()
	var acked [3]int64
	for i := range 3 {
		time.Sleep(700 * time.Millisecond)
		acked[i] = writers[0].acked.Load()
		cli(t, c, 0, "Backup written: ", "crdb", "backup", "--name", cluster.DatabaseName, "--dir", filepath.Join(dir, fmt.Sprint(i)))
	}
	cancel()
	wg.Wait()
	bin, err := cluster.Build()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		backup := filepath.Join(dir, fmt.Sprint(i))
		if out, err := exec.Command(bin.Server, "backup", "verify", backup).CombinedOutput(); err != nil || !strings.Contains(string(out), "is sound") {
			t.Errorf("%v: %s", err, out)
		}
		name := fmt.Sprint("restored", i)
		cli(t, c, 0, "CRDB GUID Assigned", "crdb", "restore", "--name", name, "--dir", backup,
			"--instance", c.Node(c.Regions[0]).AdminAddr(), "--instance", c.Node(c.Regions[1]).AdminAddr())
		here, there := restored(t, c, name, 0), restored(t, c, name, 1)
		consistent(t, here, c.Regions)
		if n := number(t, here, c.Regions[0]+":second"); n < acked[i] || n == 0 {
			t.Errorf("count %d was acknowledged before the backup, restored is %d", acked[i], n)
		}
		merges(t, here, there)
	}
	damaged(t, c, filepath.Join(dir, "0"))
}

// restored returns a client of a restored database in a region.
func restored(t *testing.T, c *cluster.Cluster, name string, i int) *redis.Client {
	t.Helper()
	for _, line := range strings.Split(cli(t, c, 0, name, "crdb", "list"), "\n") {
		f := strings.Fields(line)
		if len(f) == 6 && f[1] == name && f[2] == strconv.Itoa(i+1) {
			cl := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + f[5], MaxRetries: -1})
			t.Cleanup(func() { cl.Close() })
			return cl
		}
	}
	t.Fatal("no instance of " + name)
	return nil
}

// merges checks that what was restored replicates, and merges with writes of
// both regions.
func merges(t *testing.T, here, there *redis.Client) {
	t.Helper()
	ctx := t.Context()
	equal := func(what string, f func(cl *redis.Client) string) {
		t.Helper()
		err := cluster.Poll(ctx, 10*time.Millisecond, func() error {
			if a, b := f(here), f(there); a != b {
				return fmt.Errorf("%s: %.60s and %.60s", what, a, b)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	size := func(cl *redis.Client) string { return fmt.Sprint(cl.DBSize(ctx).Val(), cl.SCard(ctx, "set").Val()) }
	equal("sizes", size)
	before := number(t, here, "account:1")
	here.IncrBy(ctx, "account:1", 5)
	there.IncrBy(ctx, "account:1", 7)
	there.SAdd(ctx, "set", "added there")
	here.SRem(ctx, "set", "1", "2")
	there.Del(ctx, "account:2")
	equal("counters", func(cl *redis.Client) string { return cl.Get(ctx, "account:1").Val() })
	equal("sizes", size)
	equal("a deleted key", func(cl *redis.Client) string { return fmt.Sprint(cl.Exists(ctx, "account:2").Val()) })
	if n := number(t, there, "account:1"); n != before+12 {
		t.Errorf("a restored counter of %d is %d after 5 and 7 were added", before, n)
	}
}

// damaged checks that a damaged backup is refused and leaves no database, and
// that a backup that fails leaves nothing.
func damaged(t *testing.T, c *cluster.Cluster, backup string) {
	t.Helper()
	for _, name := range left(t, backup) {
		path := filepath.Join(backup, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := append([]byte(nil), good...)
		bad[len(bad)/2] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "MANIFEST" || name == "log" || name == "state-07" {
			cli(t, c, 1, name, "crdb", "restore", "--name", "never", "--dir", backup)
		}
		os.WriteFile(path, good, 0o600)
	}
	if out := cli(t, c, 0, "", "crdb", "list"); strings.Contains(out, "never") {
		t.Errorf("a database was made of a damaged backup:\n%s", out)
	}
	cli(t, c, 1, "a backup gets a directory of its own (invalid_request)", "crdb", "backup", cluster.DatabaseName, "--dir", backup)
	cli(t, c, 1, "not an absolute path", "crdb", "backup", cluster.DatabaseName, "--dir", "here")
	cli(t, c, 1, "data directory", "crdb", "backup", cluster.DatabaseName, "--dir", filepath.Join(c.Node(c.Regions[0]).Dir, "b"))
	cli(t, c, 2, "dir", "crdb", "backup", cluster.DatabaseName)
	cli(t, c, 1, "it is no backup, or was never finished (backup_damaged)", "crdb", "restore", "--name", "never", "--dir", t.TempDir())
	cli(t, c, 1, "not a directory (invalid_request)", "crdb", "backup", cluster.DatabaseName, "--dir", filepath.Join(backup, "log"))
	cli(t, c, 1, "which has the backup, must be one of the instances (invalid_request)", "crdb", "restore", "--name", "never", "--dir", backup,
		"--instance", c.Node(c.Regions[1]).AdminAddr())
	full := small(t, 64<<10)
	cli(t, c, 1, "the disk is full", "crdb", "backup", cluster.DatabaseName, "--dir", filepath.Join(full, "b"))
	if names := left(t, full); len(names) > 0 {
		t.Errorf("a failed backup left %v", names)
	}
}
