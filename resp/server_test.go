package resp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// transports are those of this system.
var transports = func() []string {
	if runtime.GOOS == "linux" {
		return []string{NetEpoll, NetLoop, NetStream}
	}
	return []string{NetLoop, NetStream}
}()

// onAll runs a test on every transport.
func onAll(t *testing.T, change func(*ServerOptions), test func(t *testing.T, b *bench)) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) { test(t, serve(t, transport, change)) })
	}
}

// say sends text and expects an answer.
func say(t *testing.T, nc net.Conn, send, want string) {
	t.Helper()
	if send != "" {
		if _, err := io.WriteString(nc, send); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	if n, err := io.ReadFull(nc, got); err != nil || string(got) != want {
		t.Fatalf("said %s: got %d bytes %s (%v), want %d %s", brief(send), n, brief(string(got[:n])), err, len(want), brief(want))
	}
}

// brief quotes the start of s.
func brief(s string) string {
	if len(s) > 100 {
		return fmt.Sprintf("%q...", s[:100])
	}
	return fmt.Sprintf("%q", s)
}

// sayClosed expects the end of the connection.
func sayClosed(t *testing.T, nc net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(nc)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection was not closed")
	}
	if len(rest) > 0 {
		t.Fatalf("%q before the end", rest)
	}
}

func TestPipeline(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PING\r\n*1\r\n$4\r\nPING\r\n", "+PONG\r\n+PONG\r\n")
		say(t, nc, strings.Repeat("PING\r\n", 10000), strings.Repeat("+PONG\r\n", 10000))
		say(t, nc, "*2\r\n$4\r\nEC", "")
		say(t, nc, "HO\r\n$3\r\nab", "")
		say(t, nc, "c\r\nPING\r\n", "$3\r\nabc\r\n+PONG\r\n")
		if s.conn.RemoteAddr() != nc.LocalAddr().String() || s.conn.LocalAddr() != nc.RemoteAddr().String() {
			t.Errorf("addresses %s, %s", s.conn.RemoteAddr(), s.conn.LocalAddr())
		}
	})
}

func TestLargeBulk(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, _ := b.dial()
		body := strings.Repeat("0123456789abcdef", 1<<19) // 8 MiB
		bulk := fmt.Sprintf("$%d\r\n%s\r\n", len(body), body)
		go io.WriteString(nc, "*2\r\n$4\r\nECHO\r\n"+bulk+"PING\r\n")
		say(t, nc, "", bulk+"+PONG\r\n")
	})
}

func TestProtocolErrorCloses(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PING\r\n*1\r\n$9223372036854775807\r\nx\r\n", "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n")
		sayClosed(t, nc)
		<-s.closed
	})
}

func TestQuit(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "QUIT\r\nPING\r\n", "+OK\r\n")
		sayClosed(t, nc)
		<-s.closed
	})
}

func TestWake(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		var wg sync.WaitGroup
		for range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 250 {
					s.outbox <- []byte("+HI\r\n")
					s.conn.Wake()
				}
			}()
		}
		go io.WriteString(nc, strings.Repeat("PING\r\n", 100))
		got := make([]byte, 2000*len("+HI\r\n")+100*len("+PONG\r\n"))
		if n, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(n, err)
		}
		if n := bytes.Count(got, []byte("+HI\r\n")); n != 2000 {
			t.Errorf("%d messages", n)
		}
		wg.Wait()
	})
}

// TestWakeEachOther: sessions wake one another while they run (R10).
func TestWakeEachOther(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		n1, s1 := b.dial()
		n2, s2 := b.dial()
		s1.other.Store(s2)
		s2.other.Store(s1)
		var wg sync.WaitGroup
		for _, nc := range []net.Conn{n1, n2} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 500 {
					say(t, nc, "PING\r\n", "+PONG\r\n")
				}
			}()
		}
		wg.Wait()
	})
}

func TestPaused(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PING\r\nPAUSE\r\nPING\r\n", "+PONG\r\n")
		say(t, nc, "ECHO x\r\n", "")
		b.await("pause", func() bool { return s.conn.(*conn).paused.Load() })
		s.conn.Wake()
		say(t, nc, "", "+RESUMED\r\n+PONG\r\n$1\r\nx\r\n")
	})
}

// TestPausedFlood: a paused connection is read up to a bound only (R6), and
// nothing of the flood is lost.
func TestPausedFlood(t *testing.T) {
	bound := func(o *ServerOptions) { o.PausedInput = 64 << 10 }
	onAll(t, bound, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PAUSE\r\n", "")
		const n = 2 << 20
		wrote := make(chan error, 1)
		go func() {
			_, err := io.WriteString(nc, strings.Repeat("PING\r\n", n))
			wrote <- err
		}()
		b.await("flood", func() bool { return b.srv.Stats().BytesIn > 64<<10 })
		select {
		case <-wrote:
			t.Fatal("all of it was read")
		case <-time.After(100 * time.Millisecond):
		}
		if in := b.srv.Stats().BytesIn; in > 256<<10 {
			t.Errorf("%d bytes read while paused", in)
		}
		s.conn.Wake()
		say(t, nc, "", "+RESUMED\r\n")
		got, err := io.CopyN(io.Discard, nc, n*int64(len("+PONG\r\n")))
		if err != nil {
			t.Fatal(got, err)
		}
	})
}

