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

// client is a connection of one client to one program: the transport and the
// wire in one. It belongs to one goroutine.
type client struct {
	p      *program
	id     uint64
	s      resp.Session
	wake   chan struct{}
	killed atomic.Bool
	in     []byte // sent, not taken yet
	got    []byte // replies not parsed yet
	closed bool
}

// connect opens a connection.
func (p *program) connect() *client {
	c := &client{p: p, id: p.lastID.Add(1), wake: make(chan struct{}, 1)}
	c.s = p.cmds.NewSession(c)
	return c
}

// ID implements resp.Conn.
func (c *client) ID() uint64 { return c.id }

// RemoteAddr implements resp.Conn.
func (c *client) RemoteAddr() string { return fmt.Sprintf("10.0.0.%d:%d", c.p.n.id, c.id) }

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
	if !c.closed {
		c.closed = true
		c.s.Closed()
	}
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
	for !c.closed {
		c.pump()
		if c.killed.Load() || c.s.Done() {
			break
		}
		if rep, n := c.parse(); n > 0 {
			c.got = c.got[n:]
			if c.p.n.run.verbose {
				c.p.n.run.trace("%s.%d %q: %s", c.p.n.name, c.id, args, rep)
			}
			return rep, c.p.alive(func() {
				if done != nil {
					done(rep)
				}
			})
		}
		select {
		case <-c.wake:
			c.s.Wake()
		case <-c.p.end:
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
			c.p.n.run.fail("S8: %v in %q", err, c.got)
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
