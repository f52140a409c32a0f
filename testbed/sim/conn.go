package sim

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// window is how many bytes lie in one direction of a connection before its
// writer waits: what the buffers of the system would hold.
const window = 128 << 10

// half is one direction of one connection.
type half struct {
	n    *Network
	line *line
	said *tape         // nil: nobody listens
	wake chan struct{} // to the reader: look again
	room chan struct{} // to the writer: look again

	mu struct {
		sync.Mutex
		segments []segment
		bytes    int
		last     time.Time // when the newest segment may be taken
		ended    bool      // the writer has closed: io.EOF behind the segments
		broken   error     // reset
		dropping bool      // nothing arrives any more, and nobody is told
		shut     bool      // the reader has closed: what is written is answered with a reset
		reads    error     // why the reader alone reads nothing: its machine is off, or it has closed
		writes   error     // the same of the writer
		readBy   time.Time // deadlines; zero: none
		writeBy  time.Time
	}
}

// segment is a piece of the stream on its way.
type segment struct {
	data []byte
	at   time.Time // not before
}

func newHalf(n *Network, l *line) *half {
	return &half{n: n, line: l, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// write puts p on its way, waiting while the window is full.
func (h *half) write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		h.mu.Lock()
		err, by := cmp.Or(h.mu.broken, h.mu.writes), h.mu.writeBy
		if err == nil && h.mu.ended {
			err = net.ErrClosed
		}
		if err == nil && h.mu.shut {
			h.mu.Unlock()
			return len(p), nil
		}
		k := min(len(p)-done, window-h.mu.bytes)
		if err == nil && k > 0 {
			h.put(p[done : done+k])
			done += k
		}
		h.mu.Unlock()
		if err != nil {
			return done, err
		}
		if done < len(p) && !await(h.room, time.Time{}, by) {
			return done, os.ErrDeadlineExceeded
		}
	}
	return done, nil
}

// put appends a segment; mu is held.
func (h *half) put(p []byte) {
	data := append([]byte(nil), p...)
	h.mu.bytes += len(data)
	h.said.add(data)
	if h.mu.dropping {
		return
	}
	at := h.n.pass(h.line, data, time.Now())
	if at.Before(h.mu.last) {
		at = h.mu.last
	}
	h.mu.last = at
	h.mu.segments = append(h.mu.segments, segment{data, at})
	signal(h.wake)
}

// read takes what has arrived.
func (h *half) read(p []byte) (int, error) {
	for {
		cut := h.n.isCut(h.line)
		h.mu.Lock()
		now := time.Now()
		var next time.Time
		switch err, by := cmp.Or(h.mu.broken, h.mu.reads), h.mu.readBy; {
		case err != nil:
			h.mu.Unlock()
			return 0, err
		case !by.IsZero() && !now.Before(by):
			h.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case len(h.mu.segments) > 0 && !cut:
			if s := &h.mu.segments[0]; !now.Before(s.at) {
				k := h.takeLocked(p)
				h.mu.Unlock()
				signal(h.room)
				return k, nil
			}
			next = h.mu.segments[0].at
		case h.mu.ended && !cut && len(h.mu.segments) == 0:
			h.mu.Unlock()
			return 0, io.EOF
		}
		by := h.mu.readBy
		h.mu.Unlock()
		await(h.wake, next, by)
	}
}

func (h *half) takeLocked(p []byte) int {
	s := &h.mu.segments[0]
	k := copy(p, s.data)
	h.mu.bytes -= k
	if s.data = s.data[k:]; len(s.data) == 0 {
		h.mu.segments = h.mu.segments[1:]
	}
	return k
}

// await waits for a signal or one of two moments, of which zero never comes.
// It reports whether by has not passed.
func await(c chan struct{}, next, by time.Time) bool {
	if next.IsZero() || !by.IsZero() && by.Before(next) {
		next = by
	}
	if next.IsZero() {
		<-c
		return true
	}
	t := time.NewTimer(time.Until(next))
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return by.IsZero() || time.Now().Before(by)
	}
}

func (h *half) set(f func()) {
	h.mu.Lock()
	f()
	h.mu.Unlock()
	signal(h.wake)
	signal(h.room)
}

// end closes the writing side: what was written still arrives.
func (h *half) end() { h.set(func() { h.mu.ended = true }) }

// fail breaks the direction; what is on its way is lost.
func (h *half) fail(err error) {
	h.set(func() {
		if h.mu.broken == nil {
			h.mu.broken, h.mu.segments = err, nil
		}
	})
}

func (h *half) isShut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.shut
}

func (h *half) dropped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.dropping
}

// conn is one end of a connection.
type conn struct {
	n             *Network
	local, remote string
	in, out       *half
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) { return c.in.read(p) }

// Write implements net.Conn. A peer that has closed says so with a reset, when
// it hears of it, and that ends reading, too: nobody finds his writes failing for
// a time in which he reads nothing of the end.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	if err == nil && c.out.isShut() && !c.n.isCut(c.out.line) && !c.n.isCut(c.in.line) {
		c.reset()
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.n.forget(c)
	if c.out.dropped() {
		c.lose(net.ErrClosed)
		return nil
	}
	c.out.end()
	c.in.set(func() { c.in.mu.shut, c.in.mu.segments, c.in.mu.reads = true, nil, net.ErrClosed })
	return nil
}

// lose breaks both directions for this end alone: the other one hears nothing of
// it, nor of anything else.
func (c *conn) lose(err error) {
	c.in.set(func() { c.in.mu.dropping, c.in.mu.segments, c.in.mu.reads = true, nil, err })
	c.out.set(func() { c.out.mu.dropping, c.out.mu.segments, c.out.mu.writes = true, nil, err })
}

// reset breaks both directions at once.
func (c *conn) reset() {
	c.in.fail(errReset)
	c.out.fail(errReset)
}

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return addr(c.local) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return addr(c.remote) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.set(func() { c.in.mu.readBy = t })
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.set(func() { c.out.mu.writeBy = t })
	return nil
}
