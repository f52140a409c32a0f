package move

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/redis/go-redis/v9"

	"crdb/backup"
	"crdb/testbed/cluster"
)

// loadDB is the logical database that load writes to while all others stand
// still.
const loadDB = 9

// shows says what clients see of a key, whatever its type: its value, its
// deadline, and those of its fields.
//
// Consumers and what is pending belong to a region, and are left out.
func shows(ctx context.Context, cl *redis.Conn, key string) string {
	do := func(args ...any) any { return cl.Do(ctx, args...).Val() }
	typ := cl.Type(ctx, key).Val()
	all := []any{typ, do("PEXPIRETIME", key)}
	switch typ {
	case "string":
		all = append(all, do("GET", key))
	case "list":
		all = append(all, do("LRANGE", key, 0, -1))
	case "set":
		members := cl.SMembers(ctx, key).Val()
		slices.Sort(members)
		all = append(all, members)
	case "zset":
		all = append(all, do("ZRANGE", key, 0, -1, "WITHSCORES"))
	case "hash":
		fields := cl.HKeys(ctx, key).Val()
		slices.Sort(fields)
		values, times := []any{"HMGET", key}, []any{"HPEXPIRETIME", key, "FIELDS", len(fields)}
		for _, f := range fields {
			values, times = append(values, f), append(times, f)
		}
		all = append(all, fields, do(values...), do(times...))
	case "stream":
		all = append(all, do("XRANGE", key, "-", "+"), do("XINFO", "STREAM", key))
		for _, g := range cl.XInfoGroups(ctx, key).Val() {
			all = append(all, g.Name, g.LastDeliveredID)
		}
	}
	return fmt.Sprintf("%q", all)
}

// contents is what clients see of all keys but those that load writes.
func contents(t *testing.T, cl *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for db := range 16 {
		if db == loadDB {
			continue
		}
		conn := cl.Conn()
		conn.Select(t.Context(), db)
		for _, k := range conn.Keys(t.Context(), "*").Val() {
			all[fmt.Sprint(db, "/", k)] = shows(t.Context(), conn, k)
		}
		conn.Close()
	}
	return all
}

// fillMore writes what redis-server 7.0 does not have, or a dump file of it has
// no place for.
func fillMore(t *testing.T, cl *redis.Client) {
	t.Helper()
	ctx := t.Context()
	at := time.Now().Add(time.Hour).UnixMilli()
	for _, cmd := range [][]any{
		{"HSET", "dated", "a", 1, "b", 2, "c", 3},
		{"HPEXPIREAT", "dated", at, "FIELDS", 1, "a"},
		{"HPEXPIREAT", "dated", at + 5, "FIELDS", 1, "c"},
		{"PEXPIREAT", "dated", at + 77},
		{"XADD", "stream", "5-1", "f", "v", "g", "w"},
		{"XADD", "stream", "5-2", "f", "x"},
		{"XADD", "stream", "6-0", "other", ""},
		{"XDEL", "stream", "5-2"},
		{"XGROUP", "CREATE", "stream", "g", 0},
		{"XREADGROUP", "GROUP", "g", "alice", "COUNT", 1, "STREAMS", "stream", ">"},
		{"INCRBYFLOAT", "float", "0.1"},
		{"SETBIT", "bits", 77, 1},
		{"FUNCTION", "LOAD", "#!lua name=shop\nredis.register_function{function_name='twice', callback=function(k, a) return 2*a[1] end, flags={'no-writes'}}"},
		{"ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "-@all", "+@read", "+@connection", "+fcall_ro"},
		{"ACL", "SETUSER", "idle", "off", "#2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90", "(%R~x* +get)"},
	} {
		if err := cl.Do(ctx, cmd...).Err(); err != nil {
			t.Fatal(cmd, err)
		}
	}
	p := cl.Pipeline()
	for i := range 2000 {
		p.HSet(ctx, "manydated", fmt.Sprint("f", i), strings.Repeat("v", i%300))
		p.Do(ctx, "HPEXPIREAT", "manydated", at+int64(i%7), "FIELDS", 1, fmt.Sprint("f", i))
	}
	p.HSet(ctx, "manydated", "stays", 1)
	p.ConfigSet(ctx, "requirepass", "door")
	if _, err := p.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}

// withPassword is a client like another one, with a password.
func withPassword(t *testing.T, cl *redis.Client, user, password string) *redis.Client {
	t.Helper()
	o := *cl.Options()
	o.Username, o.Password = user, password
	own := redis.NewClient(&o)
	t.Cleanup(func() { own.Close() })
	return own
}

// TestRestoreBringsEverythingBack: a database with values of every type, field
// deadlines, users, functions and settings is backed up under load and flushed;
// what is restored from the backup is the same for clients of all its regions.
func TestRestoreBringsEverythingBack(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"here", "there"}, Direct: true})
	cl := c.NewClient("here", 0) // fill selects databases on the connections of its own
	defer cl.Close()
	fill(t, c.Client("here"))
	fillMore(t, cl)
	cl = withPassword(t, cl, "", "door")
	cli(t, c, 0, "finished", "crdb", "update", cluster.DatabaseName, "--memory-size", "900mb", "--eviction-policy", "volatile-ttl")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	w := &writer{region: "there", cl: c.NewClient("there", loadDB)}
	defer w.cl.Close()
	wg.Add(1)
	go w.run(ctx, &wg)
	time.Sleep(200 * time.Millisecond)
	dir := filepath.Join(t.TempDir(), "b")
	cli(t, c, 0, "finished", "crdb", "backup", "--name", cluster.DatabaseName, "--dir", dir)
	cancel()
	wg.Wait()
	want, users := contents(t, cl), cl.Do(t.Context(), "ACL", "LIST").String()
	cli(t, c, 0, "finished", "crdb", "flush", cluster.DatabaseName)
	if n := cl.DBSize(t.Context()).Val(); n != 0 {
		t.Fatalf("%d keys after the flush", n)
	}
	out := cli(t, c, 0, "finished", "crdb", "restore", "--name", "again", "--dir", dir,
		"--instance", c.Node("here").AdminAddr(), "--instance", c.Node("there").AdminAddr())
	if !strings.Contains(out, "3 users are restored") {
		t.Errorf("nothing is said about users:\n%s", out)
	}
	for i, region := range []string{"here", "there"} {
		re := restored(t, c, "again", i)
		if err := re.Ping(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
			t.Errorf("%s: the door is open: %v", region, err)
		}
		re = withPassword(t, re, "", "door")
		for late := time.Now().Add(20 * time.Second); time.Now().Before(late) && !maps.Equal(contents(t, re), want); {
			time.Sleep(50 * time.Millisecond) // the other region receives what is written here
		}
		same(t, region, contents(t, re), want)
		own := withPassword(t, re, "", "door") // contents selects databases
		if p, err := own.XPending(t.Context(), "stream", "g").Result(); err != nil || len(p.Consumers) != 1-i {
			t.Errorf("%s: pending is %+v, %v; it is the region's that restores", region, p, err)
		}
		if got := re.Do(t.Context(), "ACL", "LIST").String(); got != users {
			t.Errorf("%s: users %s, want %s", region, got, users)
		}
		if got := withPassword(t, re, "reader", "secret").Do(t.Context(), "FCALL_RO", "twice", 0, 21).String(); got != "FCALL_RO twice 0 21: 42" {
			t.Errorf("%s: %s", region, got)
		}
		if got := re.ConfigGet(t.Context(), "maxmemory*").Val(); got["maxmemory"] != "943718400" || got["maxmemory-policy"] != "volatile-ttl" {
			t.Errorf("%s: settings %v", region, got)
		}
	}
	usersStay(t, c, users)
	oldFormat(t, c, dir, want)
}

