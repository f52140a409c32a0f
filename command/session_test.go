package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/engine"
	"crdb/oplog"
)

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// Under appendfsync always nothing that tells of a write leaves before the disk has
// it, neither to who has made it nor to who reads it: a crash would take it back.
func TestRepliesWaitForTheDisk(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.do("CONFIG", "SET", "appendfsync", "always"), "+OK\r\n")
	w.order("disk stuck")
	expect(t, a.send(wire("PING")+wire("SET", "k", "v")+wire("GET", "k")), "+PONG\r\n")
	if !a.s.Paused() {
		t.Fatal("a session that waits for the disk takes more input")
	}
	c, d := w.dial("c"), w.dial("d")
	expect(t, b.do("GET", "elsewhere"), "$-1\r\n")
	expect(t, b.do("PING"), "+PONG\r\n")
	expect(t, b.do("GET", "k"), "")
	expect(t, c.do("EVAL", "return redis.call('GET', KEYS[1])", "1", "k"), "")
	expect(t, d.do("MULTI"), "+OK\r\n")
	expect(t, d.do("GET", "k"), "+QUEUED\r\n")
	expect(t, d.do("EXEC"), "")
	expect(t, a.do("PING"), "")
	w.order("disk free")
	w.pumpAll()
	expect(t, a.take(), "+OK\r\n$1\r\nv\r\n+PONG\r\n")
	expect(t, b.take(), "$1\r\nv\r\n")
	expect(t, c.take(), "$1\r\nv\r\n")
	expect(t, d.take(), "*1\r\n$1\r\nv\r\n")
}

// Where the log has failed nothing comes to disk any more: who waits for that is
// disconnected, and who reads what is not there gets an error, not silence.
func TestRepliesOfAFailedLog(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.do("CONFIG", "SET", "appendfsync", "always"), "+OK\r\n")
	expect(t, b.do("SET", "old", "v"), "+OK\r\n")
	w.order("disk stuck")
	expect(t, a.send(wire("PING")+wire("SET", "k", "v")+wire("GET", "k")), "+PONG\r\n")
	w.log.set(func() { w.log.failed = fmt.Errorf("%w: input/output error", oplog.ErrFailed) })
	w.pumpAll()
	expect(t, a.take(), "")
	if !a.closed {
		t.Error("a write whose end is not known keeps its client waiting")
	}
	lost := "-" + msgNotOnDisk + "oplog: log has failed: input/output error\r\n"
	expect(t, b.send(wire("GET", "k")+wire("PING")+wire("GET", "elsewhere")), lost+"+PONG\r\n$-1\r\n")
	for _, walk := range [][]string{{"DBSIZE"}, {"KEYS", "*"}, {"SCAN", "0"}, {"RANDOMKEY"}} {
		expect(t, b.do(walk...), lost)
	}
	expect(t, b.do("CONFIG", "SET", "appendfsync", "everysec"), "+OK\r\n")
	expect(t, b.do("GET", "k"), "$1\r\nv\r\n")
	if n := w.srv.durable.n.Load(); n != 0 {
		t.Errorf("%d sessions left in the waiting list", n)
	}
}

// A connection that ends while its reply is held back must not stay behind.
func TestQuitWaitsForTheDisk(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("CONFIG", "SET", "appendfsync", "always")
	w.order("disk stuck")
	expect(t, a.send(wire("SET", "k", "v")+wire("QUIT")), "")
	if a.closed {
		t.Fatal("closed before its reply")
	}
	w.order("disk free")
	w.pumpAll()
	expect(t, a.take(), "+OK\r\n+OK\r\n")
	if !a.closed {
		t.Fatal("not closed")
	}
	if n := w.srv.durable.n.Load(); n != 0 {
		t.Fatalf("%d sessions left in the waiting list", n)
	}
}

func TestWritesWaitForTheLog(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	w.log.set(func() { w.log.admit = oplog.ErrBacklog })
	expect(t, a.do("SET", "k", "v"), "")
	expect(t, w.dial("b").do("GET", "k"), "$-1\r\n")
	w.log.set(func() { w.log.admit = nil })
	w.pumpAll()
	expect(t, a.take(), "+OK\r\n")

	w.log.set(func() { w.log.admit = fmt.Errorf("%w: %w", oplog.ErrForbidden, errors.New("write elsewhere")) })
	expect(t, a.do("SET", "k", "v"), "-READONLY write elsewhere\r\n")
	if got := a.do("EVAL", "return redis.call('SET', 'k', 'v')", "0"); !strings.HasPrefix(got, "-READONLY write elsewhere script: ") {
		t.Errorf("got %q", got)
	}
	w.log.set(func() { w.log.admit = oplog.ErrDiskFull })
	if got := a.do("SET", "k", "v"); !strings.HasPrefix(got, "-MISCONF ") {
		t.Fatalf("got %q", got)
	}
	expect(t, a.do("GET", "k"), "$1\r\nv\r\n")
}

