package command

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
)

// world is a server without a network, with a clock and an op log in memory
// that the test moves.
type world struct {
	t      testing.TB
	srv    *Server
	log    *gateLog
	repl   *fakeRepl
	conns  map[string]*conn
	lastID uint64
	wall   atomic.Int64
	mono   atomic.Int64
	timers timers
	looked atomic.Int64 // lookups of keys
	logged strings.Builder
}

// gateLog lets a test hold back durability and refuse writes.
type gateLog struct {
	*oplog.Log
	mu     sync.Mutex
	closed bool // nothing becomes durable
	upTo   crdt.Timestamp
	admit  error
	late   bool // admit counts from the next question but one on
	failed error
	hooks  []func()
}

func (g *gateLog) Admit(wall int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if late := g.late; g.admit != nil {
		g.late = false
		if late {
			return nil
		}
		return g.admit
	}
	return g.Log.Admit(wall)
}

func (g *gateLog) DurableOwn() crdt.Timestamp {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return g.upTo
	}
	return 1<<64 - 1
}

func (g *gateLog) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed
}

func (g *gateLog) OnDurable(f func()) { g.hooks = append(g.hooks, f) }

// set changes the gate and tells the server.
func (g *gateLog) set(f func()) {
	g.mu.Lock()
	f()
	g.mu.Unlock()
	for _, h := range g.hooks {
		h()
	}
}

type fakeRepl struct {
	mu        sync.Mutex
	acked     int
	upTo      crdt.Timestamp
	hooks     []func()
	published []string
}

func (r *fakeRepl) Publish(channel, payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, fmt.Sprintf("%s:%s", channel, payload))
}

func (r *fakeRepl) Acked(own crdt.Timestamp) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if own > r.upTo {
		return 0
	}
	return r.acked
}

func (r *fakeRepl) OnAck(f func()) { r.hooks = append(r.hooks, f) }
func (r *fakeRepl) Members() int   { return 3 }
func (r *fakeRepl) Links() []Link  { return []Link{{Replica: 2, Region: "eu-west", Connected: true}} }

func (r *fakeRepl) ack(n int, upTo crdt.Timestamp) {
	r.mu.Lock()
	r.acked, r.upTo = n, upTo
	r.mu.Unlock()
	for _, h := range r.hooks {
		h()
	}
}

// timers collects what AfterFunc was given; advance runs what is due.
type timers struct {
	mu  sync.Mutex
	all map[*timer]bool
}

type timer struct {
	at int64 // unix milliseconds
	f  func()
}

func newWorld(t testing.TB) *world { return newWorldOf(t, 1) }

