package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestMoveKeys moves keys of every type and size with DUMP and RESTORE, both
// ways, and compares what they show on the other side.
func TestMoveKeys(t *testing.T) {
	l := connect(t, servers(t))
	readers := map[string][]string{
		"+string": {"GET", "k"}, "+set": {"SMEMBERS", "k"}, "+hash": {"HGETALL", "k"},
		"+list": {"LRANGE", "k", "0", "-1"}, "+zset": {"ZRANGE", "k", "0", "-1", "WITHSCORES"},
	}
	for _, write := range movable() {
		for _, way := range [][2]*client{{l.redis, l.crdb}, {l.crdb, l.redis}} {
			from, to := way[0], way[1]
			ask := func(c *client, args ...string) Reply {
				r, err := c.do(args...)
				if err != nil || r.IsError() {
					t.Fatalf("%.60q: %.60q: %v %v", write, args, r.String(), err)
				}
				return r
			}
			ask(from, "DEL", "k")
			ask(from, write...)
			dump := ask(from, "DUMP", "k")
			ask(to, "RESTORE", "k", "0", dump.Body, "REPLACE")
			typ := ask(from, "TYPE", "k")
			a, b := ask(from, readers[typ.Head]...), ask(to, readers[typ.Head]...)
			same := a.Wire() == b.Wire()
			if typ.Head == "+set" {
				same = slices.Equal(a.bag(1), b.bag(1))
			} else if typ.Head == "+hash" {
				same = slices.Equal(a.bag(2), b.bag(2))
			}
			if !same {
				t.Errorf("%.60q from %s: %.100s, there %.100s", write, from.name, a.String(), b.String())
			}
		}
	}
}

// TestEncodings compares what OBJECT says of values that one command has made.
// (A value that has shrunk keeps its encoding in Redis; here the encoding is
// that of the value as it is.)
func TestEncodings(t *testing.T) {
	l := connect(t, servers(t))
	ask := func(args ...string) (a, b Reply) {
		t.Helper()
		a, b, err := l.do(args...)
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
	for _, write := range append(movable(), []string{"PFADD", "k", "a"}, []string{"XADD", "k", "*", "a", "b"},
		[]string{"APPEND", "k", "abc"}, []string{"INCR", "k"}, []string{"SET", "k", "12345678901234567890"}) {
		ask("DEL", "k")
		ask(write...)
		for _, what := range []string{"ENCODING", "REFCOUNT", "FREQ"} {
			if a, b := ask("OBJECT", what, "k"); a.Wire() != b.Wire() {
				t.Errorf("%s with %d arguments: OBJECT %s: redis %s, crdb %s", write[0], len(write), what, a.String(), b.String())
			}
		}
	}
}

// movable lists writes whose values Redis keeps in all its encodings.
func movable() (writes [][]string) {
	long := strings.Repeat("compressible ", 400)
	for _, v := range []string{"", "x", "7", "-129", "40000", "-3000000000", "9223372036854775807", "1.5", long, "\x00\xff", strings.Repeat("z", 20_000)} {
		writes = append(writes, []string{"SET", "k", v})
	}
	for _, n := range []int{1, 3, 100, 600, 3000} {
		for _, kind := range []string{"n", "neg", "text", "long"} {
			rpush, sadd := []string{"RPUSH", "k"}, []string{"SADD", "k"}
			hset, zadd := []string{"HSET", "k"}, []string{"ZADD", "k"}
			for i := range n {
				v := strconv.Itoa(i)
				switch kind {
				case "neg":
					v = strconv.Itoa(-i * i * i * 77)
				case "text":
					v = fmt.Sprintf("element %d %s", i, strings.Repeat("y", i%70))
				case "long":
					v += strings.Repeat("z", 40*(i%50))
				}
				rpush, sadd = append(rpush, v), append(sadd, v)
				hset = append(hset, v, "v"+v)
				zadd = append(zadd, strconv.FormatFloat(float64(i)*1.37, 'g', -1, 64), v)
			}
			writes = append(writes, rpush, sadd, hset, zadd)
		}
	}
	return append(writes, []string{"RPUSH", "k", strings.Repeat("big", 10_000), "b"}, []string{"ZADD", "k", "inf", "a", "-inf", "b"})
}