func TestBacklogMeetsExec(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	expect(t, a.do("MULTI"), "+OK\r\n")
	w.log.set(func() { w.log.admit = oplog.ErrBacklog })
	expect(t, a.do("SET", "k", "v"), "+QUEUED\r\n")
	expect(t, a.do("EXEC"), "")
	w.log.set(func() { w.log.admit = nil })
	w.pumpAll()
	expect(t, a.take(), "*1\r\n+OK\r\n")
}

func TestWait(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("SET", "k", "v")
	expect(t, a.do("WAIT", "2", "0"), "")
	w.order("ack 1")
	w.pumpAll()
	expect(t, a.take(), "")
	w.order("ack 2")
	w.pumpAll()
	expect(t, a.take(), ":2\r\n")

	a.do("SET", "k", "w")
	expect(t, a.send(wire("WAIT", "1", "100")+wire("PING")), "")
	w.advance(100 * time.Millisecond)
	w.pumpAll()
	expect(t, a.take(), ":0\r\n+PONG\r\n")

	expect(t, a.do("WAIT", "3", "0"), "")
	expect(t, b.do("CLIENT", "UNBLOCK", "1", "ERROR"), ":1\r\n")
	expect(t, a.take(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	expect(t, b.do("CLIENT", "UNBLOCK", "1"), ":0\r\n")
	expect(t, a.do("WAIT", "3", "0"), "")
	if got := b.do("CLIENT", "LIST", "ID", "1"); !strings.Contains(got, " flags=b ") {
		t.Fatalf("got %q", got)
	}
	expect(t, b.do("CLIENT", "UNBLOCK", "1"), ":1\r\n")
	expect(t, a.take(), ":0\r\n")

	w.order("disk stuck")
	a.do("SET", "k", "x")
	expect(t, a.do("WAITAOF", "1", "0", "0"), "")
	w.order("disk free")
	w.pumpAll()
	expect(t, a.take(), "*2\r\n:1\r\n:0\r\n")
	if w.srv.acked.n.Load() != 0 || w.srv.durable.n.Load() != 0 {
		t.Fatal("sessions left in the waiting lists")
	}
}

func TestPause(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.do("CLIENT", "PAUSE", "100", "WRITE"), "+OK\r\n")
	expect(t, b.do("GET", "k"), "$-1\r\n")
	expect(t, b.send(wire("SET", "k", "v")+wire("GET", "k")), "")
	w.advance(100 * time.Millisecond)
	w.pumpAll()
	expect(t, b.take(), "+OK\r\n$1\r\nv\r\n")

	expect(t, a.do("CLIENT", "PAUSE", "1000", "WRITE"), "+OK\r\n")
	expect(t, b.do("INCR", "n"), "")
	expect(t, a.do("CLIENT", "UNPAUSE"), "+OK\r\n")
	expect(t, b.take(), ":1\r\n")

	expect(t, a.do("CLIENT", "PAUSE", "50"), "+OK\r\n")
	expect(t, a.do("PING"), "")
	expect(t, b.do("PING"), "")
	w.advance(50 * time.Millisecond)
	w.pumpAll()
	expect(t, a.take()+b.take(), "+PONG\r\n+PONG\r\n")
}

func TestPublishReachesRegions(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("SUBSCRIBE", "x")
	expect(t, b.do("PUBLISH", "x", "m"), ":1\r\n")
	if got := strings.Join(w.repl.published, " "); got != "x:m" {
		t.Fatalf("published %q", got)
	}
	a.take()
	w.order("remote x far")
	w.pumpAll()
	expect(t, a.take(), "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$3\r\nfar\r\n")
	expect(t, b.do("SPUBLISH", "x", "m"), ":0\r\n")
	if len(w.repl.published) != 1 {
		t.Fatal("a shard message left the region")
	}
}

// A panic costs one error reply: locks are free, the session goes on.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	cmd := w.srv.table.byName["get"]
	real := cmd.Handler
	cmd.Handler = func(c *Context) {
		c.Out.Array(3)
		panic("on purpose")
	}
	expect(t, a.do("GET", "k"), "-ERR internal error\r\n")
	a.do("MULTI")
	a.do("SET", "k", "v")
	a.do("GET", "k")
	expect(t, a.do("EXEC"), "-ERR internal error\r\n")
	cmd.Handler = func(*Context) { panic(engine.ErrOpTooLarge) } // a refusal, no bug
	expect(t, a.do("GET", "k"), "-"+engine.ErrOpTooLarge.Error()+"\r\n")
	cmd.Handler = real
	expect(t, a.do("PING"), "+PONG\r\n")
	expect(t, a.do("EXEC"), "-ERR EXEC without MULTI\r\n")
	expect(t, b.do("SET", "k", "w"), "+OK\r\n")
	expect(t, b.do("FLUSHALL"), "+OK\r\n")
	if n := w.srv.Stats().Panics; n != 2 {
		t.Fatalf("counted %d panics", n)
	}
	if !strings.Contains(w.logged.String(), "on purpose") {
		t.Fatal("not logged")
	}
}

