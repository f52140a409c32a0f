package command

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/engine"
)

func invalid(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(">2\r\n$10\r\ninvalidate\r\n*1\r\n$" + strconv.Itoa(len(k)) + "\r\n" + k + "\r\n")
	}
	return b.String()
}

func TestTracking(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	expect(t, a.do("CLIENT", "TRACKING", "on"), "+OK\r\n")
	a.do("MGET", "x", "y")
	b.do("SET", "x", "1")
	expect(t, a.take(), invalid("x"))
	b.do("SET", "x", "2")
	expect(t, a.take(), "") // not read again
	b.do("SET", "y", "1", "PX", "50")
	expect(t, a.take(), invalid("y"))
	a.do("GET", "y")
	w.advance(time.Second)
	b.do("DEL", "y") // it is past its deadline
	expect(t, a.take(), invalid("y"))
	a.do("GET", "z")
	expect(t, a.do("SET", "z", "1"), "+OK\r\n"+invalid("z"))
	a.do("GET", "z")
	b.do("FLUSHALL")
	expect(t, a.take(), ">2\r\n$10\r\ninvalidate\r\n_\r\n")
	expect(t, a.do("CLIENT", "TRACKING", "off"), "+OK\r\n")
	a.do("GET", "z")
	b.do("SET", "z", "1")
	expect(t, a.take(), "")
}

func TestTrackingModes(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "user:", "PREFIX", "shop:", "NOLOOP")
	b.do("MSET", "user:1", "x", "other", "x", "shop:2", "x")
	expect(t, a.take(), invalid("user:1", "shop:2"))
	expect(t, a.do("SET", "user:1", "y"), "+OK\r\n")
	a.do("CLIENT", "TRACKING", "off")

	a.do("CLIENT", "TRACKING", "on", "OPTIN")
	a.do("GET", "k1")
	expect(t, a.do("CLIENT", "CACHING", "yes"), "+OK\r\n")
	a.do("GET", "k2")
	a.do("GET", "k3")
	a.do("CLIENT", "CACHING", "yes")
	a.do("MULTI")
	a.do("GET", "k4")
	a.do("EXEC")
	a.do("GET", "k5")
	b.do("MSET", "k1", "x", "k2", "x", "k3", "x", "k4", "x", "k5", "x")
	expect(t, a.take(), invalid("k2", "k4"))
	a.do("CLIENT", "TRACKING", "off")

	c := w.dial("c")
	id := strings.Trim(c.do("CLIENT", "ID"), ":\r\n")
	c.do("SUBSCRIBE", trackingChannel)
	b.do("CLIENT", "TRACKING", "on", "REDIRECT", id)
	expect(t, b.do("CLIENT", "GETREDIR"), ":"+id+"\r\n")
	b.do("GET", "k1")
	a.do("SET", "k1", "y")
	expect(t, c.take(), "*3\r\n$7\r\nmessage\r\n$20\r\n"+trackingChannel+"\r\n*1\r\n$2\r\nk1\r\n")
}

func TestTrackingTableIsBounded(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("HELLO", "3")
	a.do("CONFIG", "SET", "tracking-table-max-keys", "10")
	a.do("CLIENT", "TRACKING", "on")
	told := 0
	for i := range 100 {
		told += strings.Count(a.do("GET", "k"+strconv.Itoa(i)), "invalidate")
	}
	if n := len(w.srv.tracking.mu.keys); n != 10 || told != 90 {
		t.Fatalf("%d keys remembered, %d forgotten", n, told)
	}
	a.close()
	if len(w.srv.tracking.mu.keys) != 0 || len(w.srv.tracking.mu.clients) != 0 {
		t.Fatal("a client that is gone is remembered")
	}
}

// Clients come, read a key that never changes, and go, while one stays that tracks.
func TestTrackingForgetsReadersThatAreGone(t *testing.T) {
	w := newWorld(t)
	stays := w.dial("a")
	stays.do("HELLO", "3")
	stays.do("CLIENT", "TRACKING", "on")
	stays.do("GET", "k")
	for i := range 1000 {
		c := w.dial("c" + strconv.Itoa(i))
		c.do("CLIENT", "TRACKING", "on")
		c.do("GET", "k")
		c.close()
	}
	if n := w.srv.tracking.counts(); n.items > 128 || n.keys != 1 {
		t.Fatalf("%d readers of %d keys are remembered, and one is there", n.items, n.keys)
	}
	w.dial("b").do("SET", "k", "v")
	expect(t, stays.take(), invalid("k"))
	if n := w.srv.tracking.counts(); n.items != 0 {
		t.Fatalf("%d readers are remembered of a key that has changed", n.items)
	}
}