// usersStay checks that the users of a restored database outlive its nodes, and
// are written where ACL SAVE writes them.
func usersStay(t *testing.T, c *cluster.Cluster, users string) {
	t.Helper()
	for i, region := range []string{"here", "there"} {
		n := c.Node(region)
		if err := errors.Join(n.Stop(), n.Restart(t.Context())); err != nil {
			t.Fatal(err)
		}
		re := withPassword(t, restored(t, c, "again", i), "", "door")
		if got := re.Do(t.Context(), "ACL", "LIST").String(); got != users {
			t.Errorf("%s: users %s after a restart, want %s", region, got, users)
		}
		for _, cmd := range [][]any{{"ACL", "SETUSER", "late", "on", ">x"}, {"ACL", "SAVE"}, {"ACL", "DELUSER", "late"}, {"ACL", "LOAD"}} {
			if err := re.Do(t.Context(), cmd...).Err(); err != nil {
				t.Error(region, cmd, err)
			}
		}
		if !strings.Contains(re.Do(t.Context(), "ACL", "LIST").String(), "user late ") {
			t.Errorf("%s: ACL SAVE and LOAD do not work", region)
		}
	}
}

// oldFormat checks that a backup in the first format, which had no users, is
// restored, too.
func oldFormat(t *testing.T, c *cluster.Cluster, dir string, want map[string]string) {
	t.Helper()
	if err := makeOld(dir); err != nil {
		t.Fatal(err)
	}
	cli(t, c, 0, "finished", "crdb", "restore", "--name", "old", "--dir", dir, "--memory-size", "0", "--eviction-policy", "noeviction")
	re := restored(t, c, "old", 0)
	same(t, "the first format", contents(t, re), want)
	if got := re.ConfigGet(t.Context(), "maxmemory*").Val(); got["maxmemory"] != "0" || got["maxmemory-policy"] != "noeviction" {
		t.Errorf("settings %v", got)
	}
}

// makeOld turns a backup into one of the first format.
func makeOld(dir string) error {
	b, err := backup.Open(vfs.Default, dir)
	if err != nil {
		return err
	}
	m := b.Manifest
	m.Format = 1
	m.Files = slices.DeleteFunc(m.Files, func(f backup.File) bool { return f.Name == "users" })
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	data = fmt.Appendf(data, "sha256 %x\n", sha256.Sum256(data))
	if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), data, 0o600); err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, "users"))
}