func TestKill(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	c.do("SUBSCRIBE", "x")
	expect(t, a.do("CLIENT", "KILL", "TYPE", "pubsub"), ":1\r\n")
	if !c.closed || b.closed {
		t.Fatal("the wrong ones are closed")
	}
	expect(t, b.do("PUBLISH", "x", "m"), ":0\r\n")
	expect(t, a.do("CLIENT", "KILL", "127.0.0.1:40002"), "+OK\r\n")
	expect(t, a.do("CLIENT", "KILL", "ID", "1", "SKIPME", "no"), ":1\r\n")
	if !a.closed || !b.closed || w.srv.Sessions() != 0 {
		t.Fatal("not closed")
	}
}

func TestSlowlogHidesSecrets(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("CONFIG", "SET", "slowlog-log-slower-than", "0", "requirepass", "geheim")
	a.do("AUTH", "geheim")
	a.do("HELLO", "2", "AUTH", "default", "geheim")
	a.do("MIGRATE", "h", "6379", "k", "0", "10", "COPY", "AUTH", "geheim")
	a.do("MIGRATE", "h", "6379", "", "0", "10", "AUTH2", "geheim", "geheim", "KEYS", "k1", "k2")
	a.do("CONFIG", "SET", "masterauth", "geheim")
	a.do("SET", "k", strings.Repeat("v", 200))
	got := a.do("SLOWLOG", "GET", "-1")
	if strings.Contains(got, "geheim") || !strings.Contains(got, "(redacted)") {
		t.Fatalf("got %q", got)
	}
	if !strings.Contains(got, "... (72 more bytes)") || !strings.Contains(got, "KEYS\r\n$2\r\nk1\r\n") || !strings.Contains(got, "127.0.0.1:40001") {
		t.Fatalf("got %q", got)
	}
	if strings.Contains(w.logged.String(), "geheim") {
		t.Fatal("the password is in the log")
	}
}

// INFO inside EXEC must not lock what EXEC holds.
func TestInfoInExec(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	for _, line := range []string{"MULTI", "SET k v", "INFO everything", "MEMORY STATS", "CONFIG RESETSTAT", "DBSIZE", "UNWATCH"} {
		a.send(line + "\r\n")
	}
	if got := a.send("EXEC\r\n"); !strings.HasPrefix(got, "*6\r\n+OK\r\n$") {
		t.Fatalf("got %.60q", got)
	}
}

// A request that a web page makes a browser send is not run, whatever is in it, and
// the log tells of it now and then.
func TestHTTPIsShutOut(t *testing.T) {
	w := newWorld(t)
	told := func() int { return strings.Count(w.logged.String(), "security attack") }
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET pwned 1\r\n",
		"Host: localhost\r\nSET pwned 1\r\n",
		wire("post", "/") + wire("SET", "pwned", "1"),
	} {
		a := w.dial("a")
		expect(t, a.send(request), "")
		if !a.closed {
			t.Errorf("%q: the connection is open", request)
		}
	}
	expect(t, w.dial("b").do("EXISTS", "pwned"), ":0\r\n")
	if n := told(); n != 1 {
		t.Errorf("logged %d times", n)
	}
	w.advance(foreignEvery)
	w.dial("a").do("POST")
	if n := told(); n != 2 {
		t.Errorf("logged %d times after a while", n)
	}
}
