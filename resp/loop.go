package resp

import (
	"net"
	"syscall"
)

// carrier is a set of event loops.
type carrier interface {
	// add hands an accepted connection to a loop. nc is closed in any case:
	// the loop works on a duplicate of the socket.
	add(c *conn, nc net.Conn) error
	// stop ends the loops, closing their connections, and waits for them.
	stop() error
}

// loopLink is a connection's place on its loop. Wake and Close may be called
// from any goroutine and never block.
type loopLink interface {
	Wake()
	Close()
	descriptor() int // for the loop only
}

// begin is the connection's first moment on its loop.
func (c *conn) begin(l loopLink) verdict {
	c.link.Lock()
	c.link.loop = l
	c.link.Unlock()
	c.fd = l.descriptor()
	c.srv.add(c)
	return c.guard(c.open)
}

// open makes the session and sends what it has to say.
func (c *conn) open() verdict {
	c.session = c.srv.opts.NewSession(c)
	if c.session == nil {
		return end
	}
	return c.step(nil)
}

// traffic hands over the loop's own read buffer, empty after a Wake: nothing
// is copied unless a command is cut off at its end.
func (c *conn) traffic(data []byte) (v verdict) {
	defer c.caught(&v)
	if len(data) > 0 {
		c.received(len(data))
	}
	if c.waking.Load() && c.waking.Swap(false) {
		c.session.Wake()
	}
	return c.step(data)
}

// inRound is traffic on a loop that sends what is put off when its round ends.
func (c *conn) inRound(data []byte) verdict {
	c.round = true
	v := c.traffic(data)
	c.round = false
	return v
}

// settle sends what was put off.
func (c *conn) settle() (v verdict) {
	defer c.caught(&v)
	return c.step(nil)
}

// leave is the connection's last moment on its loop.
func (c *conn) leave() {
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
}

// sendLoop writes the session's output straight from its buffer.
func (c *conn) sendLoop() verdict {
	for {
		out := c.session.Output()
		if len(out) == 0 {
			return goOn
		}
		n, err := writeFD(c.fd, out)
		if n > 0 {
			c.sent(n)
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
