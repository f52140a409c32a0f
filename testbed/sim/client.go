package sim

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"crdb/resp"
	"crdb/testbed/oracle"
)

// client is a connection of one client to one instance: the transport and the
// wire in one. It belongs to one goroutine, but for its end, which may be that
// of the instance.
type client struct {
	i      *instance
	id     uint64
	s      resp.Session
	wake   chan struct{}
	killed atomic.Bool
	in     []byte // sent, not taken yet
	got    []byte // replies not parsed yet
	closed atomic.Bool
}

// connect opens a connection.
func (i *instance) connect() *client {
	c := &client{i: i, id: i.lastID.Add(1), wake: make(chan struct{}, 1)}
	i.use.RLock()
	defer i.use.RUnlock()
	if i.over {
		c.closed.Store(true)
		return c
	}
	c.s = i.session(c)
	i.open.Lock()
	i.clients[c] = struct{}{}
	i.open.Unlock()
	return c
}

// ID implements resp.Conn.
func (c *client) ID() uint64 { return c.id }

// RemoteAddr implements resp.Conn.
func (c *client) RemoteAddr() string { return fmt.Sprintf("%s:%d", c.i.p.n.host, c.id) }

// LocalAddr implements resp.Conn.
func (c *client) LocalAddr() string { return "127.0.0.1:6379" }

// Wake implements resp.Conn.
func (c *client) Wake() { signal(c.wake) }

// Kill implements resp.Conn.
func (c *client) Kill() {
	c.killed.Store(true)
	signal(c.wake)
}

// close ends the connection.
func (c *client) close() {
	c.i.use.RLock()
	defer c.i.use.RUnlock()
	c.i.open.Lock()
	delete(c.i.clients, c)
	c.i.open.Unlock()
	c.shut()
}

// shut is close where the instance is in use already, or ends.
func (c *client) shut() {
	if !c.closed.Swap(true) {
		c.s.Closed()
	}
}

// inside runs f in the session, unless it has ended. It reports whether it has
// not.
func (c *client) inside(f func()) bool {
	c.i.use.RLock()
	defer c.i.use.RUnlock()
	if c.i.over || c.closed.Load() {
		return false
	}
	f()
	return true
}

// patience is how long a client waits for a reply before it goes away.
const patience = 20 * time.Second

// do sends a command and waits for its reply. ok is false when the connection
// was lost before: then nobody knows what became of the command. done, if not
// nil, is called with the reply while the program is known to live.
func (c *client) do(args []string, done func(oracle.Reply)) (rep oracle.Reply, ok bool) {
	c.in = appendCommand(c.in, args)
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		ended := false
		if !c.inside(func() { c.pump(); ended = c.s.Done() }) || c.killed.Load() || ended {
			break
		}
		if rep, n := c.parse(); n > 0 {
			c.got = c.got[n:]
			if c.i.p.n.run.verbose {
				c.i.p.n.run.trace("%s.%d %q: %s", c.i.p.n.name, c.id, args, rep)
			}
			return rep, c.i.p.alive(func() {
				if done != nil {
					done(rep)
				}
			})
		}
		select {
		case <-c.wake:
			c.inside(c.s.Wake)
		case <-c.i.end:
			c.close()
		case <-c.i.p.end:
			c.close()
		case <-timeout.C:
			c.close()
		}
	}
	c.close()
	return rep, false
}

// pump moves bytes between the wire and the session until nothing moves.
func (c *client) pump() {
	for moved := true; moved; {
		moved = false
		if len(c.in) > 0 && !c.s.Paused() && !c.s.Done() {
			n := c.s.Input(c.in)
			c.in, moved = c.in[n:], n > 0
		}
		if out := c.s.Output(); len(out) > 0 {
			c.got = append(c.got, out...)
			c.s.Sent(len(out))
			moved = true
		}
	}
}

// parse cuts a reply out of what was received; 0 if none is complete.
func (c *client) parse() (oracle.Reply, int) {
	if len(c.got) == 0 {
		return oracle.Reply{}, 0
	}
	from := bytes.NewReader(c.got)
	buf := bufio.NewReader(from)
	rep, err := oracle.ReadReply(buf)
	if err != nil {
		if from.Len() > 0 || buf.Buffered() > 0 {
			c.i.p.n.run.fail("S8: %v in %q", err, c.got)
		}
		return rep, 0
	}
	return rep, len(c.got) - from.Len() - buf.Buffered()
}

// appendCommand encodes a command as clients do.
func appendCommand(b []byte, args []string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	for _, a := range args {
		b = append(b, "\r\n$"...)
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
	}
	return append(b, "\r\n"...)
}
