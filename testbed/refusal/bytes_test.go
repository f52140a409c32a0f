package refusal

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestHostileBytes sends what no client would to every port of a node and
// looks each time whether the database still answers.
func TestHostileBytes(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"us-east", "eu-west"}, Direct: true})
	n := c.Node("us-east")
	before, err := n.Usage()
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 64<<10)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(noise)
	for _, row := range []struct{ name, bytes, says string }{
		{"huge bulk", "*1\r\n$9223372036854775807\r\nx\r\n", "invalid bulk length"},
		{"huge array", "*9223372036854775807\r\n", "invalid multibulk length"},
		{"no number", "*x\r\n", "invalid multibulk length"},
		{"negative bulk", "*1\r\n$-5\r\n", "invalid bulk length"},
		{"not a bulk", "*1\r\n:1\r\n", "expected '$', got ':'"},
		{"large promise", "*2\r\n$3\r\nGET\r\n$500000000\r\nx", ""},
		{"endless line", strings.Repeat("x", 100<<10), "too big inline request"},
		{"open quote", "GET \"x\r\n", "unbalanced quotes"},
		{"noise", string(noise), ""},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			reply := send(t, n.Addr(), row.bytes)
			if !strings.Contains(strings.ToLower(reply), row.says) {
				t.Errorf("the reply %.200q does not say %q", reply, row.says)
			}
			for _, addr := range []string{n.AdminAddr(), c.PeerAddr("us-east")} {
				send(t, addr, row.bytes)
			}
			if err := c.Client("us-east").Ping(t.Context()).Err(); err != nil {
				t.Fatalf("afterwards: %v", err)
			}
		})
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Errorf("replication afterwards: %v", err)
	}
	after, err := n.Usage()
	if err != nil || after.Resident > before.Resident+100<<20 {
		t.Errorf("memory went from %d to %d MiB, %v", before.Resident>>20, after.Resident>>20, err)
	}
}

// send writes bytes and returns what comes back until silence or the end.
func send(t *testing.T, addr, bytes string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	io.WriteString(conn, bytes)  // the other side may well hang up before the end
	reply, _ := io.ReadAll(conn) // and say nothing
	return string(reply)
}
