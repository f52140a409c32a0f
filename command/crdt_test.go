package command

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/engine"
	"crdb/oplog"
)

// region is another member, whose writes a test brings to the world.
type region struct {
	t   *testing.T
	log *oplog.Log
	eng *engine.Engine
}

func newRegion(t *testing.T, w *world) *region {
	t.Helper()
	l, err := oplog.Open(oplog.Options{FS: vfs.NewMem(), Dir: "other", Wall: w.wall.Load, DiskReserve: -1,
		Identity: oplog.Identity{Database: "00000000-0000-0000-0000-000000000001", Region: "eu-west", Replica: 2}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(engine.Options{Log: l, Seed: 7, Replica: 2, Wall: w.wall.Load, Rand: func() uint64 { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(); l.Close() })
	return &region{t: t, log: l, eng: e}
}

func (r *region) do(now int64, fn func(tx *engine.Tx)) {
	tx := r.eng.NewTx()
	tx.LockAll(now)
	fn(tx)
	tx.Unlock()
}

// deliver brings what the region has written to the world.
func (r *region) deliver(w *world) {
	r.t.Helper()
	if err := r.log.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	blocks, err := r.log.Read(2, w.log.Received().Get(2), 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, b := range blocks {
		if err := w.log.Receive(b); err != nil {
			r.t.Fatal(err)
		}
		if err := w.srv.engine.Apply(b); err != nil {
			r.t.Fatal(err)
		}
	}
}

// pull brings what the world has written to the region.
func (r *region) pull(w *world) {
	r.t.Helper()
	if err := w.log.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	for {
		blocks, err := w.log.Read(1, r.log.Received().Get(1), 1<<20)
		if err != nil {
			r.t.Fatal(err)
		}
		if len(blocks) == 0 {
			return
		}
		for _, b := range blocks {
			if err := r.log.Receive(b); err != nil {
				r.t.Fatal(err)
			}
			if err := r.eng.Apply(b); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func TestExplainAndConflicts(t *testing.T) {
	w := newWorld(t)
	r := newRegion(t, w)
	c, follower := w.dial("c"), w.dial("follower")
	follower.do("SUBSCRIBE", "__crdt@0__:conflicts")
	c.do("SET", "k", "here")
	r.do(w.wall.Load()+1, func(tx *engine.Tx) { tx.Put([]byte("k"), []byte("there"), engine.Expiry{}) })
	r.deliver(w)
	w.pumpAll()

	c.do("HELLO", "3")
	got := c.do("CRDT.EXPLAIN", "k")
	for _, part := range []string{"%6\r\n", "$4\r\ntype\r\n$6\r\nstring", "2 values were written at once", "$4\r\nhere", "$5\r\nthere",
		"$7\r\neu-west", "#t\r\n", "#f\r\n", "$9\r\ndeadlines"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in %q", part, got)
		}
	}
	if strings.Index(got, "there") > strings.Index(got, "$4\r\nhere") {
		t.Error("the newest is not first")
	}
	if got := c.do("CRDT.EXPLAIN", "absent"); got != "_\r\n" {
		t.Errorf("%q", got)
	}
	if got := c.do("CRDT.CONFLICTS", "LEN"); got != ":1\r\n" {
		t.Errorf("%q", got)
	}
	if got := c.do("CRDT.CONFLICTS", "STATS"); got != "%1\r\n$5\r\nwrite\r\n%1\r\n$6\r\nstring\r\n:1\r\n" {
		t.Errorf("%q", got)
	}
	if got := c.do("CRDT.CONFLICTS", "GET"); !strings.Contains(got, "$9\r\nby-region\r\n$7\r\neu-west") {
		t.Errorf("%q", got)
	}
	if got := follower.do("PING"); !strings.Contains(got, `"conflict":"write","type":"string","key":"k"`) {
		t.Errorf("the follower heard %q", got)
	}
	c.do("CRDT.CONFLICTS", "RESET")
	if got := c.do("CRDT.CONFLICTS", "LEN"); got != ":0\r\n" {
		t.Errorf("%q", got)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	r := newRegion(t, w)
	c, waiter := w.dial("c"), w.dial("waiter")
	c.do("SET", "k", "v")
	_, token, _ := strings.Cut(c.do("CRDT.TOKEN"), "\r\n")
	token = strings.TrimSpace(token)
	if got := c.do("CRDT.WAIT", token, "0"); got != ":1\r\n" {
		t.Errorf("its own token: %q", got)
	}

	// What the other region has written is here only once it has come.
	r.do(w.wall.Load(), func(tx *engine.Tx) { tx.Put([]byte("far"), []byte("v"), engine.Expiry{}) })
	far := (&Server{opts: w.srv.opts, engine: r.eng}).token()
	if got := waiter.do("CRDT.WAIT", far, "0"); got != "" {
		t.Errorf("it did not wait: %q", got)
	}
	if got := c.do("CRDT.WAIT", far, "50"); got != "" {
		t.Errorf("it did not wait: %q", got)
	}
	w.advance(60 * time.Millisecond)
	w.pumpAll()
	if got := c.take(); got != ":0\r\n" {
		t.Errorf("after the timeout: %q", got)
	}
	r.deliver(w)
	w.pumpAll()
	if got := waiter.take(); got != ":1\r\n" {
		t.Errorf("after it has come: %q", got)
	}

	for _, bad := range []string{"", "x", "!!!", token[:len(token)-4], token + "AAAA", strings.Repeat("A", maxToken+1)} {
		if got := c.do("CRDT.WAIT", bad, "0"); got != "-"+msgBadToken+"\r\n" && got != "-"+msgForeignToken+"\r\n" {
			t.Errorf("%q: %q", bad, got)
		}
	}
	foreign := &Server{opts: Options{GUID: "another"}, engine: r.eng}
	if got := c.do("CRDT.WAIT", foreign.token(), "0"); got != "-"+msgForeignToken+"\r\n" {
		t.Errorf("a foreign token: %q", got)
	}
}
