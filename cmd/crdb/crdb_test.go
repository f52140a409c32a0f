package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is a buffer that may be written and read by several goroutines.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestVersion(t *testing.T) {
	var out output
	if code := run(context.Background(), []string{"version", "-o", "json"}, nil, &out, &out); code != exitOK {
		t.Fatal(code, out.String())
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(out.String()), &v); err != nil || v["version"] == "" || v["protocol_version"] != 1.0 {
		t.Errorf("%v %v", v, err)
	}
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "-o", "json"}, {"--help"}} {
		var errs output
		if code := run(context.Background(), args, nil, refusing{}, &errs); code != exitFailure || !strings.Contains(errs.String(), errRefused.Error()) {
			t.Errorf("%v: exit code %d, %q", args, code, errs.String())
		}
	}
}

// refusing is a full disk.
type refusing struct{}

var errRefused = errors.New("no space left")

func (refusing) Write([]byte) (int, error) { return 0, errRefused }

func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	dir := t.TempDir()
	conf := filepath.Join(dir, "crdb.conf")
	if err := os.WriteFile(conf, []byte("maxclients 10\nmaxcleints 10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.conf")
	if err := os.WriteFile(bad, []byte("\nmaxclients many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(args ...string) []string {
		return append([]string{"serve", "--region", "us-east", "--dir", filepath.Join(dir, "data"), "--admin-port", "0", "--peer-port", "0", "--gossip-port", "0"}, args...)
	}
	for _, c := range []struct {
		args []string
		env  []string
		code int
		want string
	}{
		{[]string{"explode"}, nil, exitUsage, `unknown command "explode"`},
		{[]string{"serve", "--colour"}, nil, exitUsage, "unknown flag: --colour"},
		{[]string{"serve"}, nil, exitUsage, "no region"},
		{[]string{"serve", "--region", "us-east"}, nil, exitUsage, "no data directory"},
		{serve("extra"), nil, exitUsage, "extra"},
		{serve("--config", conf), nil, exitUsage, conf + ":2: maxcleints: unknown name"},
		{serve("--config", bad), nil, exitUsage, bad + ":2: maxclients:"},
		{serve("--appendfsync", "no"), nil, exitUsage, "none of always, everysec"},
		{serve(), []string{"CRDB_MAXCLIENTS=x"}, exitUsage, "CRDB_MAXCLIENTS: maxclients:"},
		{serve("--bind", "0.0.0.0"), nil, exitFailure, "TLS is not available yet"},
		{serve("--admin-port", port), nil, exitFailure, "admin port " + port + " is in use"},
		{serve("--peer-port", port), nil, exitFailure, "peer port " + port + " is in use"},
		{serve("--database", "d", "--port", port), nil, exitFailure, "database port " + port + " is in use"},
		{[]string{"healthcheck", "--admin-port", port, "--timeout", "50ms"}, nil, exitNotReady, "not ready"},
		{[]string{"version", "-o", "xml"}, nil, exitUsage, "none of text, json"},
		{[]string{"backup", "verfy", dir}, nil, exitUsage, `unknown command "verfy" for "crdb backup"`},
	} {
		var out output
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		code := run(ctx, c.args, c.env, &out, &out)
		cancel()
		if code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit code %d, output %q; want %d, %q", c.args, code, out.String(), c.code, c.want)
		}
	}
}

// TestServe runs a node with a database, asks it, writes, and starts it again;
// first a client ends it with SHUTDOWN, then a signal does.
func TestServe(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	admin, err := freePort(21000)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort(admin + 1)
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CRDB_ADMIN_PORT=" + itoa(admin), "CRDB_PEER_PORT=0", "CRDB_GOSSIP_PORT=0", "CRDB_REQUIREPASS=secret"}
	for round := range 2 {
		ctx, stop := context.WithCancel(context.Background())
		var out output
		done := make(chan int, 1)
		go func() {
			done <- run(ctx, []string{"serve", "--region", "us-east", "--dir", dir, "--database", "cart", "--port", itoa(port)}, env, &out, &out)
		}()
		var check output
		for begin := time.Now(); run(ctx, []string{"healthcheck"}, env, &check, &check) != exitOK; {
			if time.Since(begin) > 10*time.Second {
				t.Fatal("never ready:", check.String(), out.String())
			}
			time.Sleep(10 * time.Millisecond)
		}
		talk(ctx, t, port, round)
		if round == 1 {
			stop()
		}
		if code := <-done; code != exitOK {
			t.Fatalf("exit code %d\n%s", code, out.String())
		}
		stop()
		if s := out.String(); !strings.Contains(s, "bye") || strings.Contains(s, "secret") {
			t.Errorf("log:\n%s", s)
		}
	}
	for begin := time.Now(); runtime.NumGoroutine() > before+2; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			buf := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
}

// talk adds one in each round, checks that all rounds are there, and ends the
// first with SHUTDOWN, which has no reply.
func talk(ctx context.Context, t *testing.T, port, round int) {
	t.Helper()
	c, err := dialRedis(ctx, net.JoinHostPort("127.0.0.1", itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if _, err := c.do(ctx, "INCR", "n"); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
		t.Errorf("without a password: %v", err)
	}
	if _, err := c.do(ctx, "AUTH", "secret"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.do(ctx, "INCR", "n"); err != nil || n != int64(round+1) {
		t.Errorf("round %d: %v %v", round, n, err)
	}
	if _, err := c.do(ctx, "SHUTDOWN", "SIDEWAYS"); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("SHUTDOWN SIDEWAYS: %v", err)
	}
	if round > 0 {
		return
	}
	if v, err := c.do(ctx, "SHUTDOWN", "NOSAVE"); !errors.Is(err, io.EOF) {
		t.Errorf("SHUTDOWN: %v %v", v, err)
	}
}

func TestDemo(t *testing.T) {
	var out, errs output
	if code := run(context.Background(), []string{"demo", "--exit"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, out.String(), errs.String())
	}
	if s := out.String(); strings.Count(s, "Moby-Dick; or, The Whale") < 4 || !strings.Contains(s, "one truth") {
		t.Error(s)
	}
	if errs.String() != "" {
		t.Error(errs.String())
	}
}

// A container may be given http_proxy unasked, and a proxy does not reach this
// machine's node.
func TestHealthcheckAsksNoProxy(t *testing.T) {
	if direct(time.Second).Transport.(*http.Transport).Proxy != nil {
		t.Error("the check goes through a proxy of the environment")
	}
}

func TestDemoSaysWhatItLacks(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	var out output
	if code := run(t.Context(), []string{"demo"}, nil, &out, &out); code != exitFailure || !strings.Contains(out.String(), "TMPDIR names another") {
		t.Errorf("exit code %d, output %q", code, out.String())
	}
}
