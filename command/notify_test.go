package command

import (
	"slices"
	"strings"
	"testing"
	"time"

	"crdb/engine"
)

// pull delivers to w what it lacks of o's own log.
func (w *world) pull(o *world) {
	w.t.Helper()
	if err := o.log.Sync(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	own := o.srv.opts.Replica
	blocks, err := o.log.Read(own, w.log.Received().Get(own), 1<<20)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range blocks {
		if err := w.log.Receive(b); err != nil {
			w.t.Fatal(err)
		}
		if err := w.srv.engine.Apply(b); err != nil {
			w.t.Fatal(err)
		}
	}
	w.pumpAll()
}

// told returns the events that a listener to __keyevent@0__:* was told of, as
// "event key", and forgets them.
func (c *conn) told() string {
	lines := strings.Split(c.take(), "\r\n")
	var out []string
	for i := 0; i+8 < len(lines); i += 9 { // *4 $ pmessage $ pattern $ channel $ payload
		_, event, _ := strings.Cut(lines[i+6], "__:")
		out = append(out, event+" "+lines[i+8])
	}
	return strings.Join(out, ", ")
}

func (w *world) listener(flags string) *conn {
	c := w.dial("listener")
	w.dial("setup").do("CONFIG", "SET", "notify-keyspace-events", flags)
	c.do("PSUBSCRIBE", "__keyevent@*")
	return c
}

// TestRemoteEvents: what another region does is told of by the name of the
// plainest command with the same effect.
func TestRemoteEvents(t *testing.T) {
	here, there := newWorldOf(t, 1), newWorldOf(t, 2)
	heard := here.listener("AKEn")
	c := there.dial("c")
	for _, tc := range []struct{ line, want string }{
		{"SET k v", "new k, set k"},
		{"SET k v EX 100", "set k, expire k"},
		{"APPEND k w", "set k"},
		{"EXPIRE k 200", "expire k"},
		{"PERSIST k", "persist k"},
		{"DEL k", "del k"},
		{"INCR n", "new n, incrby n"},
		{"INCRBYFLOAT n 0.5", "incrbyfloat n"},
		{"SADD s a b", "new s, sadd s"},
		{"SREM s a", "srem s"},
		{"SPOP s", "del s"},
		{"HSET h f 1", "new h, hset h"},
		{"HINCRBY h g 1", "hincrby h"},
		{"HINCRBYFLOAT h g 1.5", "hincrbyfloat h"},
		{"HEXPIRE h 100 FIELDS 1 f", "hexpire h"},
		{"HPERSIST h FIELDS 1 f", "hpersist h"},
		{"HDEL h f", "hdel h"},
		{"ZADD z 1 a 2 b", "new z, zadd z"},
		{"ZINCRBY z 1 a", "zincr z"},
		{"ZPOPMIN z", "zrem z"},
		{"RPUSH l a b", "new l, rpush l"},
		{"LPUSH l c", "lpush l"},
		{"RPUSH l d", "rpush l"},
		{"LINSERT l BEFORE b x", "linsert l"},
		{"LSET l 0 y", "lset l"},
		{"LTRIM l 1 2", "lrem l, lrem l"}, // one op for each end
		{"LPUSH l2 a b c", "new l2, lpush l2"},
		{"RPUSH l4 1 2 3 4 5 6 7 8 9 10 11 12", "new l4, rpush l4"},
		{"LTRIM l4 10 -1", "lrem l4"},
		{"PFADD p a", "new p, pfadd p"},
		{"XADD x 1-1 a 1", "new x, xadd x"},
		{"XADD x MAXLEN = 1 2-1 a 1", "xadd x, xtrim x"},
		{"XDEL x 2-1", "xdel x"},
		{"XSETID x 9-9", "xsetid x"},
		{"XGROUP CREATE x g 0", "xgroup-create x"},
		{"XGROUP DESTROY x g", "xgroup-destroy x"},
		{"RENAME l l3", "new l3, rpush l3, del l"},
		{"FLUSHALL", "del h, del n, del z"}, // keys that count are deleted one by one
		{"SET k v", "new k, set k"},
	} {
		c.do(strings.Fields(tc.line)...)
		here.pull(there)
		expect(t, tc.line+": "+heard.told(), tc.line+": "+tc.want)
	}
	there.listener("AKE")
	c.do("SET", "k", "v", "PX", "50")
	there.advance(time.Second)
	until(t, "the key expires there", func() bool { there.pumpAll(); return strings.Contains(there.dial("listener").told(), "expired k") })
	here.advance(time.Second)
	here.pull(there)
	expect(t, heard.told(), "set k, expire k, expired k")
	for _, tc := range []struct{ deadline, last, want string }{
		{"HPEXPIRE h 50 FIELDS 1 f", "del h", "hexpire h, hexpired h, del h"},
		{"PEXPIRE h 50", "expired h", "expire h, expired h"},
	} {
		c.do("HSET", "h", "f", "v")
		c.do(strings.Fields(tc.deadline)...)
		there.advance(time.Second)
		until(t, "the hash expires there", func() bool { there.pumpAll(); return strings.Contains(there.dial("listener").told(), tc.last) })
		here.advance(time.Second)
		here.pull(there)
		expect(t, heard.told(), "new h, hset h, "+tc.want)
	}
}

// TestLargeRemoteEvents: what is built before the key is locked is told of like the rest.
func TestLargeRemoteEvents(t *testing.T) {
	here, there := newWorldOf(t, 1), newWorldOf(t, 2)
	heard := here.listener("AKEn")
	c := there.dial("c")
	large := strings.Repeat("x", 40_000)
	for _, tc := range []struct{ line, want string }{
		{"RPUSH l a " + large, "new l, rpush l"},
		{"HSET h f " + large, "new h, hset h"},
		{"XADD x 1-1 f " + large, "new x, xadd x"},
		{"XADD x 2-1 f " + large, "xadd x"},
		{"XGROUP CREATE x g 0", "xgroup-create x"},
		{"COPY x y", "new y, xadd y, xgroup-create y"},
	} {
		c.do(strings.Fields(tc.line)...)
		here.pull(there)
		expect(t, tc.line[:8]+": "+heard.told(), tc.line[:8]+": "+tc.want)
	}
}

// TestFieldEvents: deadlines of hash fields tell of themselves as in Redis 7.4.
func TestFieldEvents(t *testing.T) {
	w := newWorld(t)
	heard := w.listener("AKEn")
	c := w.dial("c")
	for _, tc := range []struct{ line, want string }{
		{"HSET h a 1 b 2 c 3 d 4", "new h, hset h"},
		{"HEXPIRE h 100 FIELDS 2 a nosuch", "hexpire h"},
		{"HEXPIRE h 100 NX FIELDS 1 a", ""},
		{"HPEXPIRE none 100 FIELDS 1 a", ""},
		{"HPERSIST h FIELDS 2 a b", "hpersist h"},
		{"HPERSIST h FIELDS 2 a b", ""},
		{"HPEXPIREAT h 1 FIELDS 1 a", "hdel h"},
		{"HPEXPIREAT h 1 FIELDS 3 b c d", "hdel h, del h"},
		{"HSET h a 1 b 2", "new h, hset h"},
		{"HPEXPIRE h 50 FIELDS 1 a", "hexpire h"},
	} {
		c.do(strings.Fields(tc.line)...)
		expect(t, tc.line+": "+heard.told(), tc.line+": "+tc.want)
	}
	passes := func(want string) {
		t.Helper()
		w.advance(time.Second)
		got := ""
		until(t, want, func() bool {
			w.pumpAll()
			if more := heard.told(); more != "" {
				got = strings.TrimPrefix(got+", "+more, ", ")
			}
			return got == want
		})
	}
	passes("hexpired h")
	c.do("HPEXPIRE", "h", "50", "FIELDS", "1", "b")
	expect(t, heard.told(), "hexpire h")
	passes("hexpired h, del h")
	c.do("HSET", "h", "n", "1", "b", "2")
	c.do("PEXPIRE", "h", "50")
	expect(t, heard.told(), "new h, hset h, expire h")
	passes("expired h")
}

// TestRemoteFieldEventsOverAHiddenCounter: an operation on the fields of a hash names
// first what it clears of a hidden type, which has no deadline.
func TestRemoteFieldEventsOverAHiddenCounter(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"HEXPIRE k 100 FIELDS 1 f", "hexpire k"},
		{"HPERSIST k FIELDS 1 f", "hpersist k"},
	} {
		here, there := newWorldOf(t, 1), newWorldOf(t, 2)
		heard := here.listener("AKE")
		c, h := there.dial("c"), here.dial("h")
		c.do("ZINCRBY", "k", "1", "m")
		here.advance(time.Second)
		there.advance(time.Second)
		h.do("HSET", "k", "f", "v")
		h.do("HEXPIRE", "k", "50", "FIELDS", "1", "f")
		heard.told()
		there.pull(here)
		expect(t, c.do(strings.Fields(tc.line)...), "*1\r\n:1\r\n")
		here.pull(there)
		expect(t, heard.told(), "zincr k, "+tc.want)
	}
}

