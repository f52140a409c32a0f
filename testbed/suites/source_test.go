package suites

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"crdb/testbed/cluster"
)

// source fetches a module and returns a copy of it that can be written to.
func source(t *testing.T, module string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := command(t, dir, "go", "mod", "download", "-json", module)
	cmd.Env = append(cmd.Env, "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if json.Unmarshal(out, &got); err != nil || got.Dir == "" {
		leaveOut(t, module, got.Error)
	}
	to := filepath.Join(dir, "source")
	if err := os.CopyFS(to, os.DirFS(got.Dir)); err != nil {
		t.Fatal(err)
	}
	if out, err := command(t, dir, "chmod", "-R", "u+w", to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return to
}

// compile builds the tests of a package of a suite.
func compile(t *testing.T, dir, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "suite.test")
	out, err := command(t, dir, "go", "test", "-c", "-o", bin, pkg).CombinedOutput()
	if text := string(out); err != nil {
		for _, word := range []string{"https://", "dial tcp", "lookup "} { // what it depends on cannot be had
			if strings.Contains(text, word) {
				leaveOut(t, pkg, text)
			}
		}
		t.Fatalf("compile %s: %v\n%s", pkg, err, text)
	}
	return bin
}

// run runs a suite's compiled tests in the directory of its package.
func run(t *testing.T, dir, bin string, env []string, args ...string) {
	t.Helper()
	cmd := command(t, dir, bin, args...)
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, tail(out))
	}
}

// tail is the end of what a suite printed.
func tail(out []byte) string { return string(out[max(0, len(out)-8000):]) }

func command(t *testing.T, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(cluster.Environ(), "GOWORK=off")
	return cmd
}

func leaveOut(t *testing.T, what, why string) {
	t.Helper()
	fmt.Fprintf(os.Stderr, "\n*** LEFT OUT: %s: the module proxy does not give it: %.300s ***\n", what, why)
	t.Skip("left out: no source")
}