// newWorldOf is a world of the instance with this ID.
func newWorldOf(t testing.TB, id crdt.ReplicaID) *world {
	t.Helper()
	w := &world{t: t, conns: map[string]*conn{}, repl: &fakeRepl{}}
	w.timers.all = map[*timer]bool{}
	w.wall.Store(1_700_000_000_000)
	log, err := oplog.Open(oplog.Options{
		FS: vfs.NewMem(), Dir: "/db", Wall: w.wall.Load, DiskReserve: -1,
		Identity: oplog.Identity{Database: "00000000-0000-0000-0000-000000000001", Name: "test", Region: "here", Replica: id},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.log = &gateLog{Log: log}
	var rnd atomic.Uint64
	rand := func() uint64 { return rnd.Add(0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9 }
	eng, err := engine.Open(engine.Options{
		Log: log, Seed: 7, Replica: id, Wall: w.wall.Load, Rand: rand, Touched: func(int, []byte) { w.looked.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.srv = NewServer(Options{
		Engine: eng, Log: w.log, Replication: w.repl, Wall: w.wall.Load, Now: func() int64 { return w.mono.Add(1000) },
		AfterFunc: w.after, Rand: rand, Region: "here", Database: "test", GUID: "g", Replica: id,
		Process: func() Process { return Process{PID: 1} },
		Logger:  slog.New(slog.NewTextHandler(&lockedWriter{b: &w.logged}, nil)),
	})
	t.Cleanup(func() {
		for _, c := range w.conns {
			c.close()
		}
		w.srv.Close()
		eng.Close()
		log.Close()
	})
	return w
}

type lockedWriter struct {
	mu sync.Mutex
	b  *strings.Builder
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (w *world) after(d time.Duration, f func()) func() bool {
	tm := &timer{w.wall.Load() + d.Milliseconds(), f}
	w.timers.mu.Lock()
	defer w.timers.mu.Unlock()
	w.timers.all[tm] = true
	return func() bool {
		w.timers.mu.Lock()
		defer w.timers.mu.Unlock()
		was := w.timers.all[tm]
		delete(w.timers.all, tm)
		return was
	}
}

// advance moves the clocks and runs the timers that are due.
func (w *world) advance(d time.Duration) {
	now := w.wall.Add(d.Milliseconds())
	w.mono.Add(int64(d))
	var due []*timer
	w.timers.mu.Lock()
	for tm := range w.timers.all {
		if tm.at <= now {
			due = append(due, tm)
			delete(w.timers.all, tm)
		}
	}
	w.timers.mu.Unlock()
	for _, tm := range due {
		tm.f()
	}
}

// conn is a connection and its transport in one: it drives its session as the
// real transports do.
type conn struct {
	w       *world
	id      uint64
	s       *Session
	in      []byte
	got     []byte
	woken   atomic.Bool
	killed  atomic.Bool
	closed  bool
	stuck   bool // the client does not read
	hurried bool // send does not wait for scripts
}

func (c *conn) ID() uint64         { return c.id }
func (c *conn) RemoteAddr() string { return fmt.Sprintf("127.0.0.1:%d", 40000+c.id) }
func (c *conn) LocalAddr() string  { return "127.0.0.1:6379" }
func (c *conn) Wake()              { c.woken.Store(true) }
func (c *conn) Kill()              { c.killed.Store(true) }

// dial opens a connection, or returns the one of that name.
func (w *world) dial(name string) *conn {
	if c := w.conns[name]; c != nil && !c.closed {
		return c
	}
	w.lastID++
	c := &conn{w: w, id: w.lastID}
	c.s = w.srv.NewSession(c).(*Session)
	w.conns[name] = c
	return c
}

func (c *conn) close() {
	if !c.closed {
		c.closed = true
		c.s.Closed()
	}
}

// pump runs the session until nothing more happens.
func (c *conn) pump() {
	for !c.closed {
		busy := false
		if c.woken.Swap(false) {
			c.s.Wake()
			busy = true
		}
		if len(c.in) > 0 && !c.s.Paused() && !c.s.Done() {
			n := c.s.Input(c.in)
			c.in = c.in[n:]
			busy = busy || n > 0
		}
		if out := c.s.Output(); len(out) > 0 && !c.stuck {
			c.got = append(c.got, out...)
			c.s.Sent(len(out))
			busy = true
		}
		if c.killed.Load() || c.s.Done() && len(c.s.Output()) == 0 {
			c.close()
		}
		if !busy {
			return
		}
	}
}

// send hands bytes to the session, pumps every connection, and returns what
// this one got.
func (c *conn) send(data string) string {
	c.in = append(c.in, data...)
	c.pump()
	for c.s.isAway() && !c.hurried { // a script in the background
		time.Sleep(100 * time.Microsecond)
		c.pump()
	}
	c.w.pumpAll()
	return c.take()
}

func (w *world) pumpAll() {
	for range 3 {
		for _, c := range w.conns {
			c.pump()
		}
	}
}

func (c *conn) take() string {
	got := string(c.got)
	c.got = nil
	return got
}

// do sends one command as an array of bulk strings.
func (c *conn) do(args ...string) string { return c.send(wire(args...)) }

func wire(args ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.String()
}
