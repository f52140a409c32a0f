package command

import (
	"strings"
	"testing"
	"time"
)

// TestDebugDigests: a digest is forty digits, zeros for what is not there, and
// the same inside MULTI, where every lock is held.
func TestDebugDigests(t *testing.T) {
	w := newWorld(t)
	if err := w.srv.Config().Set("enable-debug-command", "yes"); err != nil {
		t.Fatal(err)
	}
	c := w.dial("a")
	none := strings.Repeat("0", 40)
	if got := c.do("DEBUG", "DIGEST"); got != "+"+none+"\r\n" {
		t.Errorf("of an empty server: %q", got)
	}
	c.do("SET", "k", "v")
	c.do("SELECT", "3")
	c.do("SADD", "s", "x")
	of := c.do("DEBUG", "DIGEST-VALUE", "s", "k")
	lines := strings.Split(of, "\r\n")
	if len(lines) != 4 || lines[0] != "*2" || len(lines[1]) != 41 || lines[1][1:] == none || lines[2] != "+"+none {
		t.Fatalf("DIGEST-VALUE: %q", of)
	}
	if got, want := c.do("DEBUG", "DIGEST-KEYS"), "*2\r\n$1\r\ns\r\n$40\r\n"+lines[1][1:]+"\r\n"; got != want {
		t.Errorf("DIGEST-KEYS: %q, want %q", got, want)
	}
	whole := c.do("DEBUG", "DIGEST")
	c.do("MULTI")
	for _, sub := range [][]string{{"DIGEST"}, {"DIGEST-VALUE", "s", "k"}} {
		c.do(append([]string{"DEBUG"}, sub...)...)
	}
	if got := c.do("EXEC"); got != "*2\r\n"+whole+of {
		t.Errorf("in MULTI: %q", got)
	}
	if got := c.do("DEBUG", "DIGEST-VALUE"); got != "*0\r\n" {
		t.Errorf("DIGEST-VALUE of nothing: %q", got)
	}
}

// OBJECT is worded as in Redis, and works where EXEC holds every lock.
func TestDebugObject(t *testing.T) {
	w := newWorld(t)
	if err := w.srv.Config().Set("enable-debug-command", "yes"); err != nil {
		t.Fatal(err)
	}
	c := w.dial("a")
	c.do("SET", "s", "v")
	w.advance(3 * time.Second)
	const want = "+Value at:0x0 refcount:1 encoding:embstr serializedlength:2 lru:5501184 lru_seconds_idle:3\r\n"
	expect(t, c.do("DEBUG", "OBJECT", "s"), want)
	expect(t, c.do("MULTI")+c.do("DEBUG", "OBJECT", "s")+c.do("EXEC"), "+OK\r\n+QUEUED\r\n*1\r\n"+want)
	expect(t, c.do("DEBUG", "OBJECT", "nothing"), "-ERR no such key\r\n")
	expect(t, c.do("DEBUG", "ERROR", "OOPS text"), "-OOPS text\r\n")
	expect(t, c.do("DEBUG", "JMAP"), "-ERR unknown subcommand or wrong number of arguments for 'JMAP'. Try DEBUG HELP.\r\n")
	expect(t, c.do("SET", "s", "w"), "+OK\r\n") // the locks are gone
}

// TestDebugProtocol: what the oracle cannot read as one reply, in Redis's bytes;
// and what is refused says why.
func TestDebugProtocol(t *testing.T) {
	w := newWorld(t)
	if err := w.srv.Config().Set("enable-debug-command", "yes"); err != nil {
		t.Fatal(err)
	}
	c := w.dial("a")
	const real = "Some real reply following the "
	expect(t, c.do("DEBUG", "PROTOCOL", "attrib"), "$39\r\n"+real+"attribute\r\n")
	expect(t, c.do("DEBUG", "PROTOCOL", "push"), "-ERR RESP2 is not supported by this command\r\n")
	c.do("HELLO", "3")
	expect(t, c.do("DEBUG", "PROTOCOL", "attrib"), "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\n"+real+"attribute\r\n")
	expect(t, c.do("DEBUG", "PROTOCOL", "push"), ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\n"+real+"push reply\r\n")
	for _, sub := range []string{"RELOAD", "POPULATE"} {
		if got := c.do("DEBUG", sub, "10"); !strings.HasPrefix(got, "-ERR DEBUG "+sub+" is not supported: ") {
			t.Errorf("%s: %q", sub, got)
		}
	}
	if got := c.do("DEBUG", "HELP"); !strings.Contains(got, "PROTOCOL <type>") {
		t.Errorf("HELP: %q", got)
	}
}

// DEBUG SLEEP took as long as it slept, where commands are counted and where slow ones are told of.
func TestDebugSleepIsSlow(t *testing.T) {
	w := newWorld(t)
	if err := w.srv.Config().Set("enable-debug-command", "yes"); err != nil {
		t.Fatal(err)
	}
	c := w.dial("a")
	c.do("CONFIG", "SET", "latency-monitor-threshold", "200", "slowlog-log-slower-than", "100000")
	expect(t, c.do("DEBUG", "SLEEP", "0.5"), "")
	expect(t, w.dial("b").do("SLOWLOG", "LEN"), ":0\r\n")
	w.advance(500 * time.Millisecond)
	w.pumpAll()
	expect(t, c.take(), "+OK\r\n")
	if got := c.do("SLOWLOG", "GET"); !strings.Contains(got, "*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$3\r\n0.5\r\n") {
		t.Errorf("the slow log has %q", got)
	}
	if got := c.do("LATENCY", "LATEST"); !strings.Contains(got, "*1\r\n*4\r\n$7\r\ncommand\r\n") {
		t.Errorf("LATENCY has %q", got)
	}
	if got := c.do("INFO", "commandstats"); !strings.Contains(got, "cmdstat_debug:calls=1,usec=500") {
		t.Errorf("INFO has %q", got)
	}
	for _, name := range []string{"PAUSE-CRON", "set-active-expire", "QUICKLIST-PACKED-THRESHOLD"} {
		expect(t, c.do("DEBUG", name, "1"), "+OK\r\n")
	}
	for _, none := range []string{"0", "-1", "x", ""} {
		expect(t, c.do("DEBUG", "SLEEP", none), "+OK\r\n")
	}
}
