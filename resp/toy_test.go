package resp

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// toy is a session with a few commands that reach every corner of a
// transport. Tests may use conn, closed and outbox.
type toy struct {
	conn   Conn
	parser Parser
	w      Writer
	paused bool
	done   bool

	inside atomic.Int32 // methods running now: must never be 2
	wakes  atomic.Int32
	ending atomic.Bool // Wake makes it done
	closed chan struct{}
	outbox chan []byte         // what Wake sends
	other  atomic.Pointer[toy] // woken at every Input
}

func newToy(c Conn) *toy {
	return &toy{conn: c, w: Writer{Proto: 2}, closed: make(chan struct{}), outbox: make(chan []byte, 4096)}
}

func (s *toy) enter() {
	if s.inside.Add(1) != 1 {
		panic("two session methods at once")
	}
}
func (s *toy) leave() { s.inside.Add(-1) }

func (s *toy) Input(data []byte) (used int) {
	s.enter()
	defer s.leave()
	if o := s.other.Load(); o != nil {
		o.conn.Wake()
	}
	for used < len(data) && !s.paused && !s.done && len(s.w.Buf) < 1<<20 {
		args, n, err := s.parser.Next(data[used:], PostAuth)
		if err != nil {
			s.w.Error("ERR " + err.Error())
			s.done = true
			return len(data)
		}
		if n == 0 {
			return used
		}
		used += n
		if args != nil {
			s.run(args)
		}
	}
	return used
}

func (s *toy) run(args [][]byte) {
	switch name := string(bytes.ToUpper(args[0])); name {
	case "PING":
		s.w.SimpleString("PONG")
	case "ECHO":
		s.w.Bulk(args[1])
	case "BIG": // a reply of 4 MiB
		s.w.Bulk(make([]byte, 4<<20))
	case "HUGE": // more than sockets hold
		s.w.Bulk(make([]byte, 32<<20))
	case "PAUSE":
		s.paused = true
	case "QUIT":
		s.w.OK()
		s.done = true
	case "PANIC":
		panic("as asked")
	case "KILLME":
		s.conn.Kill()
	default:
		s.w.Error("ERR unknown command '" + name + "'")
	}
}

func (s *toy) Wake() {
	s.enter()
	defer s.leave()
	s.wakes.Add(1)
	s.done = s.done || s.ending.Load()
	if s.paused {
		s.paused = false
		s.w.SimpleString("RESUMED")
	}
	for {
		select {
		case b := <-s.outbox:
			s.w.Raw(b)
		default:
			return
		}
	}
}

func (s *toy) Output() []byte { s.enter(); defer s.leave(); return s.w.Buf }
func (s *toy) Sent(n int) {
	s.enter()
	defer s.leave()
	if n == len(s.w.Buf) {
		s.w.Buf = s.w.Buf[:0]
		return
	}
	s.w.Buf = s.w.Buf[n:]
}
func (s *toy) Paused() bool { s.enter(); defer s.leave(); return s.paused }
func (s *toy) Done() bool   { s.enter(); defer s.leave(); return s.done }
func (s *toy) Closed()      { s.enter(); defer s.leave(); close(s.closed) }

// bench serves toy sessions for one test.
type bench struct {
	*testing.T
	srv   *Server
	ticks chan time.Time
	log   *logCounter

	mu   sync.Mutex
	toys []*toy
	born chan *toy
}

// serve starts a Server on a free port; it is closed with the test.
func serve(t *testing.T, transport string, change func(*ServerOptions)) *bench {
	t.Helper()
	b := &bench{T: t, ticks: make(chan time.Time), born: make(chan *toy, 4096), log: &logCounter{}}
	opts := ServerOptions{
		Addr: "127.0.0.1:0", Net: transport,
		NewSession: func(c Conn) Session {
			s := newToy(c)
			b.mu.Lock()
			b.toys = append(b.toys, s)
			b.mu.Unlock()
			b.born <- s
			return s
		},
		NewTicker: func() (<-chan time.Time, func()) { return b.ticks, func() {} },
		Logger:    slog.New(b.log),
	}
	if change != nil {
		change(&opts)
	}
	srv, err := Listen(opts)
	if err != nil {
		t.Fatal(err)
	}
	b.srv = srv
	t.Cleanup(b.stop)
	return b
}

// stop closes the server; every session must have had its Closed.
func (b *bench) stop() {
	if err := b.srv.Close(); err != nil {
		b.Error("Close:", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.toys {
		select {
		case <-s.closed:
		default:
			b.Error("a session had no Closed")
		}
	}
	if n := b.srv.Stats().Current; n != 0 {
		b.Errorf("%d connections in the books after Close", n)
	}
}

// dial connects and returns the connection with its session.
func (b *bench) dial() (net.Conn, *toy) {
	b.Helper()
	nc := b.connect()
	select {
	case s := <-b.born:
		return nc, s
	case <-time.After(10 * time.Second):
		b.Fatal("no session")
		return nil, nil
	}
}

func (b *bench) connect() net.Conn {
	b.Helper()
	nc, err := net.Dial(b.srv.Addr().Network(), b.srv.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(30 * time.Second))
	b.Cleanup(func() { _ = nc.Close() })
	return nc
}

// await waits until cond holds.
func (b *bench) await(what string, cond func() bool) {
	b.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("waited in vain:", what)
		}
	}
}

// logCounter counts lines by message.
type logCounter struct {
	mu    sync.Mutex
	lines map[string]int
}

func (l *logCounter) Enabled(context.Context, slog.Level) bool { return true }
func (l *logCounter) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logCounter) WithGroup(string) slog.Handler            { return l }
func (l *logCounter) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines == nil {
		l.lines = map[string]int{}
	}
	l.lines[r.Message]++
	return nil
}

func (l *logCounter) count(msg string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines[msg]
}
