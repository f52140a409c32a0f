package resp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const bigReply = 4<<20 + len("$4194304\r\n\r\n")

// end tells the toy to be done, as an orderly stop does.
func (s *toy) end() {
	s.ending.Store(true)
	s.conn.Wake()
}

// TestDrain: what was executed is answered, to the last byte, although the
// client has sent more than was taken from it and reads only later; an idle
// client sees the end at once, and nobody new comes in (R11).
func TestDrain(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		idle, s1 := b.dial()
		nc, s2 := b.dial()
		go io.WriteString(nc, strings.Repeat("BIG\r\n", 16)+strings.Repeat("PING\r\n", 1<<20))
		b.await("some output", func() bool { return b.srv.Stats().BytesOut > 0 })
		s1.end()
		s2.end()
		drained := make(chan error, 1)
		go func() { drained <- b.srv.Drain(context.Background()) }()
		if _, err := io.ReadAll(idle); err != nil {
			t.Error("idle:", err)
		}
		<-s1.closed
		b.await("the door shut", func() bool { // Drain may only now begin
			c, err := net.Dial("tcp", b.srv.Addr().String())
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		n, err := io.Copy(io.Discard, nc)
		if err != nil || n == 0 || n%int64(bigReply) != 0 {
			t.Errorf("%d bytes, %v", n, err)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// TestDrainBehindTLS: the same where the socket is not what is written to.
func TestDrainBehindTLS(t *testing.T) {
	b := serve(t, "", func(o *ServerOptions) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	})
	nc := tls.Client(b.connect(), &tls.Config{InsecureSkipVerify: true})
	go io.WriteString(nc, strings.Repeat("BIG\r\n", 16))
	b.await("some output", func() bool { return b.srv.Stats().BytesOut > 0 })
	s := <-b.born
	s.end()
	drained := make(chan error, 1)
	go func() { drained <- b.srv.Drain(context.Background()) }()
	n, err := io.Copy(io.Discard, nc)
	if err != nil || n == 0 || n%int64(bigReply) != 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// TestDrainOfOneThatNeverReads: it holds up nothing beyond the bound, whether
// its replies are still with the session or in the socket already.
func TestDrainOfOneThatNeverReads(t *testing.T) {
	for _, send := range []string{"HUGE\r\n", "BIG\r\n"} {
		onAll(t, nil, func(t *testing.T, b *bench) {
			nc, s := b.dial()
			_ = nc.(*net.TCPConn).SetReadBuffer(4 << 10)
			io.WriteString(nc, send)
			b.await("some output", func() bool { return b.srv.Stats().BytesOut > 0 })
			s.end()
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := b.srv.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			b.stop() // ends it
			<-s.closed
		})
	}
}
