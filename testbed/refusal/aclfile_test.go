package refusal

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// TestACLFileAtStart: a file of users that is not right, or not there, stops the
// start of a node with the words with which it stops redis-server's.
func TestACLFileAtStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	const good = "user default on nopass ~* &* +@all\n"
	for _, row := range []struct{ name, text string }{
		{"missing", ""},
		{"unknown command", good + "user alice on +nosuch\n"},
		{"unknown category", good + "user alice on +@nosuch -@all\n"},
		{"unknown rule", good + "user alice on whatever\n"},
		{"duplicate user", good + "user alice on\nuser alice off\n"},
		{"no user", good + "alice on\n"},
		{"comment", "# users\n" + good},
		{"bad password", good + "user alice #zz\nuser bob !zz\n"},
		{"open selector", good + "user alice (+get ~a\nuser bob x\n"},
		{"CRLF and an unknown rule", strings.ReplaceAll(good+"user alice on whatever\n", "\n", "\r\n")},
		{"several faults", "user alice +nosuch\nuser bob ~* ~a\nuser bob on\nx\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			acl := filepath.Join(dir, "users.acl")
			if row.text != "" {
				file("users.acl", row.text)(t, dir)
			}
			want := redisRefuses(t, dir, acl)
			file("crdb.conf", "aclfile "+acl+"\n")(t, dir)
			out, code := serve(t, dir, "--config", "crdb.conf", "--database", "d", "--port", port)
			wantRefused(t, out, code, []string{want})
		})
	}
}

// redisRefuses starts redis-server with a file of users and returns what it says
// about the file before it ends.
func redisRefuses(t *testing.T, dir, acl string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip(oracle.ErrNoRedis)
	}
	ctx, cancel := context.WithTimeout(t.Context(), refusalTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--save", "", "--dir", dir, "--aclfile", acl)
	out, err := cmd.CombinedOutput()
	_, text, ok := strings.Cut(string(out), "because of ACL errors: ")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !ok {
		t.Fatalf("redis-server goes on: %v\n%s", err, out)
	}
	text, _, _ = strings.Cut(text, "\n")
	return strings.TrimSpace(text)
}

// TestACLFileThatWorks: the users of a file with the line ends of Windows, and
// with empty lines, are those of redis-server.
func TestACLFileThatWorks(t *testing.T) {
	for _, text := range []string{
		"user default on nopass ~* &* +@all\r\nuser alice on >secret ~a* +get\r\n", "\n\n  \t\nuser default on nopass ~* &* +@all\n", "",
		"user alice on nopass +@all\n",
	} {
		dir := t.TempDir()
		acl := filepath.Join(dir, "users.acl")
		if err := os.WriteFile(acl, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		redis, stop, err := oracle.StartRedis(dir, "--aclfile", acl)
		if errors.Is(err, oracle.ErrNoRedis) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		defer stop()
		c := cluster.StartTest(t, cluster.Options{Regions: []string{"here"}, Config: []string{"aclfile " + acl}})
		want, got := usersOf(t, redis), usersOf(t, c.Node("here").Addr())
		if !slices.Equal(want, got) {
			t.Errorf("%q:\n redis: %q\n crdb:  %q", text, want, got)
		}
	}
}

func usersOf(t *testing.T, addr string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "redis-cli", "-u", "redis://"+addr, "ACL", "LIST").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
