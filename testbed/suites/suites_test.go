package suites

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"crdb/testbed/cluster"
)

const (
	asynqModule = "github.com/hibiken/asynq@v0.26.0"
	asynqRuns   = 5
	// The newest of which everything that it depends on can be had.
	redsyncModule = "github.com/go-redsync/redsync/v4@v4.18.1"
)

// TestAsynq deals out asynq's tests to several nodes.
func TestAsynq(t *testing.T) {
	t.Parallel()
	dir := source(t, asynqModule)
	t.Run("internal/rdb", func(t *testing.T) {
		t.Parallel()
		asynq(t, filepath.Join(dir, "internal", "rdb"), compile(t, dir, "./internal/rdb"), ".")
	})
	bin := compile(t, dir, ".")
	out, err := exec.CommandContext(t.Context(), bin, "-test.list", "^Test").Output()
	if err != nil {
		t.Fatal(err)
	}
	var hands [asynqRuns + 1][]string
	for i, name := range strings.Fields(string(out)) {
		hand := &hands[i%asynqRuns]
		if strings.HasPrefix(name, "TestServer") { // they look for goroutines, and others leave some behind
			hand = &hands[asynqRuns]
		}
		*hand = append(*hand, name)
	}
	for _, names := range hands {
		if len(names) < 4 {
			t.Fatalf("asynq lists %q", out)
		}
		t.Run("from "+names[0], func(t *testing.T) {
			t.Parallel()
			asynq(t, dir, bin, "^("+strings.Join(names, "|")+")$")
		})
	}
}

// asynq runs those of asynq's tests that match a pattern on a node of their own.
func asynq(t *testing.T, dir, bin, pattern string) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"here"}})
	args := []string{"-redis_addr", c.Node("here").Addr(), "-test.run"}
	out, err := command(t, dir, bin, append(args, pattern)...).CombinedOutput()
	if err == nil {
		return
	}
	failed := failedTest.FindAllSubmatch(out, -1)
	if len(failed) != 1 || !wholeSeconds.Match(failed[0][1]) || bytes.Contains(out, []byte("panic: ")) { // else all others have run
		t.Fatalf("%v\n%s", err, tail(out))
	}
	t.Logf("once more: %s\n%s", failed[0][1], tail(out))
	run(t, dir, bin, nil, append(args, "^"+string(failed[0][1])+"$")...)
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+) `)

// wholeSeconds are tests that compare the second in which a task is written with
// that of a moment before, so that they fail on any server when a second ends in
// between. One such failure is forgiven, if the test passes when it is run again.
var wholeSeconds = regexp.MustCompile(`^TestClientEnqueue`)

// TestRedsync runs redsync's tests, which start their own servers.
func TestRedsync(t *testing.T) {
	t.Parallel()
	bins, err := cluster.Build()
	if err != nil {
		t.Fatal(err)
	}
	root, err := cluster.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir, path := source(t, redsyncModule), t.TempDir()
	bin := compile(t, dir, ".")
	stand := command(t, root, "go", "build", "-o", filepath.Join(path, "redis-server"), "./testbed/suites/redisserver")
	if out, err := stand.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run(t, dir, bin, []string{"CRDB_BIN=" + filepath.Dir(bins.Server), "PATH=" + path, "TMPDIR=" + path})
}
