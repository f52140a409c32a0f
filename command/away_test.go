package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"crdb/crdt"
	"crdb/oplog"
)

// fillLarge makes a key of each type that is copied aside.
func fillLarge(c *conn) {
	for at := 0; at < 3000; at += 500 {
		words := map[string][]string{"list": {"RPUSH"}, "set": {"SADD"}, "hash": {"HSET"}, "zset": {"ZADD"}}
		for typ, args := range words {
			args = append(args, typ)
			for i := at; i < at+500; i++ {
				switch typ {
				case "hash":
					args = append(args, fmt.Sprint("f", i), fmt.Sprint("v", i))
				case "zset":
					args = append(args, fmt.Sprint(i), fmt.Sprint("m", i))
				default:
					args = append(args, fmt.Sprint("e", i))
				}
			}
			c.do(args...)
		}
		for i := at; i < at+500; i++ {
			c.do("XADD", "stream", fmt.Sprint(i+1, "-1"), "f", "v")
		}
	}
}

// TestLargeKeysAside: the reply to a command on a large key comes when it is done, as
// that of any other, and in MULTI and scripts, too; what is copied is what was there.
func TestLargeKeysAside(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	fillLarge(c)
	for _, typ := range []string{"list", "set", "hash", "zset", "stream"} {
		sum := c.do("OBJECT", "ENCODING", typ) + map[string]string{
			"list": c.do("LINDEX", typ, "2999"), "set": c.do("SCARD", typ), "hash": c.do("HGET", typ, "f2999"),
			"zset": c.do("ZRANK", typ, "m2999"), "stream": c.do("XLEN", typ)}[typ]
		check := func(key string) {
			t.Helper()
			got := c.do("OBJECT", "ENCODING", key) + map[string]string{
				"list": c.do("LINDEX", key, "2999"), "set": c.do("SCARD", key), "hash": c.do("HGET", key, "f2999"),
				"zset": c.do("ZRANK", key, "m2999"), "stream": c.do("XLEN", key)}[typ]
			if got != sum {
				t.Errorf("%s: %q, want %q", key, got, sum)
			}
		}
		expect(t, c.send(wire("RENAME", typ, "to")+wire("EXISTS", typ, "to")), "+OK\r\n:1\r\n")
		check("to")
		expect(t, c.send(wire("COPY", "to", typ)+wire("EXISTS", typ, "to")), ":1\r\n:2\r\n")
		check(typ)
		expect(t, c.do("RENAMENX", "to", typ), ":0\r\n")
		expect(t, c.do("COPY", "to", typ), ":0\r\n")
		expect(t, c.do("RENAMENX", "to", "more"), ":1\r\n")
		expect(t, c.do("PEXPIRE", "more", "100000"), ":1\r\n")
		expect(t, c.do("MOVE", "more", "3"), ":1\r\n")
		expect(t, c.send(wire("SELECT", "3")+wire("PTTL", "more")), "+OK\r\n:100000\r\n")
		check("more")
		expect(t, c.send(wire("MULTI")+wire("RENAME", "more", "x")+wire("EXEC")), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
		expect(t, c.do("EVAL", "return redis.call('rename', KEYS[1], KEYS[2])", "2", "x", "y"), "+OK\r\n")
		check("y")
		expect(t, c.send(wire("DEL", "y")+wire("SELECT", "0")), ":1\r\n+OK\r\n")
	}
}

// TestNobodyWaitsForACopy: while a large key is made ready to be renamed, others use
// it, and everything else; what they write to it is renamed as well.
func TestNobodyWaitsForACopy(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	fillLarge(a)
	cmd := w.srv.table.byName["rename"]
	goOn := make(chan struct{})
	ahead := cmd.Ahead
	cmd.Ahead = func(c *Context) {
		ahead(c)
		<-goOn
	}
	a.hurried = true
	expect(t, a.do("RENAME", "list", "to"), "")
	expect(t, b.do("RPUSH", "list", "last"), ":3001\r\n")
	expect(t, b.do("SET", "k", "v"), "+OK\r\n")
	expect(t, b.do("EVAL", "return redis.call('get', KEYS[1])", "1", "k"), "$1\r\nv\r\n")
	expect(t, b.do("EXISTS", "to"), ":0\r\n")
	close(goOn)
	until(t, "RENAME ends", func() bool { w.pumpAll(); return len(a.got) > 0 })
	expect(t, a.take(), "+OK\r\n")
	expect(t, b.do("LINDEX", "to", "-1"), "$4\r\nlast\r\n")
	expect(t, b.do("EXISTS", "list"), ":0\r\n")
}

// TestNobodyWaitsForATransaction: that holds for RENAME and COPY in MULTI as well; a
// watched key that changes meanwhile discards the transaction.
func TestNobodyWaitsForATransaction(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	fillLarge(a)
	cmd := w.srv.table.byName["exec"]
	goOn, ahead := make(chan struct{}), cmd.Ahead
	cmd.Ahead = func(c *Context) {
		ahead(c)
		<-goOn
	}
	run := func(meanwhile func()) string {
		a.send(wire("MULTI") + wire("SET", "first", "1") + wire("RENAME", "list", "old") + wire("RENAME", "set", "list") + wire("COPY", "zset", "z2") +
			wire("SELECT", "3") + wire("RENAME", "hash", "x"))
		a.hurried = true
		expect(t, a.do("EXEC"), "")
		meanwhile()
		goOn <- struct{}{}
		until(t, "EXEC ends", func() bool { w.pumpAll(); return len(a.got) > 0 })
		a.hurried = false
		return a.take()
	}
	expect(t, a.do("WATCH", "zset"), "+OK\r\n")
	expect(t, run(func() { expect(t, b.do("ZADD", "zset", "1", "more"), ":1\r\n") }), "*-1\r\n")
	expect(t, b.do("EXISTS", "old", "first"), ":0\r\n")
	expect(t, run(func() {
		expect(t, b.do("SET", "k", "v"), "+OK\r\n")
		expect(t, b.do("EXISTS", "old", "first"), ":0\r\n")
		expect(t, b.do("SADD", "set", "last"), ":1\r\n")
	}), "*6\r\n+OK\r\n+OK\r\n+OK\r\n:1\r\n+OK\r\n-ERR no such key\r\n")
	expect(t, a.send(wire("SELECT", "0")+wire("TYPE", "list")+wire("SCARD", "list")+wire("LLEN", "old")+wire("ZCARD", "z2")), "+OK\r\n+set\r\n:3001\r\n:3000\r\n:3001\r\n")
}

// TestLargeKeysOneByOne: copies of large keys are prepared one at a time, and others go
// on meanwhile.
func TestLargeKeysOneByOne(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	fillLarge(a)
	w.srv.drafting.Lock()
	a.hurried = true
	expect(t, a.do("RENAMENX", "set", "moved"), "")
	expect(t, b.do("SADD", "set", "other"), ":1\r\n")
	if !a.s.isAway() {
		t.Fatal("it does not wait for its turn")
	}
	w.srv.drafting.Unlock()
	a.hurried = false
	expect(t, a.send(""), ":1\r\n")
	expect(t, b.do("SCARD", "moved"), ":3001\r\n")
}

// TestFlushOfManyCountersAside: very many counters are deleted one after the other, and
// the reply comes when all is gone, in the database that was meant; in MULTI, too.
func TestFlushOfManyCountersAside(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	fill := func() {
		c.send(wire("SET", "plain", "v") + wire("EVAL", "for i = 1, 12000 do redis.call('INCR', 'n' .. i) end", "0"))
	}
	fill()
	expect(t, c.do("SELECT", "1"), "+OK\r\n")
	expect(t, c.do("SET", "other", "v"), "+OK\r\n")
	expect(t, c.do("FLUSHALL", "LATER"), "-ERR syntax error\r\n")
	expect(t, c.send(wire("SELECT", "0")+wire("FLUSHDB")+wire("DBSIZE")), "+OK\r\n+OK\r\n:0\r\n")
	expect(t, c.send(wire("SELECT", "1")+wire("DBSIZE")), "+OK\r\n:1\r\n")
	fill()
	expect(t, c.send(wire("FLUSHALL", "ASYNC")+wire("DBSIZE")), "+OK\r\n:0\r\n")
	fill()
	expect(t, c.send(wire("MULTI")+wire("FLUSHALL")+wire("DBSIZE")+wire("EXEC")), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:0\r\n")
	fill()
	expect(t, c.do("EVAL", "return redis.call('FLUSHALL')", "0"), "+OK\r\n")
	expect(t, c.do("DBSIZE"), ":0\r\n")
}

// TestNoWritesAfterALongPreparation: a region that leaves the others while a command
// is prepared has handed over what it has; the command must not add to it.
func TestNoWritesAfterALongPreparation(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	fillLarge(c)
	cmd := w.srv.table.byName["rename"]
	cmd.Ahead = func(*Context) {
		w.log.set(func() { w.log.admit = fmt.Errorf("%w: %w", oplog.ErrForbidden, errors.New("write elsewhere")) })
	}
	if got := c.do("RENAME", "list", "to"); !strings.HasPrefix(got, "-READONLY ") {
		t.Errorf("%q", got)
	}
	expect(t, c.do("EXISTS", "list", "to"), ":1\r\n")
}

// TestNoWritesOnceForbidden: who forbids writes takes all locks once and then counts on
// it that nothing is written any more, also by those that were admitted just before.
func TestNoWritesOnceForbidden(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	c.do("SET", "here", "v")
	c.do("RPUSH", "list", "a", "b")
	dot := func() crdt.Dot { return crdt.Dot{Time: w.log.Issued().Time} }
	refuse := func(late bool, why error) {
		w.log.set(func() { w.log.late, w.log.admit = late, why })
	}
	forbidden := fmt.Errorf("%w: %w", oplog.ErrForbidden, errors.New("write elsewhere"))
	for _, args := range [][]string{
		{"SET", "k", "v"}, {"MSET", "k", "v", "l", "v"}, {"DEL", "here"}, {"LPOP", "list"}, {"LMOVE", "list", "list", "LEFT", "RIGHT"},
		{"BLPOP", "list", "0"}, {"SORT", "list", "ALPHA", "STORE", "k"}, {"FLUSHALL"}, {"FLUSHDB", "ASYNC"},
		{"EVAL", "return redis.call('set', KEYS[1], 'v')", "1", "k"}, {"EVAL", "return redis.call('flushall')", "0"},
		{"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)"}, {"FUNCTION", "FLUSH"}, {"EXEC"},
	} {
		if args[0] == "EXEC" {
			c.send(wire("MULTI") + wire("SET", "k", "v"))
		}
		before := dot()
		refuse(true, forbidden)
		got := c.do(args...)
		refuse(false, nil)
		if !strings.Contains(got, "READONLY write elsewhere") || dot() != before {
			t.Errorf("%v: %q", args, got)
		}
	}
	expect(t, c.send(wire("EXISTS", "here", "list", "k")+wire("LLEN", "list")), ":2\r\n:2\r\n")
}

// CLIENT REPLY takes back replies of what has been done aside.
func TestNoReplyFromAside(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	fillLarge(c)
	expect(t, c.send(wire("CLIENT", "REPLY", "SKIP")+wire("RENAME", "list", "a")+wire("RENAME", "a", "b")), "+OK\r\n")
	expect(t, c.send(wire("CLIENT", "REPLY", "OFF")+wire("RENAME", "b", "c")+wire("CLIENT", "REPLY", "ON")), "+OK\r\n")
	expect(t, c.do("EXISTS", "c"), ":1\r\n")
}

// A client may leave when its script has ended and nobody has looked yet: others do
// not wait for that script for ever.
func TestClientLeavesAsItsScriptEnds(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.hurried = true
	expect(t, a.do("EVAL", "while true do end", "0"), "")
	expect(t, b.do("SCRIPT", "KILL"), "+OK\r\n")
	until(t, "the script ends", func() bool { return a.s.away.state.Load() == awayFinished })
	a.close()
	expect(t, b.do("SET", "k", "v"), "+OK\r\n")
	expect(t, b.do("SCRIPT", "KILL"), "-"+msgNotBusy+"\r\n")
}
