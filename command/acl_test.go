package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUsersCloseSessions(t *testing.T) {
	w := newWorld(t)
	admin, u, listener := w.dial("admin"), w.dial("u"), w.dial("listener")
	admin.do("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*", "&news*")
	expect(t, u.do("AUTH", "u", "x"), "+OK\r\n")
	expect(t, listener.do("AUTH", "u", "x"), "+OK\r\n")
	listener.do("SUBSCRIBE", "news1")
	admin.do("ACL", "SETUSER", "u", "&other")
	if listener.closed {
		t.Fatal("closed though it may still listen")
	}
	admin.do("ACL", "SETUSER", "u", "resetchannels", "&other")
	if !listener.closed || u.closed {
		t.Fatal("who listens to what it may not must go, and nobody else")
	}
	if got := admin.do("CLIENT", "LIST"); !strings.Contains(got, " user=u ") {
		t.Fatalf("no user in %q", got)
	}
	admin.do("ACL", "DELUSER", "u")
	if !u.closed {
		t.Fatal("a deleted user's session is still there")
	}
}

// A user may listen to each of its channels by another selector, and what it loses
// besides channels costs nobody a subscription.
func TestListenersThatLoseNoChannelStay(t *testing.T) {
	w := newWorld(t)
	admin, two, was := w.dial("admin"), w.dial("two"), w.dial("was")
	admin.do("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~*", "resetchannels", "&a", "(+@all &b)")
	two.do("AUTH", "u", "x")
	two.do("SUBSCRIBE", "a")
	two.do("SUBSCRIBE", "b")
	was.do("HELLO", "3")
	was.do("SUBSCRIBE", "c")
	expect(t, was.do("AUTH", "u", "x"), "+OK\r\n") // which may not have subscribed to it
	admin.do("ACL", "SETUSER", "u", "-@dangerous")
	admin.do("ACL", "SETUSER", "other")
	admin.do("ACL", "SETUSER", "u", "&d")
	if two.closed || was.closed {
		t.Fatal("closed though no channel was lost")
	}
	admin.do("ACL", "SETUSER", "u", "resetchannels", "&a")
	if two.closed || !was.closed {
		t.Fatal("when a channel is lost, those go that listen to what they may not")
	}
	admin.do("ACL", "SETUSER", "u", "clearselectors")
	if !two.closed {
		t.Fatal("its other channel is lost")
	}
}

func TestACLLog(t *testing.T) {
	w := newWorld(t)
	admin, u := w.dial("admin"), w.dial("u")
	admin.do("ACL", "SETUSER", "u", "on", ">p", "+get", "~a*")
	u.do("AUTH", "u", "wrong")
	u.do("AUTH", "u", "p")
	u.do("GET", "b")
	u.do("GET", "b")
	u.do("SET", "a", "1")
	got := admin.do("ACL", "LOG")
	for _, want := range []string{"*3\r\n*14\r\n$5\r\ncount\r\n:1\r\n$6\r\nreason\r\n$7\r\ncommand", "count\r\n:2\r\n$6\r\nreason\r\n$3\r\nkey", "reason\r\n$4\r\nauth\r\n$7\r\ncontext\r\n$8\r\ntoplevel\r\n$6\r\nobject\r\n$4\r\nAUTH\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if strings.Contains(got, "wrong") {
		t.Error("a password in the log")
	}
	admin.do("CONFIG", "SET", "acllog-max-len", "1")
	u.do("SET", "a", "1")
	if got := admin.do("ACL", "LOG"); !strings.HasPrefix(got, "*1\r\n") {
		t.Errorf("acllog-max-len does not bound: %q", got)
	}
}

// What a script is refused is logged with the command that runs the script, as in Redis.
func TestACLLogOfScript(t *testing.T) {
	w := newWorld(t)
	admin, u := w.dial("admin"), w.dial("u")
	admin.do("ACL", "SETUSER", "u", "on", "nopass", "+eval", "+fcall", "+get", "~a*")
	u.do("AUTH", "u", "p")
	admin.do("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return redis.call('del', 'a') end)")
	for _, args := range [][]string{{"EVAL", "return redis.pcall('get', 'b')", "0"}, {"FCALL", "f", "0"}} {
		u.do(args...)
		got := admin.do("ACL", "LOG", "1")
		if want := " cmd=" + strings.ToLower(args[0]) + " "; !strings.Contains(got, "$3\r\nlua\r\n") || !strings.Contains(got, want) {
			t.Errorf("no%sin %q", want, got)
		}
	}
}