func TestEvictedEvent(t *testing.T) {
	w := newWorld(t)
	heard := w.listener("Ee")
	c := w.dial("c")
	c.do("SET", "k", strings.Repeat("x", 1000))
	c.do("CONFIG", "SET", "maxmemory", "100", "maxmemory-policy", "allkeys-random")
	c.do("SET", "other", "x")
	if got := heard.told(); !strings.Contains(got, "evicted ") {
		t.Errorf("told of %q", got)
	}
}

// TestEventsOfWaiters: a blocked client's pop is told of behind the push that
// served it.
func TestEventsOfWaiters(t *testing.T) {
	w := newWorld(t)
	heard := w.listener("AE")
	w.dial("waits").do("BLPOP", "l", "0")
	w.dial("c").do("LPUSH", "l", "a")
	expect(t, heard.told(), "lpush l, lpop l, del l")
}

// TestEventsOff: without K or E nothing is published, whatever else is on, and
// the key's class counts.
func TestEventsOff(t *testing.T) {
	w := newWorld(t)
	heard := w.listener("A")
	c := w.dial("c")
	c.do("SET", "k", "v")
	expect(t, heard.told(), "")
	c.do("CONFIG", "SET", "notify-keyspace-events", "El")
	c.do("SET", "k", "v")
	c.do("RPUSH", "l", "v")
	expect(t, heard.told(), "rpush l")
	c.do("SELECT", "3")
	c.do("RPUSH", "l", "v")
	expect(t, heard.take(), "*4\r\n$8\r\npmessage\r\n$12\r\n__keyevent@*\r\n$20\r\n__keyevent@3__:rpush\r\n$1\r\nl\r\n")
}

