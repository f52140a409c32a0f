package oracle

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestCommandsTouchDeclaredKeys: whatever key a command looks up, COMMAND
// GETKEYS names it. Locks, ACL rules and client-side caching rest on that.
func TestCommandsTouchDeclaredKeys(t *testing.T) {
	var mu sync.Mutex
	var touched []string
	// The clock stands still: nothing expires beside the commands.
	addr := startNodeWith(t, func() int64 { return 1_700_000_000_000 }, func(_ int, key []byte) {
		mu.Lock()
		defer mu.Unlock()
		touched = append(touched, string(key))
	}, nil)
	c, err := dial("crdb", addr, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	g := newGenerator(20261122)
	checked := map[string]int{}
	for range 20_000 {
		args := g.command()
		name := strings.ToLower(args[0])
		if slices.Contains(elsewhere, name) || len(args) > 1 && strings.EqualFold(args[len(args)-1], "help") {
			continue
		}
		mu.Lock()
		touched = touched[:0]
		mu.Unlock()
		reply, err := c.do(args...)
		if err != nil {
			t.Fatalf("%.100q: %v", args, err)
		}
		mu.Lock()
		keys := slices.Compact(slices.Sorted(slices.Values(touched)))
		mu.Unlock()
		if len(keys) == 0 || reply.IsError() || name == "pfmerge" && len(args) == 2 { // GETKEYS refuses that, as Redis's
			continue
		}
		declared, err := c.do(append([]string{"COMMAND", "GETKEYS"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if !slices.ContainsFunc(declared.Items, func(r Reply) bool { return r.Body == k }) {
				t.Errorf("%.200q touches %q, declared are %.200s", args, k, declared.String())
			}
		}
		checked[name]++
	}
	if len(checked) < 100 {
		t.Errorf("only %d commands have touched a key", len(checked))
	}
	t.Logf("%d commands", len(checked))
}

// elsewhere are commands that name no keys but walk the keyspace, take them out
// of patterns or scripts, block, or change what the connection is.
var elsewhere = []string{
	"sort", "sort_ro", "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro", "randomkey", "keys", "scan", "dbsize",
	"flushall", "flushdb", "blpop", "brpop", "blmove", "blmpop", "brpoplpush", "bzpopmin", "bzpopmax", "bzmpop", "xread", "xreadgroup",
	"multi", "exec", "discard", "watch", "subscribe", "psubscribe", "ssubscribe", "hello", "reset", "quit", "client", "config", "debug",
	"select", "auth", "acl", "monitor", "shutdown", "wait", "waitaof", "function", "script", "object", "memory",
}
