package refusal

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// runaways are scripts that loop, or take memory, for ever.
var runaways = []string{
	"while true do end",
	"local function f() return f() end return f()",
	"repeat pcall(function() error('x') end) until false",
	"while true do pcall(redis.call, 'GET', 'k') end",
	"while true do redis.pcall('NOSUCH') end",
	"while true do table.concat({string.rep('x', 1000000), string.rep('y', 1000000)}) end",
	"local co = function() while true do end end pcall(co) return 1",
	"local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end",
	"local t = {} while true do t[#t + 1] = {} end",
	"local s = 'x' while true do s = s .. s end",
	"local t = {} local i = 0 while true do i = i + 1 t['k' .. i] = i end",
	"local t = {} while true do t[#t + 1] = cjson.decode('[' .. string.rep('[],', 10000) .. '1]') end",
	"local t = {} while true do t[#t + 1] = function() return t end end",
	"local function f() return 1 + f() end return f()",
	"local function f(...) return f(1, ...) end return f()",
	"return string.find(string.rep('a', 30000), string.rep('a-', 20) .. 'b')",
	"return (string.rep('a', 30000):gsub(string.rep('a*', 20) .. 'b', ''))",
	"return string['ma' .. 'tch'](string.rep('a', 30000), string.rep('a-', 20) .. 'b')",
}

// runaway runs each until SCRIPT KILL ends it or it fails by itself. crdb alone
// gets them: Redis would have no memory left.
func runaway(t *testing.T, b *servers) {
	defer b.crdb.Do("CONFIG", "SET", "busy-reply-threshold", "5000")
	if r, err := b.crdb.Do("CONFIG", "SET", "busy-reply-threshold", "50"); err != nil || r.Head != "+OK" {
		t.Fatal(r, err)
	}
	for _, script := range runaways {
		victim := dialServer(t, b.node.Addr())
		ended := make(chan string, 1)
		go func() {
			r, err := victim.Do("EVAL", script, "0")
			ended <- fmt.Sprint(r, err)
		}()
		var says string
		for tries := 0; says == "" && tries < 100; tries++ {
			select {
			case says = <-ended:
			case <-time.After(100 * time.Millisecond):
				if _, err := b.crdb.Do("SCRIPT", "KILL"); err != nil {
					t.Fatalf("%s: SCRIPT KILL: %v", script, err)
				}
			}
		}
		if !strings.HasPrefix(says, "-ERR") {
			t.Errorf("%s: %.300s", script, says)
		}
		victim.Close()
	}
}

// globs makes both match patterns that are slow if matched without thought.
func globs(t *testing.T, b *servers) {
	long := strings.Repeat("a", 5000)
	stars := func(n int) string { return strings.Repeat("a*", n) + "b" }
	var lines []line
	add := func(args ...string) { lines = append(lines, line{args: args}) }
	for i := range 50 {
		add("SET", fmt.Sprintf("%s%d", long, i), "v")
	}
	add("SADD", "set", long, long+"b")
	add("HSET", "hash", long, "1", long+"b", "1")
	add("ZADD", "zset", "1", long, "2", long+"b")
	patterns := []string{
		stars(3), stars(30), stars(900), strings.Repeat("*", 5000) + "b", strings.Repeat("a*", 20), strings.Repeat("*a", 100) + "*0",
		strings.Repeat("?", 5000) + "1", strings.Repeat("[a]", 4999) + "*b", "[" + strings.Repeat("a", 100000), strings.Repeat("\\", 9999), "[^b]*[^b]*[^b]*b",
	}
	for _, p := range patterns {
		add("KEYS", p)
		add("SCAN", "0", "MATCH", p, "COUNT", "1000")
		add("SSCAN", "set", "0", "MATCH", p)
		add("HSCAN", "hash", "0", "MATCH", p)
		add("ZSCAN", "zset", "0", "MATCH", p)
		add("CONFIG", "GET", "no"+p)
		add("PUBSUB", "CHANNELS", p)
		add("PSUBSCRIBE", p)
		add("PUNSUBSCRIBE", p)
		add("ACL", "SETUSER", "u", "on", "nopass", "resetkeys", "~"+p, "+get")
		add("ACL", "DRYRUN", "u", "GET", long)
		add("ACL", "DRYRUN", "u", "GET", long+"b")
		add("COMMAND", "LIST", "FILTERBY", "PATTERN", p)
	}
	add("ACL", "DELUSER", "u")
	b.play(t, lines)
	listener, teller := dialServer(t, b.node.Addr()), b.crdb
	for _, p := range patterns {
		if _, err := listener.Do("PSUBSCRIBE", p); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if r, err := teller.Do("PUBLISH", long, "x"); err != nil || r.Kind() != ':' {
			t.Fatal(r, err)
		}
	}
}
