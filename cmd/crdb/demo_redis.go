package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// redisConn is the few lines of a Redis client that the demo needs.
type redisConn struct {
	conn net.Conn
	r    *bufio.Reader
}

func dialRedis(ctx context.Context, addr string) (*redisConn, error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return &redisConn{c, bufio.NewReader(c)}, nil
}

func (c *redisConn) close() { c.conn.Close() }

// do sends a command and returns its reply: string, int64, []any or nil.
func (c *redisConn) do(ctx context.Context, args ...string) (any, error) {
	deadline := time.Now().Add(5 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	c.conn.SetDeadline(deadline)
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := c.conn.Write(b); err != nil {
		return nil, err
	}
	return c.reply(0)
}

func (c *redisConn) reply(depth int) (any, error) {
	text, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(text) < 3 || depth > 4 {
		return nil, fmt.Errorf("reply %q", text)
	}
	kind, text := text[0], text[1:len(text)-2]
	if kind == '+' {
		return text, nil
	}
	if kind == '-' {
		return nil, errors.New(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, err
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$' && n <= 1<<20:
		b := make([]byte, n+2)
		_, err := io.ReadFull(c.r, b)
		return string(b[:n]), err
	case kind == '*' && n <= 1<<10:
		list := make([]any, n)
		for i := range list {
			if list[i], err = c.reply(depth + 1); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("reply %q", text)
}