// TestConfigInTransaction: a change of the configuration that the engine must
// know of takes none of the locks that EXEC holds.
func TestConfigInTransaction(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	c.do("MULTI")
	c.do("SET", "k", "v")
	c.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu", "notify-keyspace-events", "KEA")
	c.do("FLUSHALL")
	expect(t, c.do("EXEC"), "*3\r\n+OK\r\n+OK\r\n+OK\r\n")
}

// transfer merges images of all of o into w.
func (w *world) transfer(o *world) {
	w.t.Helper()
	if err := o.log.Sync(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	for at := engine.Position(0); at < engine.EndPosition; {
		im, err := o.srv.engine.Capture(at, nil)
		if err != nil {
			w.t.Fatal(err)
		}
		at = im.Next()
		back, err := engine.DecodeImage(im.Bytes())
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.srv.engine.Merge(back, nil, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	w.pumpAll()
}

// TestTransferEvents: what a state transfer changes is told of once for each
// key, by its type, to listeners and to who has read it; what it leaves as it
// was is not.
func TestTransferEvents(t *testing.T) {
	here, there := newWorldOf(t, 1), newWorldOf(t, 2)
	heard, reader := here.listener("AKEn"), here.dial("reader")
	c := there.dial("c")
	write := func(n string) {
		for _, line := range []string{
			"SET str " + n, "INCR count", "PFADD hll " + n, "SADD set " + n, "HSET hash f " + n, "ZADD zset " + n + " m", "RPUSH list " + n,
			"LPUSH left " + n, "XADD stream " + n + "-1 f v", "SETEX dated 1000 " + n, "GEOADD geo 1 " + n + " p", "SADD both " + n,
		} {
			c.do(strings.Fields(line)...)
		}
	}
	write("1")
	c.do("SET", "same", "1")
	c.do("MSET", "gone", "1")
	c.do("RPUSH", "nolist", "1")
	c.do("XADD", "nostream", "1-1", "f", "v")
	here.transfer(there)
	if got := sortedEvents(heard); got != "hset hash, new both, new count, new dated, new geo, new gone, new hash, new hll, new left, new list, new nolist, new nostream, "+
		"new same, new set, new str, new stream, new zset, "+
		"pfadd hll, rpush left, rpush list, rpush nolist, sadd both, sadd set, set count, set dated, set gone, set same, set str, "+
		"xadd nostream, xadd stream, zadd geo, zadd zset" {
		t.Errorf("of a first transfer: %s", got)
	}
	reader.do("HELLO", "3")
	reader.do("CLIENT", "TRACKING", "on", "BCAST")
	write("2")
	c.do("DEL", "gone", "nolist", "nostream")
	c.do("SREM", "both", "1", "2")
	here.transfer(there)
	if got := sortedEvents(heard); got != "del both, del gone, del nolist, del nostream, hset hash, pfadd hll, rpush left, rpush list, sadd set, "+
		"set count, set dated, set str, xadd stream, zadd geo, zadd zset" {
		t.Errorf("of a second transfer: %s", got)
	}
	if invalid := reader.take(); strings.Count(invalid, "invalidate\r\n*15\r\n") != 1 { // of one prefix: told of together
		t.Errorf("invalidations: %q", invalid)
	}
	here.transfer(there)
	expect(t, heard.told()+reader.take(), "")
}

func sortedEvents(c *conn) string {
	list := strings.Split(c.told(), ", ")
	slices.Sort(list)
	return strings.Join(list, ", ")
}
