package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// listen binds one of the node's ports, with an error that says which.
func (n *Node) listen(port int, what string) (net.Listener, error) {
	l, err := n.opts.Listen(n.addr(port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s port %d is in use by another process", what, port)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s port %d: %w", what, port, err)
	}
	return l, nil
}

func (n *Node) addr(port int) string {
	return net.JoinHostPort(n.opts.Settings.Bind, strconv.Itoa(port))
}

// loopback reports whether only this machine reaches an address.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newHTTPClient makes the client for calls to other nodes.
func newHTTPClient(dial func(context.Context, string) (net.Conn, error), timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:           func(ctx context.Context, _, addr string) (net.Conn, error) { return dial(ctx, addr) },
			ResponseHeaderTimeout: timeout,
			// A spare connection that was never used holds the shutdown of the node
			// at its other end up for seconds; calls between nodes are rare.
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
