package refusal

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// protocolErrors are bytes that break the protocol, or nearly do.
var protocolErrors = []string{
	"*9223372036854775807\r\n", "*2147483648\r\n", "*1048577\r\n", "*-1\r\nPING\r\n", "*-9223372036854775808\r\nPING\r\n", "*0\r\nPING\r\n", "*\r\nPING\r\n", "*x\r\n", "*1x\r\n",
	"* 1\r\n$4\r\nPING\r\n", "*+1\r\n$4\r\nPING\r\n", "*01\r\n$4\r\nPING\r\n", "*99999999999999999999\r\n", "*1\r\n\r\n", "*1\r\n$\r\n", "*1\r\n$-1\r\n", "*1\r\n$-5\r\n", "*1\r\n$x\r\n",
	"*1\r\n$536870913\r\n", "*1\r\n$9223372036854775807\r\n", "*1\r\n$99999999999999999999\r\n", "*1\r\n$4\r\nPINGxx", "*1\r\n$4\r\nPING\n\n*1\r\n$4\r\nPING\r\n", "*1\r\n:4\r\n", "*1\r\n*1\r\n$4\r\nPING\r\n",
	"*1\r\n+PING\r\n", "*1\r\n$0\r\n\r\n", "*2\r\n$0\r\n\r\n$0\r\n\r\n", "$4\r\nPING\r\n", "+PING\r\n", ":1\r\n", "-ERR\r\n", "\r\n\r\nPING\r\n", "\n\nPING\n", "PING\n", "  PING  \r\n", "\tPING\t\r\n", "PING\x00\r\n",
	"\x00\r\n", "GET \"x\r\n", "GET 'x\r\n", "GET \"x\"y\r\n", "GET 'x'y\r\n", "ECHO \"\\x41\\n\\\"\"\r\n", "ECHO '\\''\r\n", "ECHO \"\\xzz\"\r\n", "ECHO \"\"\r\n", "\"\" \r\n", "\xff\xfe\xfd\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"POST / HTTP/1.1\r\n\r\n", "Host: x\r\n\r\n", "post\r\n", strings.Repeat("x", 65537), strings.Repeat("x", 65535) + "\r\n", "*" + strings.Repeat("1", 70000), "*1\r\n$" + strings.Repeat("1", 70000),
	"PING\r\n*-1\r\nPING\r\n*x\r\n", "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\nPING\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$-1\r\n", "HELLO 3\r\n*x\r\n", "MULTI\r\nSET k\r\n*1\r\n$x\r\n",
	"SUBSCRIBE c\r\n*x\r\n", "RESET\r\n", "AUTH a b c\r\n", "*1\n$4\nPING\n", "*1\r\n$4\r\nPING\r", "*1\r", "*",
}

// protocol sends broken bytes on connections of their own and compares what
// comes back until silence or the end.
func protocol(t *testing.T, b *servers) {
	type talk struct{ redis, crdb net.Conn }
	var talks []talk
	for _, bytes := range protocolErrors {
		var conns [2]net.Conn
		for i, addr := range []string{b.redisAddr, b.node.Addr()} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, bytes) // the other side may hang up before the end
			conns[i] = conn
		}
		talks = append(talks, talk{conns[0], conns[1]})
	}
	end := time.Now().Add(500 * time.Millisecond)
	for i, bytes := range protocolErrors {
		redis, crdb := readAll(talks[i].redis, end), readAll(talks[i].crdb, end)
		if redis != crdb && !strings.Contains(bytes, "HELLO") {
			t.Errorf("%.60q:\n redis: %.300q\n crdb:  %.300q", bytes, redis, crdb)
		}
	}
}

// readAll returns what comes until the end of the connection or of the time.
func readAll(conn net.Conn, end time.Time) string {
	conn.SetReadDeadline(end)
	all, err := io.ReadAll(conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return string(all) + "..."
	}
	return string(all)
}
