package clients

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"crdb/testbed/cluster"
)

// TestScripts runs the clients of other languages. They come from Debian's
// packages, so the interpreters are Debian's too.
func TestScripts(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{})
	host, port, err := net.SplitHostPort(c.Node(c.Regions[0]).Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct{ name, interpreter, probe, script, env string }{
		{"redis-py", "/usr/bin/python3", "import redis", "testdata/redis_py.py", ""},
		{"node-redis", "/usr/bin/node", "require('redis')", "testdata/node_redis.js", "NODE_PATH=/usr/share/nodejs"},
	} {
		t.Run(s.name, func(t *testing.T) {
			flag := "-c"
			if strings.HasSuffix(s.interpreter, "node") {
				flag = "-e"
			}
			run := func(args ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), s.interpreter, args...)
				cmd.Env = append(os.Environ(), s.env)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			if out, err := run(flag, s.probe); err != nil {
				leaveOut(t, s.name, out, err)
			}
			out, err := run(s.script, host, port)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Log(strings.TrimSpace(out))
		})
	}
}

func leaveOut(t *testing.T, name, out string, err error) {
	t.Helper()
	if os.Getenv("CRDB_REQUIRE_ALL") == "1" {
		t.Fatalf("%s is not installed: %v\n%s", name, err, out)
	}
	t.Skipf("LEFT OUT: %s is not installed (apt-get install python3-redis node-redis): %v", name, err)
}
