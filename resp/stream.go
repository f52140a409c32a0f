package resp

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// streamState is what a connection on its own goroutine (the reader) shares
// with its wake goroutines. Its lock guards the session, so that no two
// Session methods run at once; it is not held during a read or a write.
type streamState struct {
	sync.Mutex
	cond     sync.Cond // signalled when stepping or dead change, or after a Wake
	nc       net.Conn  // reads and writes; TLS or the socket itself
	stepping bool      // someone is in step, perhaps writing
	woken    bool      // Wake was called during that step: look at input again
	dead     bool
}

// The reader's buffer starts small, grows while reads fill it, and shrinks
// again after a run of small reads.
const (
	minRead    = 4 << 10
	maxRead    = 64 << 10
	smallReads = 64
	maxWrite   = 64 << 10
)

// chunks holds write buffers. A connection has one only during a write.
var chunks = sync.Pool{New: func() any { return new([maxWrite]byte) }}

// startStream serves an accepted connection on a goroutine.
func (s *Server) startStream(c *conn, nc net.Conn) {
	c.link.stream = nc
	s.add(c)
	s.streams.Add(1)
	go func() {
		defer s.streams.Done()
		rw, ok := c.handshake(nc)
		if !ok {
			rw = nil
		}
		c.carry(nc, rw)
	}()
}

// handshake makes a TLS connection of nc if that is asked for.
func (c *conn) handshake(nc net.Conn) (net.Conn, bool) {
	if c.srv.opts.TLS == nil {
		return nc, true
	}
	c.CloseAfter(c.srv.opts.HandshakeTimeout)
	t := tls.Server(nc, c.srv.opts.TLS)
	if err := t.HandshakeContext(context.Background()); err != nil {
		c.srv.count.tlsErrs.Add(1)
		c.srv.logs.tls.warn(c.srv, "TLS handshake failed", "addr", c.remote, "error", err)
		return nil, false
	}
	c.CloseAfter(0)
	return t, true
}

// carry is the reader goroutine's life. socket is what Kill closes, rw what
// is read and written; nil if there is nothing to serve.
func (c *conn) carry(socket, rw net.Conn) {
	c.run.cond.L = &c.run.Mutex
	if rw != nil {
		c.run.Lock()
		c.run.nc = rw
		c.read()
		c.run.dead = true
		c.run.cond.Broadcast()
		drains := c.drains()
		c.run.Unlock()
		if drains {
			c.linger(socket, rw)
		}
		_ = rw.Close()
	}
	_ = socket.Close()
	c.link.Lock()
	c.link.closed = true
	c.link.Unlock()
	c.link.wakers.Wait()
	c.gone()
}

// read alternates reading and stepping until the connection ends. run is held
// except during a read.
func (c *conn) read() {
	buf, small := make([]byte, minRead), 0
	for alive := c.enter(nil); alive && c.room(); {
		c.run.Unlock()
		n, err := c.run.nc.Read(buf)
		c.run.Lock()
		if n > 0 {
			c.received(n)
			alive = c.enter(buf[:n])
		}
		if err != nil {
			return
		}
		switch small++; {
		case n == len(buf) && n < maxRead:
			buf, small = make([]byte, 2*n), 0
		case n > len(buf)/4:
			small = 0
		case small >= smallReads && len(buf) > minRead:
			buf, small = make([]byte, len(buf)/2), 0
		}
	}
}

// enter runs one step, after the one in progress. run is held, but not while
// the step writes.
func (c *conn) enter(data []byte) (alive bool) {
	for c.run.stepping && !c.run.dead {
		c.run.cond.Wait()
	}
	if c.run.dead {
		return false
	}
	c.run.stepping = true
	v := c.stepOrOpen(data)
	c.run.stepping = false
	if v == end {
		c.run.dead = true
	}
	c.run.cond.Broadcast()
	return !c.run.dead
}

// stepOrOpen is step, or open for a connection without a session. A parked
// connection may have been woken or killed on its way here.
func (c *conn) stepOrOpen(data []byte) (v verdict) {
	defer c.caught(&v)
	if c.session == nil {
		return c.open()
	}
	if c.killed.Load() {
		return end
	}
	if c.waking.Load() && c.waking.Swap(false) {
		c.session.Wake()
	}
	return c.step(data)
}

// room waits while nothing more should be read: the session is paused and
// enough is kept for it. run is held.
func (c *conn) room() bool {
	for !c.run.dead && (c.run.stepping || c.paused.Load() && len(c.in) > c.srv.opts.PausedInput) {
		c.run.cond.Wait()
	}
	return !c.run.dead
}

// wakeStream does on a goroutine of its own what waking and killed ask for.
func (c *conn) wakeStream() {
	defer c.link.wakers.Done()
	c.run.Lock()
	defer c.run.Unlock()
	switch {
	case c.run.nc == nil || c.run.dead:
		return // not begun (then the first step does it), or over
	case c.killed.Load():
		c.run.dead = true
		c.run.cond.Broadcast()
	case c.run.stepping:
		c.wakeDuringStep()
	case c.waking.Load():
		c.enter(nil)
	}
	if c.run.dead {
		c.closeSocket()
	}
}

// wakeDuringStep wakes the session while another goroutine writes for it.
// That one sends what comes of it, and looks at the input again.
func (c *conn) wakeDuringStep() {
	if !c.waking.Swap(false) {
		return
	}
	v := c.guard(func() verdict {
		c.session.Wake()
		if n := len(c.session.Output()); n > 0 && !c.within(n) {
			return end
		}
		return goOn
	})
	c.run.woken = true
	if v == end {
		c.run.dead = true
		c.run.cond.Broadcast()
	}
}

// closeSocket ends a read or write in progress. One that ends in good order
// while the server drains only ends its read: it may have to linger.
func (c *conn) closeSocket() {
	drains := c.drains()
	c.link.Lock()
	defer c.link.Unlock()
	switch {
	case c.link.stream == nil:
	case drains:
		_ = c.link.stream.SetReadDeadline(time.Unix(1, 0))
	default:
		_ = c.link.stream.Close()
	}
}

// sendStream writes the session's output chunk by chunk, without the lock.
func (c *conn) sendStream() verdict {
	for {
		out := c.session.Output()
		if len(out) == 0 {
			if c.softAt.Load() != 0 {
				c.softAt.Store(0)
			}
			return goOn
		}
		if !c.within(len(out)) {
			return end
		}
		chunk := chunks.Get().(*[maxWrite]byte)
		n := copy(chunk[:], out)
		c.session.Sent(n)
		c.run.Unlock()
		n, err := c.run.nc.Write(chunk[:n])
		c.run.Lock()
		chunks.Put(chunk)
		if n > 0 {
			c.sent(n)
		}
		if err != nil || c.run.dead {
			return end
		}
	}
}
