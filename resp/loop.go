package resp

import (
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/panjf2000/gnet/v2"
)

// loops carries connections on gnet's event loops. Its methods are gnet's
// callbacks and run on the loop of their connection.
//
// gnet is given accepted connections only: its own accept loop ends for good
// at the first error such as EMFILE.
type loops struct {
	gnet.BuiltinEventEngine
	srv    *Server
	client *gnet.Client
}

// startLoops starts the event loops.
func startLoops(s *Server) (*loops, error) {
	l := &loops{srv: s}
	client, err := gnet.NewClient(l,
		gnet.WithNumEventLoop(s.opts.Loops),
		gnet.WithTCPNoDelay(gnet.TCPDelay), // net has set TCP_NODELAY already
		gnet.WithLogger(gnetLogger{s.opts.Logger}))
	if err != nil {
		return nil, err
	}
	l.client = client
	return l, client.Start()
}

// add hands an accepted connection to a loop. nc is closed in any case: the
// loop works on a duplicate of the socket.
func (l *loops) add(c *conn, nc net.Conn) error {
	if _, err := l.client.EnrollContext(nc, c); err != nil {
		return err
	}
	c.link.Lock()
	defer c.link.Unlock()
	if c.link.loop == nil && c.link.stream == nil && !c.link.closed {
		return errNoLoop // OnOpen was not called
	}
	return nil
}

// errNoLoop means that epoll refused the socket.
var errNoLoop = errors.New("the event loop did not take the socket")

// stop ends the loops, closing their connections, and waits for them.
func (l *loops) stop() error { return l.client.Stop() }

// OnOpen is the connection's first moment on its loop.
func (l *loops) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	c := gc.Context().(*conn)
	c.link.Lock()
	c.link.loop = gc
	c.link.Unlock()
	l.srv.add(c)
	return nil, l.act(c, gc, c.guard(c.open))
}

// open makes the session and sends what it has to say.
func (c *conn) open() verdict {
	c.session = c.srv.opts.NewSession(c)
	if c.session == nil {
		return end
	}
	return c.step(nil)
}

// OnTraffic is called with input, and after a Wake.
func (l *loops) OnTraffic(gc gnet.Conn) gnet.Action {
	c := gc.Context().(*conn)
	return l.act(c, gc, c.traffic(gc))
}

// traffic hands over the loop's own read buffer: nothing is copied unless a
// command is cut off at its end.
func (c *conn) traffic(gc gnet.Conn) (v verdict) {
	defer c.caught(&v)
	data, _ := gc.Next(-1)
	if len(data) > 0 {
		c.received(len(data))
	}
	if c.waking.Load() && c.waking.Swap(false) {
		c.session.Wake()
	}
	return c.step(data)
}

// act does what a verdict asks for.
func (l *loops) act(c *conn, gc gnet.Conn, v verdict) gnet.Action {
	switch {
	case v == goOn:
		return gnet.None
	case v == stall && c.leaveLoop(gc):
		return gnet.Close // of the loop's descriptor: OnClose goes on
	}
	return gnet.Close
}

// OnClose is the connection's last moment on its loop.
func (l *loops) OnClose(gc gnet.Conn, _ error) gnet.Action {
	c, ok := gc.Context().(*conn)
	if !ok {
		return gnet.None
	}
	c.link.Lock()
	c.link.loop = nil
	c.link.stream = c.parked
	c.link.closed = c.parked == nil
	c.link.Unlock()
	if c.parked != nil {
		c.startParked()
	} else {
		c.gone()
	}
	return gnet.None
}

// sendLoop writes the session's output straight from its buffer.
func (c *conn) sendLoop() verdict {
	for {
		out := c.session.Output()
		if len(out) == 0 {
			return goOn
		}
		n, err := syscall.Write(c.link.loop.Fd(), out)
		if n > 0 {
			c.srv.count.out.Add(uint64(n))
			c.session.Sent(n)
			continue
		}
		switch err {
		case syscall.EINTR:
		case syscall.EAGAIN:
			if !c.within(len(out)) {
				return end
			}
			return stall
		default:
			return end
		}
	}
}

// dup makes a net.Conn of the loop's socket.
func dup(gc gnet.Conn) (net.Conn, error) {
	fd, err := gc.Dup()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "resp")
	defer f.Close()
	return net.FileConn(f)
}
