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
	a.do("CONFIG", "GET", "port")
	a.do("MULTI")
	a.do("GET", "x")
	a.do("EXEC")
	got := m.take()
	for _, want := range []string{
		"+1700000000.000000 [0 127.0.0.1:40002] \"SELECT\" \"1\"\r\n", `[1 127.0.0.1:40002] "SET" "k\n\x00\"" "v"` + "\r\n",
		`"AUTH" "(redacted)" "(redacted)"`, `"MULTI"`, `"GET" "x"`,
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
