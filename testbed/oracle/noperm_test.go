package oracle

import (
	"slices"
	"strings"
	"testing"
)

// TestLivePermissions lets users with few rights send random commands to both
// servers: the same ones are refused, in the same words.
func TestLivePermissions(t *testing.T) {
	pair := servers(t)
	users := map[string][]string{
		"reader":   {"~*", "+@read", "+ping", "+multi", "+exec"},
		"hashes":   {"%R~s*", "~h*", "+@all", "-hdel", "-@dangerous"},
		"selected": {"~z*", "+@sortedset", "(%R~l* +@list)", "(%W~s* +set +@set)"},
		"writer":   {"%W~*", "+@all", "-@admin"},
	}
	for name, rules := range users {
		var sides [2]*client
		for i, addr := range []string{pair.Redis, pair.Crdb} {
			c, err := dial([]string{"redis", "crdb"}[i], addr, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			for _, args := range [][]string{append([]string{"ACL", "SETUSER", name, "reset", "on", "nopass"}, rules...), {"AUTH", name, "x"}} {
				if r, err := c.do(args...); err != nil || r.IsError() {
					t.Fatalf("%s: %q: %s %v", c.name, args, r.String(), err)
				}
			}
			sides[i] = c
		}
		g, refused := newGenerator(uint64(len(name))), 0
		for range 1500 {
			args := g.command()
			if name := strings.ToLower(args[0]); slices.Contains(stateful, name) || name == "pfmerge" && len(args) == 2 {
				continue // Redis does not see the key of the latter
			}
			var says [2]string
			for i, c := range sides {
				r, err := c.do(args...)
				if err != nil {
					t.Fatalf("%s: %.100q: %v", c.name, args, err)
				}
				if says[i] = "runs"; strings.HasPrefix(r.Body, "NOPERM") || strings.HasPrefix(r.Head, "-NOPERM") {
					says[i] = r.String()
				}
			}
			if says[0] != says[1] {
				t.Errorf("%s: %.200q: redis %s, crdb %s", name, args, says[0], says[1])
			}
			if says[0] != "runs" {
				refused++
			}
		}
		if refused < 100 {
			t.Errorf("%s: only %d commands were refused", name, refused)
		}
	}
}

// stateful are commands that change what the connection is, that wait, or whose
// refusals depend on what a server has.
var stateful = []string{
	"auth", "hello", "reset", "quit", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe", "multi", "exec", "discard", "client",
	"monitor", "shutdown", "acl", "config", "debug", "function", "fcall", "fcall_ro", "wait", "waitaof", "blpop", "brpop", "blmove", "blmpop",
	"brpoplpush", "bzpopmin", "bzpopmax", "bzmpop", "xread", "xreadgroup", "flushall", "flushdb", "select", "swapdb", "script",
}
