package main

import (
	"context"
	crand "crypto/rand"
	"log/slog"
	"math/rand/v2"
	"net"
	"time"

	"crdb/control"
	"crdb/control/api"
	"crdb/control/conf"
	"crdb/control/host"
)

// started is the fixed point of the monotonic clock.
var started = time.Now()

// mono returns nanoseconds since the start.
func mono() int64 { return int64(time.Since(started)) }

// dial opens a connection to another node.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}
	return d.DialContext(ctx, "tcp", addr)
}

// openNode starts a node on the real network and disk, unless ctx ends before. shutdown is
// called when a client says SHUTDOWN; nil refuses that.
func openNode(ctx context.Context, s *conf.Settings, logger *slog.Logger, now func() time.Time, p *procs, shutdown func()) (*control.Node, error) {
	return control.Open(control.Options{
		Settings: s, Starting: ctx, Shutdown: shutdown, Now: now, Dial: dial, Rand: crand.Reader, Logger: logger,
		OpenHost: host.Opener(host.Options{Mono: mono, Rand: rand.Uint64, Eased: p.eased, Urgent: p.raised.Load, Version: api.Version().Version}),
	})
}