// A key that a client here tracks changes in another region: it hears of it
// when the operation arrives, whatever kind of operation it is.
func TestTrackingHearsOfOtherRegions(t *testing.T) {
	w := newWorld(t)
	r := newRegion(t, w)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on")
	b.do("HELLO", "3")
	b.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "h", "NOLOOP")
	arrives := func(what string, fn func(tx *engine.Tx)) {
		t.Helper()
		w.wall.Add(1)
		r.do(w.wall.Load(), fn)
		r.deliver(w)
		w.pumpAll()
		if t.Failed() {
			t.Fatal(what)
		}
	}
	a.do("MGET", "s", "other")
	a.do("HGETALL", "h")
	arrives("a write", func(tx *engine.Tx) { tx.Put([]byte("s"), []byte("v"), engine.Expiry{}) })
	expect(t, a.take(), invalid("s"))
	expect(t, b.take(), "")
	arrives("a write that nobody tracks", func(tx *engine.Tx) { tx.Put([]byte("s"), []byte("w"), engine.Expiry{}) })
	expect(t, a.take(), "")
	arrives("a new field", func(tx *engine.Tx) { tx.HashSet([]byte("h"), [][]byte{[]byte("f"), []byte("v")}) })
	expect(t, a.take(), invalid("h"))
	expect(t, b.take(), invalid("h"))
	a.do("HGET", "h", "f")
	arrives("a deadline of a field", func(tx *engine.Tx) {
		tx.HashExpire([]byte("h"), [][]byte{[]byte("f")}, w.wall.Load()+500, func(int64) bool { return true })
	})
	expect(t, a.take(), invalid("h"))
	expect(t, b.take(), invalid("h"))
	a.do("HGET", "h", "f")
	a.do("GET", "s")
	arrives("a delete", func(tx *engine.Tx) { tx.Delete([]byte("s")) })
	expect(t, a.take(), invalid("s"))
	a.do("GET", "s")
	arrives("a flush", func(tx *engine.Tx) { tx.Flush() })
	expect(t, a.take(), ">2\r\n$10\r\ninvalidate\r\n_\r\n")
}

// A lower tracking-table-max-keys makes clients forget what is beyond it at once.
func TestTrackingTableGetsSmaller(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on")
	a.do("MGET", "k1", "k2", "k3")
	expect(t, b.do("CONFIG", "SET", "tracking-table-max-keys", "2"), "+OK\r\n")
	got := a.take()
	if got != invalid("k1") && got != invalid("k2") && got != invalid("k3") {
		t.Errorf("heard %q", got)
	}
}

// Who redirects to a client that is gone hears of that at each invalidation.
func TestTrackingRedirectBroken(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	a.do("HELLO", "3")
	id := strconv.FormatUint(b.id, 10)
	expect(t, a.do("CLIENT", "TRACKING", "on", "REDIRECT", id), "+OK\r\n")
	a.do("MGET", "x", "y", "z")
	b.close()
	broken := ">2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n"
	c.do("SET", "x", "1")
	expect(t, a.take(), broken)
	c.do("MSET", "y", "1", "z", "1")
	expect(t, a.take(), broken+broken)
	c.do("FLUSHALL")
	expect(t, a.take(), broken)
}

// That all keys have changed is told of by the null of the client that has read them.
func TestTrackingFlushRedirected(t *testing.T) {
	for proto, null := range map[string]string{"2": "$-1\r\n", "3": "_\r\n"} {
		w := newWorld(t)
		reader, old, other := w.dial("reader"), w.dial("old"), w.dial("other")
		reader.do("HELLO", proto)
		old.do("SUBSCRIBE", trackingChannel)
		other.do("HELLO", "3")
		for to, head := range map[*conn]string{
			old:   "*3\r\n$7\r\nmessage\r\n$20\r\n" + trackingChannel + "\r\n",
			other: ">2\r\n$10\r\ninvalidate\r\n",
		} {
			reader.do("CLIENT", "TRACKING", "on", "REDIRECT", strconv.FormatUint(to.id, 10))
			w.dial("writer").do("FLUSHALL")
			expect(t, to.take(), head+null)
			reader.do("CLIENT", "TRACKING", "off")
		}
	}
}

