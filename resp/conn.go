package resp

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection on either transport. It may begin on an event loop
// and move to a goroutine of its own (see park.go), never back.
//
// link is the innermost lock: it is held for a few instructions, never while
// calling a Session.
type conn struct {
	srv           *Server
	id            uint64
	remote, local string

	// Owned by the loop; on a stream guarded by run.
	fd      int // the loop's descriptor of the socket
	session Session
	in      []byte   // input the session has not taken yet
	parked  net.Conn // set when the connection is about to leave its loop
	round   bool     // it is read in a round of its loop, which sends at its end

	waking   atomic.Bool // a Wake is on its way
	killed   atomic.Bool
	keepIdle atomic.Bool
	paused   atomic.Bool  // the session was paused when last looked at
	seen     atomic.Int64 // tick of the last input or output
	closeAt  atomic.Int64 // tick set by CloseAfter; 0: none
	softAt   atomic.Int64 // tick when the soft output limit strikes; 0: none

	link struct {
		sync.Mutex
		closed bool
		loop   loopLink       // set while on an event loop
		stream net.Conn       // the socket, set while on a goroutine
		wakers sync.WaitGroup // wake goroutines of a stream
	}
	run streamState
}

func (c *conn) ID() uint64         { return c.id }
func (c *conn) RemoteAddr() string { return c.remote }
func (c *conn) LocalAddr() string  { return c.local }

// Wake makes the transport call Session.Wake soon.
func (c *conn) Wake() {
	if c.waking.Load() || c.waking.Swap(true) {
		return
	}
	c.link.Lock()
	defer c.link.Unlock()
	switch {
	case c.link.closed:
	case c.link.loop != nil:
		c.link.loop.Wake()
	case c.link.stream != nil:
		c.spawnWakerLocked()
	}
}

// Kill closes the connection soon.
func (c *conn) Kill() {
	if c.killed.Swap(true) {
		return
	}
	c.link.Lock()
	defer c.link.Unlock()
	switch {
	case c.link.closed:
	case c.link.loop != nil:
		c.link.loop.Close()
	case c.link.stream != nil:
		_ = c.link.stream.Close()
		c.spawnWakerLocked()
	}
}

// spawnWakerLocked starts a goroutine that does what waking and killed ask
// for. The connection waits for it before it ends. link is held.
func (c *conn) spawnWakerLocked() {
	c.link.wakers.Add(1)
	go c.wakeStream()
}

// KeepIdle exempts the connection from the idle timeout.
func (c *conn) KeepIdle(keep bool) { c.keepIdle.Store(keep) }

// CloseAfter kills the connection when d has passed.
func (c *conn) CloseAfter(d time.Duration) {
	if d <= 0 {
		c.closeAt.Store(0)
		return
	}
	c.closeAt.Store(c.srv.deadline(d))
}

// received notes n bytes of input.
func (c *conn) received(n int) {
	c.srv.count.in.Add(uint64(n))
	c.stir()
}

// sent notes n bytes of output.
func (c *conn) sent(n int) {
	c.srv.count.out.Add(uint64(n))
	c.stir()
}

// stir begins the idle time anew. As in Redis, output does so, too: who has waited long
// in a blocking command has his reply, and is not idle.
func (c *conn) stir() {
	if t := c.srv.tick.Load(); c.seen.Load() != t {
		c.seen.Store(t)
	}
}

// within reports whether the output that waits is within its limit.
func (c *conn) within(pending int) bool {
	ask := c.srv.opts.PendingOutputLimit
	if ask == nil {
		return true
	}
	lim := ask(c.session)
	if lim.Hard > 0 && pending > lim.Hard {
		c.srv.count.outputKills.Add(1)
		c.srv.logs.output.warn(c.srv, "client closed: pending output over its hard limit",
			"client", c.id, "addr", c.remote, "bytes", pending)
		return false
	}
	switch {
	case lim.Soft <= 0 || pending <= lim.Soft:
		c.softAt.Store(0)
	case c.softAt.Load() == 0:
		c.softAt.Store(c.srv.deadline(lim.SoftFor))
	}
	return true
}

// gone ends the connection's life: the session's last call, and the books.
func (c *conn) gone() {
	if c.session != nil {
		c.guard(func() verdict { c.session.Closed(); return end })
	}
	c.in = nil
	c.srv.remove(c)
}
