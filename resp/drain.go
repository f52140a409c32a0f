package resp

import (
	"context"
	"io"
	"net"
	"time"
)

// Draining: the orderly end of a Server. Its sessions have been told to end, by
// whoever knows what they are about; each says Done once its replies are in its
// socket. That is not the client's end of the wire yet: to close a socket whose
// peer has not taken everything, or from which not everything was read, may throw
// away replies. So a connection with bytes on their way stays, half closed, until
// the other side has acknowledged them.

// drainPoll is how often is looked whether something has ended.
const drainPoll = 5 * time.Millisecond

// Drain stops accepting and waits until every connection has ended and its
// client's machine has taken all replies, or ctx is over. It ends no session:
// those must have been told to be Done. Close must follow.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	_ = s.ln.Close() // Close tells of errors
	s.accepting.Wait()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for s.count.current.Load() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// lingers reports whether a connection on a loop, whose session is done, has to
// leave it for a goroutine where it can wait. If not, it is ready to be closed:
// what the client still sends is read, or the close would be a reset.
func (c *conn) lingers(fd int) bool {
	if !c.drains() {
		return false
	}
	if unsent(uintptr(fd)) > 0 {
		return true
	}
	discard(fd)
	return false
}

// drains reports whether the connection ends in good order while the server
// drains.
func (c *conn) drains() bool {
	return c.srv.draining.Load() && !c.killed.Load() && c.session != nil && c.session.Done()
}

// linger waits until the client's side has taken everything, or hangs up, or the
// connection is killed. What the client sends meanwhile is thrown away: one that
// writes before it reads would else never read.
func (c *conn) linger(socket, rw net.Conn) {
	halfClose(rw)
	if rw != socket {
		halfClose(socket)
	}
	_ = socket.SetReadDeadline(time.Time{})
	hungUp := make(chan struct{})
	go func() { // ends with the socket, awaited below
		defer close(hungUp)
		_, _ = io.Copy(io.Discard, socket)
	}()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for waiting := true; waiting && unsentOf(socket) > 0; {
		select {
		case <-tick.C:
		case <-hungUp:
			waiting = false
		}
	}
	_ = socket.Close()
	<-hungUp
}

func halfClose(nc net.Conn) {
	if w, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
}
