package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/engine"
	"crdb/oplog"
)

// fill writes until keys are evicted, and returns which of n keys are left.
func fill(t *testing.T, policy string, prepare func(c *conn)) (w *world, left map[string]bool) {
	w = newWorld(t)
	c := w.dial("a")
	const keys = 2000
	for i := range keys {
		args := []string{"SET", fmt.Sprint("k", i), strings.Repeat("x", 200)}
		if i%2 == 0 {
			args = append(args, "EX", fmt.Sprint(1000+i))
		}
		c.do(args...)
		if i == keys/2 {
			w.advance(10 * time.Second)
		}
	}
	c.do("CONFIG", "SET", "maxmemory-policy", policy)
	if prepare != nil {
		prepare(c)
	}
	c.do("CONFIG", "SET", "maxmemory", fmt.Sprint(w.srv.engine.DataBytes()*3/4))
	for i := range 100 {
		if got := c.do("SET", fmt.Sprint("new", i), "x"); got != "+OK\r\n" {
			t.Fatalf("%s: %q", policy, got)
		}
		w.advance(10 * time.Millisecond)
	}
	left = map[string]bool{}
	for i := range keys {
		left[fmt.Sprint("k", i)] = strings.Contains(c.do("EXISTS", fmt.Sprint("k", i)), "1")
	}
	if got := c.do("INFO", "stats"); strings.Contains(got, "evicted_keys:0\r\n") {
		t.Errorf("%s: nothing counted", policy)
	}
	return w, left
}

// share returns how many of the keys that fit are left, in percent.
func share(left map[string]bool, of func(i int) bool) int {
	n, kept := 0, 0
	for name, there := range left {
		i := 0
		fmt.Sscanf(name, "k%d", &i)
		if of(i) {
			n++
			if there {
				kept++
			}
		}
	}
	return 100 * kept / max(n, 1)
}

func TestEviction(t *testing.T) {
	odd := func(i int) bool { return i%2 == 1 }
	old := func(i int) bool { return i < 1000 }
	young := func(i int) bool { return i > 1000 }
	for _, policy := range []string{"allkeys-random", "volatile-random", "allkeys-lru", "volatile-lru", "volatile-ttl"} {
		_, left := fill(t, policy, nil)
		if strings.HasPrefix(policy, "volatile") && share(left, odd) != 100 {
			t.Errorf("%s: keys without a deadline are gone", policy)
		}
		all := share(left, func(int) bool { return true })
		if all < 55 || all > 85 {
			t.Errorf("%s: %d%% are left", policy, all)
		}
		if strings.HasSuffix(policy, "lru") || strings.HasSuffix(policy, "ttl") {
			if a, b := share(left, old), share(left, young); a+20 > b {
				t.Errorf("%s: %d%% of the old and %d%% of the young are left", policy, a, b)
			}
		}
	}
	testLFU(t, "allkeys-lfu")
	testLFU(t, "volatile-lfu")
}

// testLFU: of the keys that may go, those that are used often stay.
func testLFU(t *testing.T, policy string) {
	_, left := fill(t, policy, func(c *conn) {
		for range 20 {
			for i := 0; i < 2000; i += 4 {
				c.do("GET", fmt.Sprint("k", i))
			}
		}
	})
	often := func(i int) bool { return i%4 == 0 }
	seldom := func(i int) bool { return i%4 == 2 }
	if a, b := share(left, often), share(left, seldom); a < b+10 {
		t.Errorf("%s: %d%% of the often and %d%% of the seldom used are left", policy, a, b)
	}
	if odd := func(i int) bool { return i%2 == 1 }; policy == "volatile-lfu" && share(left, odd) != 100 {
		t.Error("keys without a deadline are gone")
	}
}

// TestEvictionsReachOtherRegions: they are deletes like any other.
func TestEvictionsReachOtherRegions(t *testing.T) {
	w, left := fill(t, "allkeys-random", nil)
	r := newRegion(t, w)
	r.pull(w)
	r.do(w.wall.Load(), func(tx *engine.Tx) {
		for name, there := range left {
			if tx.Exists([]byte(name)) != there {
				t.Fatalf("%s is there: here %v", name, there)
			}
		}
	})
}

// TestOtherRegionsWriteWhenMemoryIsFull: clients get errors, replication goes on.
func TestOtherRegionsWriteWhenMemoryIsFull(t *testing.T) {
	w := newWorld(t)
	r := newRegion(t, w)
	c := w.dial("a")
	c.do("SET", "k", "v")
	c.do("CONFIG", "SET", "maxmemory", "1")
	expect(t, c.do("SET", "k", "v"), "-"+msgOutOfMemory+"\r\n")
	r.do(w.wall.Load()+1, func(tx *engine.Tx) {
		tx.Put([]byte("k"), []byte(strings.Repeat("x", 5000)), engine.Expiry{})
		tx.HashSet([]byte("h"), [][]byte{[]byte("f"), []byte("v")})
	})
	r.deliver(w)
	expect(t, c.do("STRLEN", "k"), ":5000\r\n")
	expect(t, c.do("HGET", "h", "f"), "$1\r\nv\r\n")
	expect(t, c.do("HSET", "h", "f", "w"), "-"+msgOutOfMemory+"\r\n")
	expect(t, c.do("DEL", "k"), ":1\r\n")
}

func TestNoEviction(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	c.do("SET", "k", "v")
	c.do("CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "volatile-lru")
	expect(t, c.do("SET", "k", "v"), "-"+msgOutOfMemory+"\r\n")
	expect(t, c.do("GET", "k"), "$1\r\nv\r\n")
}

// TestFullMemoryMeetsABacklog: where keys may go, a log that is only behind makes
// writes wait and refuses none for want of memory.
func TestFullMemoryMeetsABacklog(t *testing.T) {
	w := newWorld(t)
	exec, set, multi := w.dial("exec"), w.dial("set"), w.dial("multi")
	put := func(prefix string) { // as operations of other regions: the log is not asked
		tx := w.srv.engine.NewTx()
		tx.LockAll(w.wall.Load())
		for i := range 300 {
			tx.Put(fmt.Append(nil, prefix, i), make([]byte, 50), engine.Expiry{})
		}
		tx.Unlock()
		w.advance(10 * time.Millisecond) // the data is measured anew
	}
	put("old")
	set.do("CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", fmt.Sprint(w.srv.engine.DataBytes()))
	exec.do("MULTI")
	exec.do("SET", "a", "v")
	w.log.set(func() { w.log.admit = fmt.Errorf("disk: %w", oplog.ErrBacklog) })
	put("new")
	expect(t, exec.do("EXEC"), "")
	expect(t, set.do("SET", "b", "v"), "")
	multi.do("MULTI")
	expect(t, multi.do("SET", "c", "v"), "+QUEUED\r\n")
	w.log.set(func() { w.log.admit = nil })
	w.pumpAll()
	expect(t, exec.take(), "*1\r\n+OK\r\n")
	expect(t, set.take(), "+OK\r\n")
}
