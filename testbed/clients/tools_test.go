package clients

import (
	"net"
	"os/exec"
	"strings"
	"testing"

	"crdb/testbed/cluster"
)

// TestTools runs what comes with Redis, redis-cli's ways of looking at a server
// and the whole list of redis-benchmark, and looks for what it prints of a
// server that works.
func TestTools(t *testing.T) {
	for _, tool := range []string{"redis-cli", "redis-benchmark"} {
		if out, err := exec.CommandContext(t.Context(), tool, "--version").CombinedOutput(); err != nil {
			leaveOut(t, tool, string(out), err)
		}
	}
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"us-east"}, Config: []string{"maxmemory-policy allkeys-lfu"}})
	host, port, err := net.SplitHostPort(c.Node("us-east").Addr())
	if err != nil {
		t.Fatal(err)
	}
	tools := &tools{T: t, at: []string{"-h", host, "-p", port}}
	tools.cli("SET big 0123456789\nSET small 1\nRPUSH list a b c\nZADD zset 1 a 2 b\nHSET hash f v\nSADD set x y\nXADD stream * f v\n",
		[]string{"--pipe"}, "errors: 0, replies: 7")
	tools.cli("", []string{"--scan", "--pattern", "s*"}, "small", "stream", "set")
	tools.cli("", []string{"--bigkeys"}, `Biggest string found '"big"' has 10 bytes`, `Biggest   list found '"list"' has 3 items`, "1 streams with 1 entries")
	tools.cli("", []string{"--memkeys"}, "Sampled 7 keys", "Biggest string found")
	tools.cli("", []string{"--hotkeys"}, "Sampled 7 keys")
	tools.cli("", []string{"--latency", "--raw", "-i", "1"})
	tools.cli("", []string{"--latency-dist", "-i", "1"})
	tools.cli("", []string{"--stat", "-i", "0.1"}, "keys", "requests")
	tools.cli("PING\nDBSIZE\n", nil, "PONG", "7")
	tools.cli("", []string{"-3", "HGETALL", "hash"}, "f", "v")
	tools.cli("", []string{"--eval", "testdata/count.lua", "big", "list", ",", "3"}, "5")
	tools.benchmark()
}

// benchmarks is how many tests redis-benchmark 7.0 has by default.
const benchmarks = 20

type tools struct {
	*testing.T
	at []string
}

// cli runs redis-cli for at most a second or two; some of its ways never end.
func (t *tools) cli(input string, args []string, want ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "stdbuf", append([]string{"-o0", "timeout", "2", "redis-cli"}, append(t.at, args...)...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 124 { // timeout's own
		t.Errorf("redis-cli %q: %v\n%s", args, err, out)
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) {
			t.Errorf("redis-cli %q does not say %q:\n%s", args, w, out)
		}
	}
	if strings.Contains(string(out), "ERR ") {
		t.Errorf("redis-cli %q:\n%s", args, out)
	}
}

// benchmark runs all of redis-benchmark's tests: each must end with a rate.
func (t *tools) benchmark() {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "redis-benchmark", append(t.at, "-n", "2000", "-q")...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-benchmark: %v\n%s", err, out)
	}
	n := strings.Count(string(out), "requests per second")
	if n < benchmarks || strings.Contains(string(out), "ERR ") {
		t.Errorf("redis-benchmark ends %d tests:\n%s", n, out)
	}
}
