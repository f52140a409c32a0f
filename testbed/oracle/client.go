package oracle

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"time"
)

// replyTimeout is how long a server may take for one reply.
const replyTimeout = 20 * time.Second

// client is a plain connection: it sends what it is told and hands back what
// comes.
type client struct {
	name string
	conn net.Conn
	in   *bufio.Reader
	out  []byte
	wait time.Duration // for a reply
}

// dial connects and selects the protocol version.
func dial(name, addr string, proto int) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, replyTimeout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &client{name: name, conn: conn, in: bufio.NewReader(conn), wait: replyTimeout}
	if proto == 3 {
		rep, err := c.do("HELLO", "3")
		if err == nil && rep.IsError() {
			err = fmt.Errorf("%s: HELLO 3: %s", name, rep)
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	return c, nil
}

func (c *client) close() { c.conn.Close() }

// add appends a command to what flush sends.
func (c *client) add(args []string) {
	c.out = append(c.out, '*')
	c.out = strconv.AppendInt(c.out, int64(len(args)), 10)
	c.out = append(c.out, "\r\n"...)
	for _, a := range args {
		c.out = append(c.out, '$')
		c.out = strconv.AppendInt(c.out, int64(len(a)), 10)
		c.out = append(c.out, "\r\n"...)
		c.out = append(c.out, a...)
		c.out = append(c.out, "\r\n"...)
	}
}

func (c *client) flush() error {
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

func (c *client) read() (Reply, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.wait)); err != nil {
		return Reply{}, err
	}
	rep, err := readReply(c.in, 0)
	if err != nil {
		return rep, fmt.Errorf("%s: %w", c.name, err)
	}
	return rep, nil
}

func (c *client) do(args ...string) (Reply, error) {
	c.add(args)
	if err := c.flush(); err != nil {
		return Reply{}, err
	}
	return c.read()
}