// Guessing gets slower; nobody else waits, and the right password still works.
func TestLoginDelay(t *testing.T) {
	w := newWorld(t)
	admin, u := w.dial("admin"), w.dial("u")
	admin.do("ACL", "SETUSER", "u", "on", ">p")
	for range freeFailures {
		expect(t, u.do("AUTH", "u", "x"), "-"+msgWrongPass+"\r\n")
	}
	expect(t, u.do("AUTH", "u", "x"), "")
	expect(t, admin.do("PING"), "+PONG\r\n")
	expect(t, u.do("AUTH", "u", "p"), "")
	w.advance(localDelay)
	expect(t, u.send(""), "-"+msgWrongPass+"\r\n+OK\r\n")
	g := &loginGuard{}
	g.init()
	var last time.Duration
	for range 40 {
		last = g.failed("203.0.113.7:1", 0)
	}
	if last != longestDelay {
		t.Errorf("waits %v after 40 failures", last)
	}
	if d := g.failed("203.0.113.7:2", 1e9); d != 0 {
		t.Errorf("waits %v though long forgiven", d)
	}
	for i := range 3 * guardedHosts {
		g.failed(strings.Repeat("x", i%7)+string(rune(i)), 0)
	}
	if len(g.mu.hosts) > guardedHosts {
		t.Errorf("remembers %d hosts", len(g.mu.hosts))
	}
}

func TestSecretsStaySecret(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("CONFIG", "SET", "slowlog-log-slower-than", "0")
	a.do("ACL", "SETUSER", "u", "on", ">sesame")
	a.do("AUTH", "u", "sesame2")
	a.do("HELLO", "2", "AUTH", "u", "sesame3")
	a.do("CONFIG", "SET", "requirepass", "sesame4")
	a.do("CONFIG", "SET", "requirepass", "")
	if got := a.do("SLOWLOG", "GET", "100") + a.do("ACL", "LOG") + a.do("ACL", "LIST") + w.logged.String(); strings.Contains(got, "sesame") {
		t.Fatalf("a password is shown: %q", got)
	}
}

