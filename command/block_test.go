package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/engine"
	"crdb/oplog"
)

func TestBlockingPop(t *testing.T) { // W1
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	expect(t, a.do("BLPOP", "k", "other", "0"), "")
	expect(t, b.do("BRPOP", "k", "0"), "")
	// The pusher's next command already sees that both were served, in order.
	expect(t, c.send(wire("RPUSH", "k", "1", "2", "3")+wire("LRANGE", "k", "0", "-1")), ":3\r\n*1\r\n$1\r\n2\r\n")
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\n1\r\n")
	expect(t, b.take(), "*2\r\n$1\r\nk\r\n$1\r\n3\r\n")
	expect(t, a.do("BLPOP", "none", "k", "0"), "*2\r\n$1\r\nk\r\n$1\r\n2\r\n")
	if n := w.srv.engine.Waiting(); n != 0 {
		t.Fatalf("%d keys are waited for", n)
	}
}

func TestBlockingTimesOut(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.send(wire("BLPOP", "k", "0.05")+wire("PING")), "")
	w.advance(49 * time.Millisecond)
	w.pumpAll()
	expect(t, a.take(), "")
	w.advance(time.Millisecond)
	w.pumpAll()
	expect(t, a.take(), "*-1\r\n+PONG\r\n")
	expect(t, b.do("RPUSH", "k", "v"), ":1\r\n")
	expect(t, a.do("BLMOVE", "none", "k", "LEFT", "LEFT", "0"), "")
	expect(t, b.do("CLIENT", "UNBLOCK", "1"), ":1\r\n")
	expect(t, a.take(), "*-1\r\n")
	expect(t, a.do("BLMPOP", "0", "1", "none", "LEFT"), "")
	expect(t, b.do("CLIENT", "UNBLOCK", "1", "ERROR"), ":1\r\n")
	expect(t, a.take(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	if n := w.srv.engine.Waiting(); n != 0 {
		t.Fatalf("%d keys are waited for", n)
	}
}

func TestBlockingWakesInChains(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	expect(t, a.do("BLMOVE", "x", "y", "LEFT", "RIGHT", "0"), "")
	expect(t, b.do("BLPOP", "y", "0"), "")
	expect(t, c.send(wire("MULTI")+wire("LPUSH", "x", "1")+wire("LPUSH", "x", "2")+wire("EXEC")),
		"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n")
	expect(t, a.take(), "$1\r\n2\r\n")
	expect(t, b.take(), "*2\r\n$1\r\ny\r\n$1\r\n2\r\n")

	expect(t, a.do("BLPOP", "dst", "0"), "")
	expect(t, c.do("RENAME", "x", "dst"), "+OK\r\n")
	expect(t, a.take(), "*2\r\n$3\r\ndst\r\n$1\r\n1\r\n")

	// Another type does not end the wait; inside MULTI nobody waits.
	expect(t, a.do("BLPOP", "k", "0"), "")
	expect(t, c.do("SET", "k", "v"), "+OK\r\n")
	expect(t, a.take(), "")
	expect(t, b.do("BLPOP", "k", "0"), "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
	expect(t, c.send(wire("MULTI")+wire("BLPOP", "no", "0")+wire("BLMOVE", "no", "no", "LEFT", "LEFT", "0")+wire("EXEC")),
		"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n*-1\r\n$-1\r\n")
	expect(t, c.do("DEL", "k"), ":1\r\n")
	expect(t, c.do("LPUSH", "k", "v"), ":1\r\n")
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
}

func TestBlockedInAnotherDatabase(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.send(wire("SELECT", "5") + wire("HELLO", "3"))
	expect(t, a.do("BLPOP", "k", "1"), "")
	expect(t, b.do("LPUSH", "k", "v"), ":1\r\n")
	expect(t, a.take(), "")
	expect(t, b.send(wire("SELECT", "5")+wire("LPUSH", "k", "w")), "+OK\r\n:1\r\n")
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\nw\r\n")
	expect(t, a.do("BLPOP", "k", "0.1"), "")
	w.advance(100 * time.Millisecond)
	w.pumpAll()
	expect(t, a.take(), "_\r\n")
}

func TestBlockedWriteWaitsForTheDisk(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.do("CONFIG", "SET", "appendfsync", "always"), "+OK\r\n")
	expect(t, a.do("BLPOP", "k", "0"), "")
	w.order("disk stuck")
	expect(t, b.do("LPUSH", "k", "v"), "")
	expect(t, a.take(), "")
	w.order("disk free")
	w.pumpAll()
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
	expect(t, b.take(), ":1\r\n")
}

func TestBlockedClientOfAFailedLogWaits(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	expect(t, a.do("BLPOP", "k", "0"), "")
	w.log.set(func() { w.log.admit = oplog.ErrDiskFull })
	if got := b.do("LPUSH", "k", "v"); !strings.HasPrefix(got, "-MISCONF") {
		t.Fatal(got)
	}
	w.log.set(func() { w.log.admit = nil })
	expect(t, b.do("LPUSH", "k", "v"), ":1\r\n")
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
}

// TestBlockedClientOutlastsARefusal: what another region pushes while writes are
// refused is there for who waits for it once they are not, without a second push.
func TestBlockedClientOutlastsARefusal(t *testing.T) {
	w := newWorld(t)
	r := newRegion(t, w)
	a := w.dial("a")
	expect(t, a.do("BLPOP", "k", "0"), "")
	w.log.set(func() { w.log.admit = oplog.ErrDiskFull })
	r.do(w.wall.Load()+1, func(tx *engine.Tx) { tx.ListPush([]byte("k"), false, [][]byte{[]byte("v")}) })
	r.deliver(w)
	w.pumpAll()
	expect(t, a.take(), "")
	w.log.set(func() { w.log.admit = nil })
	for end := time.After(10 * time.Second); !a.woken.Load(); { // by the engine, which looks every 100 ms
		select {
		case <-end:
			t.Fatal("forgotten")
		case <-time.After(time.Millisecond):
		}
	}
	w.pumpAll()
	expect(t, a.take(), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
	expect(t, a.do("LLEN", "k"), ":0\r\n")
}

// TestManyBlockedClientsLeave: ten thousand leave at once, and nothing stays.
func TestManyBlockedClientsLeave(t *testing.T) {
	w := newWorld(t)
	var all []*conn
	for i := range 10_000 {
		c := w.dial(fmt.Sprint("c", i))
		c.in = []byte(wire("BLPOP", "k", fmt.Sprint("k", i), "0"))
		c.pump()
		all = append(all, c)
	}
	if n := w.srv.engine.Waiting(); n != 10_001 {
		t.Fatalf("%d keys are waited for", n)
	}
	for i, c := range all {
		if i != 5000 {
			c.close()
		}
	}
	if n := w.srv.engine.Waiting(); n != 2 {
		t.Fatalf("%d keys are waited for", n)
	}
	expect(t, w.dial("pusher").do("LPUSH", "k", "v"), ":1\r\n")
	expect(t, all[5000].take(), "*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
}

// CLIENT UNBLOCK ends waits in blocking commands, not what puts other commands off.
func TestUnblockLeavesPausedClients(t *testing.T) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	id := fmt.Sprint(a.id)
	expect(t, b.do("CLIENT", "PAUSE", "10000", "WRITE"), "+OK\r\n")
	expect(t, a.do("SET", "k", "v"), "")
	expect(t, b.do("CLIENT", "UNBLOCK", id), ":0\r\n")
	expect(t, b.do("CLIENT", "UNBLOCK", id, "ERROR"), ":0\r\n")
	expect(t, b.do("CLIENT", "UNPAUSE"), "+OK\r\n")
	expect(t, a.take(), "+OK\r\n")
	expect(t, a.do("BLPOP", "list", "0"), "")
	expect(t, b.do("CLIENT", "UNBLOCK", id), ":1\r\n")
	expect(t, a.take(), "*-1\r\n")
}
