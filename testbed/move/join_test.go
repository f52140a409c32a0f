package move

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

// transferred says how much the last transfer to a node's database has brought.
func transferred(t *testing.T, n *cluster.Node) (bytes float64) {
	t.Helper()
	text, err := n.Get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^crdb_transfer_bytes\{[^}]*\} (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		t.Fatal("no crdb_transfer_bytes")
	}
	if bytes, err = strconv.ParseFloat(found[1], 64); err != nil {
		t.Fatal(err)
	}
	return bytes
}

// TestJoinWithABackup: regions are added with backups of the database, sound,
// damaged and of another database; what was removed since stays removed, and
// with a sound one little is sent.
func TestJoinWithABackup(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"here", "there"}, Spare: []string{"new"}, Direct: true})
	cl, ctx := c.Client("here"), t.Context()
	p := cl.Pipeline()
	value := strings.Repeat("v", 500)
	for i := range 3000 {
		p.Set(ctx, fmt.Sprint("key:", i), value, 0)
	}
	for i := range 200 {
		p.SAdd(ctx, fmt.Sprint("set:", i), "a", "b", "c")
		p.HSet(ctx, fmt.Sprint("hash:", i), "f", value, "g", i)
		p.IncrBy(ctx, fmt.Sprint("count:", i), int64(i))
	}
	if _, err := p.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "b")
	cli(t, c, 0, "Backup written", "crdb", "backup", cluster.DatabaseName, "--dir", dir)
	for i := range 100 {
		p.Del(ctx, fmt.Sprint("key:", i))
		p.SRem(ctx, fmt.Sprint("set:", i), "a")
		p.HDel(ctx, fmt.Sprint("hash:", i), "g")
		p.Incr(ctx, fmt.Sprint("count:", i))
		p.Set(ctx, fmt.Sprint("key:", 500+i), "changed", 0)
	}
	if _, err := p.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	target := c.Node("new").Instance()
	add := func(code int, says string, args ...string) string {
		t.Helper()
		return cli(t, c, code, says, append([]string{"crdb", "add-instance", cluster.DatabaseName, "--instance", target}, args...)...)
	}
	add(1, "not an absolute path", "--from-backup", "b")
	add(1, "it is no backup", "--from-backup", t.TempDir())
	add(1, "data directory", "--from-backup", c.Node("new").Dir)
	cli(t, c, 2, "--from-backup is for one --instance", "crdb", "add-instance", cluster.DatabaseName, "--instance", target, "--instance", target, "--from-backup", dir)
	cli(t, c, 0, "finished", "crdb", "restore", "--name", "other", "--dir", dir)
	other := filepath.Join(t.TempDir(), "o")
	cli(t, c, 0, "Backup written", "crdb", "backup", "other", "--dir", other)
	add(1, "is a backup of another database: other", "--from-backup", other)

	add(0, "finished", "--from-backup", dir)
	joined(t, c)
	if n := transferred(t, c.Node("new")); n == 0 || n > 512<<10 {
		t.Errorf("%v bytes were sent to a region with a backup", n)
	}
	rejoin(t, c, target, dir)
}

// rejoin has the new region lose its disk and come back with the backup, and
// then join with a damaged one.
func rejoin(t *testing.T, c *cluster.Cluster, target, dir string) {
	t.Helper()
	n := c.Node("new")
	n.Kill()
	if err := os.RemoveAll(n.Dir); err != nil {
		t.Fatal(err)
	}
	start := func() {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		if err := n.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	start()
	out, err := c.CLINode(t.Context(), n, "crdb", "recover-instance", cluster.DatabaseName, "--from", c.Node("here").AdminAddr(), "--instance", target, "--from-backup", dir)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	joined(t, c)
	if n := transferred(t, n); n == 0 || n > 512<<10 {
		t.Errorf("%v bytes were sent to a region that came back with a backup", n)
	}
	cli(t, c, 0, "finished", "crdb", "remove-instance", cluster.DatabaseName, "--instance-id", "4")
	path := filepath.Join(dir, "state-03")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 8
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cli(t, c, 0, "finished", "crdb", "add-instance", cluster.DatabaseName, "--instance", target, "--from-backup", dir)
	joined(t, c)
	if log := c.Logs(200); !strings.Contains(log, "the older state is not used") || !strings.Contains(log, "state-03") {
		t.Errorf("nothing is said about the damage:\n%s", log)
	}
}

// joined checks that the new region has what the others have.
func joined(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	cl := c.NewClient("new", 0)
	defer cl.Close()
	want := contents(t, c.Client("here"))
	var got map[string]string
	for late := time.Now().Add(20 * time.Second); time.Now().Before(late); time.Sleep(100 * time.Millisecond) {
		if got = contents(t, cl); len(got) == len(want) {
			break
		}
	}
	same(t, "a region that has joined", got, want)
	if err := cl.Get(t.Context(), "key:3").Err(); err != redis.Nil {
		t.Errorf("a key that was removed is back: %v", err)
	}
	cli(t, c, 0, "", "crdb", "verify", cluster.DatabaseName)
}