func TestACLFile(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := w.srv.Config().Set("aclfile", file); err != nil {
		t.Fatal(err)
	}
	a, u := w.dial("a"), w.dial("u")
	a.do("ACL", "SETUSER", "u", "on", ">p", "~a*", "%R~b*", "&c", "+@read", "-get", "+select|0", "(+set ~x)")
	list := a.do("ACL", "LIST")
	expect(t, a.do("ACL", "SAVE"), "+OK\r\n")
	a.do("ACL", "SETUSER", "u", "reset")
	a.do("ACL", "SETUSER", "v", "on", "nopass")
	u.do("AUTH", "v", "x")
	expect(t, a.do("ACL", "LOAD"), "+OK\r\n")
	expect(t, a.do("ACL", "LIST"), list)
	if !u.closed {
		t.Error("the session of a user that is gone is still there")
	}
	if err := os.WriteFile(file, []byte("user u on +foo\n\nnonsense\nuser w (+get\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, a.do("ACL", "LOAD"), "-ERR "+file+":1: Error in applying operation '+foo': Unknown command or category name in ACL. "+
		file+":3 should start with user keyword followed by the username. "+
		file+":4: Unmatched parenthesis in selector definition."+
		"WARNING: ACL errors detected, no change to the previously active ACL rules was performed\r\n")
	expect(t, a.do("ACL", "LIST"), list)
}

// What a description says is what was described.
func TestDescriptionsAreFaithful(t *testing.T) {
	table := newTable(families()...)
	rs := ruleSet{words: table.words}
	rules := strings.Fields("+@all -@all +@read +@write -@dangerous +@string -get +get +config|get -config +client|id -client|id +select|0 -@slow +@fast -@admin ~a %R~b &c allkeys allchannels resetkeys on nopass >x")
	for n := range 3000 {
		r := newRights(rs.words, false)
		for i, seed := 0, n*2654435761+n; i < 6; i, seed = i+1, seed/len(rules) {
			_ = rs.apply(r, rules[(seed&0x7fffffff)%len(rules)])
		}
		again := newRights(rs.words, false)
		text := r.describe(rs.words)
		for _, rule := range strings.Fields(text) {
			if err := rs.apply(again, rule); err != nil {
				t.Fatalf("%q in %q: %v", rule, text, err)
			}
		}
		if got := again.describe(rs.words); got != text {
			t.Fatalf("%q became %q", text, got)
		}
		rs.words.each(func(c *aclWord) {
			if again.selectors[0].commands.has(c.id) != r.selectors[0].commands.has(c.id) {
				t.Fatalf("%s differs after %q", c.name, text)
			}
		})
	}
}

func TestLimitedUserDoesNotAllocate(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	c.do("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~k*")
	c.do("AUTH", "u", "x")
	get := []byte(wire("GET", "key"))
	n := testing.AllocsPerRun(1000, func() {
		c.s.Input(get)
		c.s.Sent(len(c.s.Output()))
	})
	if n >= 1 {
		t.Fatalf("%v allocations", n)
	}
}

// TestUsersTravel: the lines of Users make the same users elsewhere, with their
// passwords, which are not in them; wrong lines change nothing.
func TestUsersTravel(t *testing.T) {
	from, to := newWorld(t), newWorld(t)
	for _, line := range []string{"SETUSER reader on >secret ~a:* %R~b:* &news.* -@all +@read +config|get", "SETUSER off >x ~* +@all", "SETUSER two on nopass (~k +get)",
		"SETUSER default resetpass >door"} {
		expect(t, from.dial("c").do(append([]string{"ACL"}, strings.Fields(line)...)...), "+OK\r\n")
	}
	lines := from.srv.Users()
	if text := strings.Join(lines, "\n"); len(lines) != 4 || strings.Contains(text, "secret") || strings.Contains(text, "door") {
		t.Errorf("%s", text)
	}
	to.dial("c").do("ACL", "SETUSER", "mine")
	if err := to.srv.SetUsers(append([]string{"user bad +nonsense"}, lines...), false); err == nil || len(to.srv.Users()) != 2 {
		t.Errorf("%v, %q", err, to.srv.Users())
	}
	if err := to.srv.SetUsers(lines[:2], false); err != nil {
		t.Fatal(err)
	}
	if err := to.srv.SetUsers(lines[2:], true); err != nil {
		t.Fatal(err)
	}
	if got := to.srv.Users(); !slices.Equal(got, lines) {
		t.Errorf("%q\nwant %q", got, lines)
	}
	c := to.dial("reader")
	expect(t, c.do("GET", "a:1"), "-NOAUTH Authentication required.\r\n")
	expect(t, c.do("AUTH", "reader", "secret"), "+OK\r\n")
	expect(t, c.do("GET", "a:1"), "$-1\r\n")
	expect(t, c.do("SET", "a:1", "x"), "-NOPERM this user has no permissions to run the 'set' command\r\n")

	// An open default user does not open what is closed.
	if err := to.srv.SetUsers([]string{"user default on nopass ~* &* +@all"}, false); err != nil {
		t.Fatal(err)
	}
	expect(t, to.dial("another").do("PING"), "-NOAUTH Authentication required.\r\n")
}

// Who has lost a channel hears nothing that is published after that, also where its
// connection is only about to close.
func TestRevokedSubscriberHearsNothing(t *testing.T) {
	for _, revoke := range [][]string{{"ACL", "SETUSER", "u", "resetchannels"}, {"ACL", "DELUSER", "u"}} {
		w := newWorld(t)
		a, b := w.dial("a"), w.dial("b")
		a.do("ACL", "SETUSER", "u", "on", "nopass", "+@all", "&c")
		b.do("AUTH", "u", "x")
		b.do("SUBSCRIBE", "c")
		a.send(wire("PUBLISH", "c", "before"))
		if got := b.take(); !strings.Contains(got, "before") {
			t.Fatalf("it hears %q", got)
		}
		a.send(wire(revoke...) + wire("PUBLISH", "c", "secret"))
		if got := b.take(); got != "" || !b.closed {
			t.Errorf("after %q it hears %q, closed %v", revoke, got, b.closed)
		}
	}
}
