package command

import (
	"strings"
	"testing"
)

func TestMonitor(t *testing.T) {
	w := newWorld(t)
	m, a := w.dial("m"), w.dial("a")
	expect(t, m.do("MONITOR"), "+OK\r\n")
	a.do("SELECT", "1")
	a.do("SET", "k\n\x00\"", "v")
	a.do("AUTH", "u", "sesame")
	a.do("HELLO", "2", "SETNAME", "me", "AUTH", "u", "sesame")
	a.do("CONFIG", "GET", "port")
	a.do("MULTI")
	a.do("GET", "x")
	a.do("EXEC")
	a.do("RESET")
	got := m.take()
	for _, want := range []string{
		"+1700000000.000000 [1 127.0.0.1:40002] \"SELECT\" \"1\"\r\n", `[1 127.0.0.1:40002] "SET" "k\n\x00\"" "v"` + "\r\n",
		`"AUTH" "(redacted)" "(redacted)"`, `"HELLO" "2" "SETNAME" "me" "AUTH" "(redacted)" "(redacted)"`, `[0 127.0.0.1:40002] "RESET"`, `"MULTI"`, `"GET" "x"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if strings.Contains(got, "CONFIG") || strings.Contains(got, "sesame") {
		t.Errorf("too much is shown: %q", got)
	}
	expect(t, m.do("RESET"), "+RESET\r\n")
	a.do("SET", "k", "v")
	expect(t, m.take(), "")
}

// TestMonitorScripts: a script is shown, then what it runs.
func TestMonitorScripts(t *testing.T) {
	w := newWorld(t)
	m, a := w.dial("m"), w.dial("a")
	a.do("FUNCTION", "LOAD", libraryOf("lib", "redis.register_function('f', function(keys) repeat redis.call('get', 'y') until true end)"))
	m.do("MONITOR")
	a.do("EVAL", "return redis.call('get', 'x')", "0")
	a.do("FCALL", "f", "0")
	a.do("EVALSHA", "nope", "0")
	const client, lua = "+1700000000.000000 [0 127.0.0.1:40002] ", "+1700000000.000000 [0 lua] "
	w.pumpAll()
	expect(t, m.take(), client+`"EVAL" "return redis.call('get', 'x')" "0"`+"\r\n"+lua+`"get" "x"`+"\r\n"+
		client+`"FCALL" "f" "0"`+"\r\n"+lua+`"get" "y"`+"\r\n"+client+`"EVALSHA" "nope" "0"`+"\r\n")
}

func TestMonitorIsBounded(t *testing.T) {
	w := newWorld(t)
	m, a := w.dial("m"), w.dial("a")
	a.do("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100000 0 0")
	m.do("MONITOR")
	m.stuck = true
	for range 100 {
		a.do("SET", "k", strings.Repeat("x", 3000))
	}
	if !m.closed {
		t.Fatal("what a monitor does not read grows without end")
	}
}

// Redis takes who monitors for a replica, which has no business with keys.
func TestMonitorsAreKeptFromKeys(t *testing.T) {
	w := newWorld(t)
	m := w.dial("m")
	m.do("MONITOR")
	const refused = "-ERR Replica can't interact with the keyspace\r\n"
	for _, line := range []string{"GET k", "SET k v", "EVAL 'return 1' 0", "PUBLISH x y", "DBSIZE"} {
		expect(t, m.send(line+"\r\n"), refused)
	}
	m.do("MULTI")
	expect(t, m.do("GET", "k"), refused)
	if got := m.do("EXEC"); !strings.Contains(got, "-EXECABORT") {
		t.Errorf("EXEC: %q", got)
	}
	m.do("RESET")
	expect(t, m.do("GET", "k"), "$-1\r\n")
}

// What a script runs is slow in its own right, and a command that is queued is a client's
// last one.
func TestLogsOfInnerCommands(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
	a.do("SLOWLOG", "RESET")
	a.do("CLIENT", "SETNAME", "worker")
	a.do("EVAL", "return redis.call('get', 'k')", "0")
	if got := a.do("SLOWLOG", "GET", "2"); !strings.Contains(got, "$3\r\nget\r\n$1\r\nk\r\n$3\r\n?:0\r\n$0\r\n\r\n") || !strings.Contains(got, "EVAL") {
		t.Errorf("SLOWLOG: %q", got)
	}
	a.do("MULTI")
	a.do("GET", "k")
	if got := b.do("CLIENT", "LIST"); !strings.Contains(got, " cmd=get ") {
		t.Errorf("CLIENT LIST: %q", got)
	}
}

// Commands within a millisecond can be told apart.
func TestMonitorShowsMicroseconds(t *testing.T) {
	w := newWorld(t)
	w.srv.opts.Micros = func() int64 { return 1_700_000_000_000_042 }
	m := w.dial("m")
	expect(t, m.send(wire("MONITOR")+wire("PING")), "+OK\r\n+PONG\r\n+1700000000.000042 [0 127.0.0.1:40001] \"PING\"\r\n")
}

// What a client pipelines behind its MONITOR is shown as well.
func TestMonitorPipelined(t *testing.T) {
	m := newWorld(t).dial("m")
	const line = "+1700000000.000000 [0 127.0.0.1:40001] "
	expect(t, m.send(wire("MONITOR")+wire("PING")+wire("ECHO", "x")), "+OK\r\n+PONG\r\n"+line+"\"PING\"\r\n$1\r\nx\r\n"+line+"\"ECHO\" \"x\"\r\n")
}
