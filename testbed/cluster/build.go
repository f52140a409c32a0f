package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Binaries names the two programs under test.
type Binaries struct {
	Server string // crdb
	CLI    string // crdb-cli
}

var build struct {
	once sync.Once
	bin  Binaries
	err  error
}

// Build returns the programs under test, built once per process. CRDB_BIN
// names a directory with ready ones; CRDB_RACE=1 builds with the race
// detector.
func Build() (Binaries, error) {
	build.once.Do(func() { build.bin, build.err = buildOnce() })
	return build.bin, build.err
}

func buildOnce() (Binaries, error) {
	if dir := os.Getenv("CRDB_BIN"); dir != "" {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return Binaries{}, err
		}
		return Binaries{filepath.Join(dir, "crdb"), filepath.Join(dir, "crdb-cli")}, nil
	}
	root, err := ModuleRoot()
	if err != nil {
		return Binaries{}, err
	}
	dir := filepath.Join(root, "build", "testbed")
	args := []string{"build"}
	if os.Getenv("CRDB_RACE") == "1" {
		dir += "-race"
		args = append(args, "-race")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binaries{}, err
	}
	args = append(args, "-o", dir+string(filepath.Separator), "./cmd/crdb", "./cmd/crdb-cli")
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("build crdb: %w\n%s", err, out)
	}
	return Binaries{filepath.Join(dir, "crdb"), filepath.Join(dir, "crdb-cli")}, nil
}

// ModuleRoot returns the directory that holds go.mod.
func ModuleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", fmt.Errorf("not inside the crdb module")
	}
	return filepath.Dir(mod), nil
}

// Environ is this process's environment without the variables that would
// configure a node.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "CRDB_") })
}
