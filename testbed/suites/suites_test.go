package suites

import (
	"bytes"
	"fmt"
	"os"
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
//
// They sleep for seconds and then look, and compare the second in which a task is
// written with that of a moment before; so one of them may fail on any server, on a
// busy machine. It is run again then, alone, and what it said the first time is
// shown. A real difference fails again.
func asynq(t *testing.T, dir, bin, pattern string) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"here"}})
	args := []string{"-redis_addr", c.Node("here").Addr(), "-test.run"}
	out, err := command(t, dir, bin, append(args, pattern)...).CombinedOutput()
	if err == nil {
		return
	}
	failed := failures.FindAllSubmatch(out, -1)
	if len(failed) != 1 || bytes.Contains(out, []byte("panic: ")) { // after a panic others have not run
		t.Fatalf("%v\n%s\n%s", err, tail(out), bytes.Join(failures.FindAll(out, -1), nil))
	}
	fmt.Fprintf(os.Stderr, "\n*** RUN AGAIN, after one failure:\n%s***\n", failed[0][0])
	run(t, dir, bin, nil, append(args, "^"+string(failed[0][1])+"$")...)
}

// failures finds the tests that failed, each with what it said.
var failures = regexp.MustCompile(`(?m)^--- FAIL: (\w+) .*\n(?:[ \t].*\n)*`)

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
