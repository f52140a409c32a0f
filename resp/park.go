package resp

import (
	"net"
	"os"
	"syscall"
	"time"
)

// Parking. A loop reads whatever comes, and writes what the socket takes at
// once (gnet cannot do otherwise: it has no way to stop reading, nor does it
// say when a full socket takes bytes again). A client that does not read its
// replies, or that sends on while its session is paused, would therefore grow
// memory without end. Such a connection leaves the loop: its socket is
// duplicated, the loop's descriptor closed, and a goroutine carries on with
// the same session, where blocking in a write or in a wait stops the reading.
// It does not come back: who stalled once will stall again, and the price of
// a goroutine is a third more CPU per unpipelined request.

// leaveLoop prepares the move to a goroutine; leave completes it. Without a
// descriptor to spare the connection is closed instead.
func (c *conn) leaveLoop(fd int) {
	nc, err := dup(fd)
	if err != nil {
		c.srv.logs.park.warn(c.srv, "client closed: stalled, and no descriptor to park it",
			"client", c.id, "addr", c.remote, "error", err)
		return
	}
	setKeepAlive(nc, c.srv.opts.TCPKeepAlive)
	c.parked = nc
}

// dup makes a net.Conn of a loop's socket.
func dup(fd int) (net.Conn, error) {
	own, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(own), "resp")
	defer f.Close()
	return net.FileConn(f)
}

// startParked carries on with the connection on a goroutine. It is called on
// the loop, for the last time for this connection. The Server waits for loops
// before it waits for streams, so the count cannot rise too late.
func (c *conn) startParked() {
	c.srv.count.parked.Add(1)
	c.srv.count.parkedNow.Add(1)
	c.srv.streams.Add(1)
	go func() {
		defer c.srv.streams.Done()
		defer c.srv.count.parkedNow.Add(-1)
		c.carry(c.parked, c.parked)
	}()
}

// setKeepAlive applies the option to a socket whose settings net has touched.
func setKeepAlive(nc net.Conn, period time.Duration) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok || period == 0 {
		return
	}
	_ = tcp.SetKeepAlive(period > 0)
	if period > 0 {
		_ = tcp.SetKeepAlivePeriod(period)
	}
}