// TestPausedClientLeaves: the end of a blocked client is noticed.
func TestPausedClientLeaves(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PAUSE\r\n", "")
		b.await("pause", func() bool { return s.conn.(*conn).paused.Load() })
		nc.Close()
		<-s.closed
	})
}

// TestSlowReader: a client that does not read is not read (R6), may be woken
// meanwhile, and gets everything once it reads.
func TestSlowReader(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		go io.WriteString(nc, strings.Repeat("BIG\r\n", 16)+strings.Repeat("PING\r\n", 1<<20))
		b.await("some output", func() bool { return b.srv.Stats().BytesOut > 0 })
		for range 100 {
			s.outbox <- []byte("+HI\r\n")
			s.conn.Wake()
		}
		last, same := uint64(0), 0
		b.await("the server to stop reading", func() bool {
			if in := uint64(b.srv.Stats().BytesIn); in != last {
				last, same = in, 0
			}
			same++
			return same == 50
		})
		if st := b.srv.Stats(); st.BytesIn > 1<<20 || st.BytesOut > 40<<20 {
			t.Errorf("in %d, out %d without a reader", st.BytesIn, st.BytesOut)
		}
		want := int64(16*(4<<20+len("$4194304\r\n\r\n")) + 100*len("+HI\r\n") + 1<<20*len("+PONG\r\n"))
		if got, err := io.CopyN(io.Discard, nc, want); err != nil {
			t.Fatal(got, err)
		}
	})
}

func TestHardLimit(t *testing.T) {
	limit := func(o *ServerOptions) {
		o.PendingOutputLimit = func(Session) OutputLimit { return OutputLimit{Hard: 64 << 20} }
	}
	onAll(t, limit, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "PING\r\n", "+PONG\r\n")
		big := make([]byte, 1<<20)
		for range 70 {
			s.outbox <- big
			s.conn.Wake()
		}
		<-s.closed
		if n := b.srv.Stats().OutputKills; n != 1 {
			t.Errorf("%d kills", n)
		}
	})
}

func TestSoftLimit(t *testing.T) {
	limit := func(o *ServerOptions) {
		o.PendingOutputLimit = func(Session) OutputLimit { return OutputLimit{Soft: 1 << 20, SoftFor: time.Second} }
	}
	onAll(t, limit, func(t *testing.T, b *bench) {
		nc, s := b.dial()
		say(t, nc, "HUGE\r\n", "")
		b.await("limit", func() bool { return s.conn.(*conn).softAt.Load() != 0 })
		if n := s.conn.(*conn).softAt.Load() - b.srv.tick.Load(); n != 2 { // with the second, a whole second has passed
			t.Fatalf("overdue after %d ticks", n)
		}
		b.ticks <- time.Time{}
		select {
		case <-s.closed:
			t.Fatal("too early")
		default:
		}
		b.ticks <- time.Time{}
		<-s.closed
	})
}

func TestKill(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		for name, prepare := range map[string]string{"idle": "", "paused": "PAUSE\r\n", "stalled": strings.Repeat("BIG\r\n", 8)} {
			nc, s := b.dial()
			say(t, nc, "PING\r\n"+prepare, "+PONG\r\n")
			if name == "stalled" {
				b.await("stall", func() bool { return b.srv.Stats().BytesOut > 100 })
			}
			s.conn.Kill()
			s.conn.Kill()
			<-s.closed
			s.conn.Kill()
			s.conn.Wake()
		}
		nc, s := b.dial()
		say(t, nc, "KILLME\r\nPING\r\n", "")
		<-s.closed
	})
}

func TestPanic(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		other, _ := b.dial()
		for range 5 {
			nc, s := b.dial()
			say(t, nc, "PANIC\r\n", "")
			sayClosed(t, nc)
			// The toy's own guard is left entered by the panic.
			_ = s
		}
		say(t, other, "PING\r\n", "+PONG\r\n")
		b.await("panics", func() bool { return b.srv.Stats().Panics >= 5 })
		if n := b.log.count("client closed: its session panicked"); n != 1 {
			t.Errorf("%d lines in one tick", n)
		}
	})
}

func TestMaxClients(t *testing.T) {
	two := func(o *ServerOptions) { o.MaxClients = func() int { return 2 } }
	onAll(t, two, func(t *testing.T, b *bench) {
		first, s := b.dial()
		b.dial()
		third := b.connect()
		say(t, third, "", "-ERR max number of clients reached\r\n")
		sayClosed(t, third)
		first.Close()
		<-s.closed
		b.await("room", func() bool { return b.srv.Stats().Current == 1 })
		nc, _ := b.dial()
		say(t, nc, "PING\r\n", "+PONG\r\n")
		if st := b.srv.Stats(); st.Rejected != 1 || st.Accepted != 3 {
			t.Errorf("%+v", st)
		}
	})
}