// CLIENT LIST shows what redis-server shows: that keys are broadcast (B), that who
// is redirected to is gone (R), and that a watched key has changed (d), not that a
// transaction is broken.
func TestClientListFlags(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	flags := func(want string) {
		t.Helper()
		if got := b.do("CLIENT", "LIST", "ID", "1"); !strings.Contains(got, " flags="+want+" ") {
			t.Errorf("no flags=%s in %q", want, got)
		}
	}
	a.do("CLIENT", "TRACKING", "on", "BCAST")
	a.do("CLIENT", "NO-EVICT", "on")
	flags("tBe")
	a.do("WATCH", "k")
	flags("tBe")
	b.do("SET", "k", "v")
	flags("tBde")
	a.do("CLIENT", "NO-EVICT", "off")
	a.do("UNWATCH")
	a.do("CLIENT", "TRACKING", "off")
	flags("N")
	a.do("MULTI")
	a.do("nosuch")
	flags("x")
	a.do("DISCARD")
	a.do("CLIENT", "TRACKING", "on", "REDIRECT", strings.Trim(c.do("CLIENT", "ID"), ":\r\n"))
	a.do("GET", "k")
	c.close()
	flags("t")
	b.do("SET", "k", "w")
	flags("tR")
	a.do("CLIENT", "TRACKING", "on")
	flags("t")
}

// A key that is written again and again is named once until its message is read.
func TestBroadcastNamesKeyOnce(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "k")
	b.do("MULTI")
	for _, key := range []string{"k", "k", "k2", "k2"} {
		b.do("INCR", key)
	}
	b.do("EXEC")
	message := ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\nk\r\n$2\r\nk2\r\n"
	expect(t, a.take(), message)
	b.do("MULTI")
	b.do("INCR", "k")
	b.do("INCR", "k2")
	b.do("EXEC")
	expect(t, a.take(), message)
}

// CLIENT CACHING is for the next command, also if that is refused.
func TestCachingOfRefusedCommand(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on", "OPTIN")
	for _, refused := range [][]string{{"GET"}, {"NOSUCH"}, {"CLIENT", "NOSUCH"}, {"CLIENT"}} {
		a.do("CLIENT", "CACHING", "yes")
		a.do(refused...)
		a.do("GET", "k")
		b.do("SET", "k", "v")
		expect(t, a.take(), "")
	}
	a.do("CLIENT", "CACHING", "yes")
	a.do("CLIENT", "ID", "x") // of this very family: it stays
	a.do("GET", "k")
	b.do("SET", "k", "v")
	expect(t, a.take(), invalid("k"))
}

// What a write costs does not grow with the number of prefixes that clients hear of.
func TestManyPrefixes(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.do("HELLO", "3")
	on := []string{"CLIENT", "TRACKING", "on", "BCAST"}
	for i := range 1000 {
		on = append(on, "PREFIX", "p"+strconv.Itoa(1000+i)+":")
	}
	expect(t, a.do(on...), "+OK\r\n")
	b.do("HELLO", "3")
	b.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "p1", "PREFIX", "long:prefix:")
	if n := len(w.srv.tracking.mu.lengths); n != 3 {
		t.Errorf("a write looks for prefixes of %d lengths", n)
	}
	expect(t, b.do("MSET", "p1500:x", "1", "p2", "1", "p", "1", "long:prefix:", "1"), "+OK\r\n"+invalid("p1500:x", "long:prefix:"))
	expect(t, a.take(), invalid("p1500:x"))
	a.do("CLIENT", "TRACKING", "off")
	b.do("CLIENT", "TRACKING", "off")
	if m := &w.srv.tracking.mu; len(m.lengths)+len(m.prefixes) != 0 {
		t.Errorf("%d lengths and %d prefixes are left", len(m.lengths), len(m.prefixes))
	}
}
