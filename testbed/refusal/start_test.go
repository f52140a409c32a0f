package refusal

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// refusalTimeout is how long a start that cannot work may take to say so.
const refusalTimeout = 10 * time.Second

// TestStartsThatCannotWork starts the server with one thing wrong each time.
func TestStartsThatCannotWork(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	for _, row := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		args    []string
		says    []string // all of these, in any letter case
	}{
		{"no region", nil, []string{"--region", ""}, []string{"region"}},
		{"unknown flag", nil, []string{"--regoin", "x"}, []string{"unknown flag", "regoin"}},
		{"unknown command", nil, []string{"--", "extra"}, []string{"extra"}},
		{"bad appendfsync", nil, []string{"--appendfsync", "sometimes"}, []string{"appendfsync", "sometimes"}},
		{"not on loopback", nil, []string{"--bind", "0.0.0.0"}, []string{"insecure"}},
		{"admin port taken", nil, []string{"--admin-port", port}, []string{port, "in use"}},
		{"peer port taken", nil, []string{"--peer-port", port}, []string{port, "in use"}},
		{"RESP port taken", nil, []string{"--database", "d", "--port", port}, []string{port, "in use"}},
		{"no such config file", nil, []string{"--config", "missing.conf"}, []string{"missing.conf"}},
		{"unknown config name", file("bad.conf", "# fine\nappendfsync always\nno-such-name 1\n"),
			[]string{"--config", "bad.conf"}, []string{"no-such-name", "3"}},
		{"bad config value", file("bad.conf", "appendfsync sometimes\n"), []string{"--config", "bad.conf"}, []string{"appendfsync", "1"}},
		{"directory is a file", file("data", "not a directory"), nil, []string{"data", "not a directory"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if row.prepare != nil {
				row.prepare(t, dir)
			}
			out, code := serve(t, dir, row.args...)
			wantRefused(t, out, code, row.says)
		})
	}
}

// TestDirectoriesOfOthers starts the server on a directory that another node
// uses, or used.
func TestDirectoriesOfOthers(t *testing.T) {
	dir := t.TempDir()
	c, err := cluster.Start(t.Context(), cluster.Options{Regions: []string{"us-east"}, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := os.Rename(filepath.Join(dir, "us-east.conf"), filepath.Join(dir, "unused.conf")); err != nil {
		t.Fatal(err)
	}
	out, code := serve(t, dir, "--dir", "us-east", "--region", "us-east")
	wantRefused(t, out, code, []string{"us-east", "use"})
	if err := c.Node("us-east").Stop(); err != nil {
		t.Fatal(err)
	}
	out, code = serve(t, dir, "--dir", "us-east", "--region", "eu-west")
	wantRefused(t, out, code, []string{"us-east", "eu-west"})
}

// TestUnwritableDirectory uses a place where not even root may make files.
func TestUnwritableDirectory(t *testing.T) {
	const nobodys = "/sys/crdb-data"
	out, code := serve(t, t.TempDir(), "--dir", nobodys)
	wantRefused(t, out, code, []string{nobodys})
}

func file(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// serve runs crdb serve in a directory; later flags overrule the good ones.
// The code is -1 when it was still running after the time allowed.
func serve(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	bin, err := cluster.Build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), refusalTimeout)
	defer cancel()
	good := []string{"serve", "--region", "r", "--dir", "data", "--admin-port", "0", "--peer-port", "0", "--gossip-port", "0"}
	cmd := exec.CommandContext(ctx, bin.Server, append(good, args...)...)
	cmd.Dir = dir
	cmd.Env = cluster.Environ()
	out, _ := cmd.CombinedOutput() // how it ended is in ProcessState
	if cmd.ProcessState == nil {
		t.Fatalf("%v did not start", cmd)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func wantRefused(t *testing.T, out string, code int, says []string) {
	t.Helper()
	if code <= 0 {
		t.Errorf("want an exit code above 0, got %d (-1: still running)", code)
	}
	for _, word := range says {
		if !strings.Contains(strings.ToLower(out), strings.ToLower(word)) {
			t.Errorf("the output does not say %q", word)
		}
	}
	for _, word := range []string{"goroutine ", "panic"} {
		if strings.Contains(out, word) {
			t.Errorf("the output shows a crash")
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", out)
	}
}