func TestTimeouts(t *testing.T) {
	idle := func(o *ServerOptions) { o.IdleTimeout = func() time.Duration { return 2 * time.Second } }
	onAll(t, idle, func(t *testing.T, b *bench) {
		quiet, sQuiet := b.dial()
		busy, _ := b.dial()
		exempt, sExempt := b.dial()
		paused, sPaused := b.dial()
		_, sLate := b.dial()
		sExempt.conn.(TimeControl).KeepIdle(true)
		sLate.conn.(TimeControl).KeepIdle(true)
		sLate.conn.(TimeControl).CloseAfter(time.Second)
		say(t, paused, "PAUSE\r\n", "")
		b.await("pause", func() bool { return sPaused.conn.(*conn).paused.Load() })
		for range 4 {
			b.ticks <- time.Time{}
			say(t, busy, "PING\r\n", "+PONG\r\n")
		}
		<-sQuiet.closed
		<-sLate.closed
		sayClosed(t, quiet)
		say(t, exempt, "PING\r\n", "+PONG\r\n")
		b.await("kills", func() bool { return b.srv.Stats().TimeoutKills == 2 })
		sPaused.conn.Wake()
		say(t, paused, "", "+RESUMED\r\n")
		b.ticks <- time.Time{}
		b.ticks <- time.Time{} // the first has been looked at
		say(t, paused, "PING\r\n", "+PONG\r\n")
	})
}

// flaky fails every other Accept.
type flaky struct {
	net.Listener
	calls int
}

func (f *flaky) Accept() (net.Conn, error) {
	if f.calls++; f.calls%2 == 1 {
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

func TestAcceptErrors(t *testing.T) {
	broken := func(o *ServerOptions) {
		o.listen = func(network, addr string) (net.Listener, error) {
			ln, err := net.Listen(network, addr)
			return &flaky{Listener: ln}, err
		}
	}
	onAll(t, broken, func(t *testing.T, b *bench) {
		for range 5 {
			nc, _ := b.dial()
			say(t, nc, "PING\r\n", "+PONG\r\n")
		}
		if n := b.srv.Stats().AcceptErrors; n < 5 {
			t.Errorf("%d errors", n)
		}
	})
}

// TestManyConnections: a thousand come and go and leave no goroutine (R9).
func TestManyConnections(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			before := runtime.NumGoroutine()
			b := serve(t, transport, func(o *ServerOptions) { o.Loops = 2 })
			var wg sync.WaitGroup
			for range 20 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for range 50 {
						nc, err := net.Dial("tcp", b.srv.Addr().String())
						if err != nil {
							t.Error(err)
							return
						}
						_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
						io.WriteString(nc, "PING\r\n")
						if _, err := io.ReadFull(nc, make([]byte, 7)); err != nil {
							t.Error(err)
						}
						nc.Close()
					}
				}()
			}
			wg.Wait()
			b.await("all gone", func() bool { return b.srv.Stats().Current == 0 })
			if n := b.srv.Stats().Accepted; n != 1000 {
				t.Errorf("%d accepted", n)
			}
			b.stop()
			b.await("goroutines", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// TestCloseWithClients: Close ends connections in every state.
func TestCloseWithClients(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		for i := range 30 {
			nc, _ := b.dial()
			say(t, nc, "PING\r\n"+[]string{"", "PAUSE\r\n", "BIG\r\nBIG\r\nBIG\r\n"}[i%3], "+PONG\r\n")
		}
		b.stop()
		if _, err := net.Dial("tcp", b.srv.Addr().String()); err == nil {
			t.Error("still listening")
		}
	})
}

func TestPortTaken(t *testing.T) {
	b := serve(t, NetLoop, nil)
	_, err := Listen(ServerOptions{Addr: b.srv.Addr().String(), NewSession: func(Conn) Session { return nil }})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []ServerOptions{
		{},
		{Net: "quic", NewSession: func(Conn) Session { return nil }},
		{Addr: "unix:/tmp/x", Net: NetLoop, NewSession: func(Conn) Session { return nil }},
		{Addr: "nowhere.invalid:xx", NewSession: func(Conn) Session { return nil }},
	} {
		if s, err := Listen(o); err == nil {
			s.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestNilSession(t *testing.T) {
	onAll(t, func(o *ServerOptions) { o.NewSession = func(Conn) Session { return nil } }, func(t *testing.T, b *bench) {
		sayClosed(t, b.connect())
	})
}

// TestNoAllocationPerRequest is R3 for the transports.
func TestNoAllocationPerRequest(t *testing.T) {
	for _, transport := range transports {
		srv, err := Listen(ServerOptions{Addr: "127.0.0.1:0", Net: transport,
			NewSession: func(Conn) Session { return &pinger{w: Writer{Proto: 2}} }})
		if err != nil {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", srv.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ping, pong := []byte("*1\r\n$4\r\nPING\r\nPING\r\n"), make([]byte, len("+PONG\r\n+PONG\r\n"))
		got := testing.AllocsPerRun(1000, func() {
			nc.Write(ping)
			io.ReadFull(nc, pong)
		})
		if got > 0 {
			t.Errorf("%s: %v allocations", transport, got)
		}
		nc.Close()
		srv.Close()
	}
}
