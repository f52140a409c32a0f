package move

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startRedis starts a redis-server on a directory; it loads dump.rdb there if
// there is one.
func startRedis(t *testing.T, dir string) *redis.Client {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CRDB_REQUIRE_ALL") != "" {
			t.Fatal("redis-server is not on PATH")
		}
		t.Skip("redis-server is not on PATH")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	log := filepath.Join(dir, "redis.log")
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--logfile", log, "--enable-debug-command", "yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cl := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: 2, MaxRetries: -1})
	t.Cleanup(func() {
		cl.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	for late := time.Now().Add(10 * time.Second); ; {
		err := cl.Ping(t.Context()).Err()
		if err == nil {
			return cl
		}
		if time.Now().After(late) {
			text, _ := os.ReadFile(log)
			t.Fatalf("redis-server does not start: %v\n%s", err, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// digests are redis-server's own digests of all it holds, by key, with the
// deadlines.
func digests(t *testing.T, cl *redis.Client) map[string]string {
	t.Helper()
	all := map[string]string{}
	for db := range 16 {
		conn := cl.Conn()
		conn.Select(t.Context(), db)
		for _, k := range conn.Keys(t.Context(), "*").Val() {
			sum, err := conn.Do(t.Context(), "DEBUG", "DIGEST-VALUE", k).Slice()
			if err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprintf("%d/%s", db, k)] = fmt.Sprint(sum, conn.Type(t.Context(), k).Val(), conn.PExpireTime(t.Context(), k).Val())
		}
		conn.Close()
	}
	return all
}

// same compares digests.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	faults := 0
	for k := range want {
		if got[k] != want[k] && faults < 10 {
			faults++
			t.Errorf("%s: %s is %s, want %s", what, k, got[k], want[k])
		}
	}
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d keys, want %d", what, len(got), len(want))
	}
}

// fill writes values of every kind and size, so that Redis keeps them in all
// its encodings, into several databases.
func fill(t *testing.T, cl *redis.Client) {
	t.Helper()
	ctx := t.Context()
	at := time.Now().Add(time.Hour).UnixMilli()
	for db := range 3 {
		conn := cl.Conn()
		conn.Select(ctx, db*7)
		p := conn.Pipeline()
		n := 0
		key := func() string { n++; return fmt.Sprint("key:", n) }
		for _, v := range []string{"", "x", "7", "-129", "40000", "-3000000000", "9223372036854775807", "1.5",
			strings.Repeat("compressible ", 400), "\x00\xff", strings.Repeat("z", 20_000+db)} {
			p.Set(ctx, key(), v, 0)
		}
		for _, size := range []int{1, 3, 100, 600, 3000} {
			for _, kind := range []int{0, 1, 2, 3} {
				fillCollections(ctx, p, [4]string{key(), key(), key(), key()}, size, kind)
			}
		}
		for i := 1; i <= n; i += 5 {
			p.PExpireAt(ctx, fmt.Sprint("key:", i), time.UnixMilli(at+int64(i)))
		}
		p.Set(ctx, "gone", "x", time.Millisecond)
		p.RPush(ctx, "biglist", strings.Repeat("big", 10_000), "b")
		p.ZAdd(ctx, "infinite", redis.Z{Score: math.Inf(1), Member: "a"})
		p.PFAdd(ctx, "hll", "a", "b", "c")
		p.GeoAdd(ctx, "geo", &redis.GeoLocation{Name: "here", Longitude: 13.4, Latitude: 52.5})
		if _, err := p.Exec(ctx); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	time.Sleep(5 * time.Millisecond) // for the key that is gone
}

// fillCollections writes a list, a set, a hash and a sorted set of a size.
func fillCollections(ctx context.Context, p redis.Pipeliner, keys [4]string, size, kind int) {
	var items, pairs []any
	var scored []redis.Z
	for i := range size {
		v := fmt.Sprint(i)
		switch kind {
		case 1:
			v = fmt.Sprint(-i * i * i * 77)
		case 2:
			v = fmt.Sprintf("element %d %s", i, strings.Repeat("y", i%70))
		case 3:
			v += strings.Repeat("z", 10*(i%50))
		}
		items, pairs = append(items, v), append(pairs, v, "v"+v)
		scored = append(scored, redis.Z{Score: float64(i) * 1.37, Member: v})
	}
	p.RPush(ctx, keys[0], items...)
	p.SAdd(ctx, keys[1], items...)
	p.HSet(ctx, keys[2], pairs...)
	p.ZAdd(ctx, keys[3], scored...)
}
