package resp

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"time"
)

// The transports a Server can use.
const (
	NetEpoll  = "epoll" // our event loops; plain TCP on Linux only
	NetLoop   = "gnet"  // gnet's event loops; plain TCP only
	NetStream = "net"   // a goroutine per connection
)

// ServerOptions says what to listen on and what to do with connections. Addr
// and NewSession are required.
type ServerOptions struct {
	// Addr is "host:port", or "unix:" and a path.
	Addr string
	// Net is one of the transports. Empty: the first that can be used.
	Net string
	// Loops is how many event loops there are; 1 by default.
	Loops int

	// Nice is to be added to the niceness of the loops' threads just now: below 0
	// they get more of a busy processor than others. The loops ask it once a round.
	// Where the system does not allow it, or with gnet, it is without effect. May
	// be nil: 0.
	Nice func() int
	// TLS makes the connections TLS.
	TLS *tls.Config
	// HandshakeTimeout bounds the TLS handshake; 10 s by default.
	HandshakeTimeout time.Duration
	// UnixPerm is the mode of a unix socket; 0700 by default.
	UnixPerm fs.FileMode
	// TCPKeepAlive is the keep-alive period; 0: the system's, below 0: off.
	TCPKeepAlive time.Duration

	// NewSession makes the session of a new connection, on its goroutine or
	// loop. What Output returns first is sent at once. A nil Session closes.
	NewSession func(Conn) Session
	// NextID numbers connections; nil counts from 1. Servers of one instance
	// share one.
	NextID func() uint64

	// MaxClients is asked for at every accept; nil or 0: no limit.
	MaxClients func() int
	// IdleTimeout is asked for at every tick; nil or 0: no limit.
	IdleTimeout func() time.Duration
	// PendingOutputLimit is asked for when a client does not take its output,
	// on the connection's goroutine or loop. Nil: no limit.
	PendingOutputLimit func(Session) OutputLimit
	// PausedInput bounds what is read ahead while a Session is paused; 1 MiB
	// by default.
	PausedInput int

	// NewTicker makes the channel that gives one value a second, and its
	// stop; nil uses the time package. A test hands in its own.
	NewTicker func() (ticks <-chan time.Time, stop func())
	// Logger takes one line an event; nil: slog.Default().
	Logger *slog.Logger

	// listen replaces the way to bind; tests only.
	listen func(network, addr string) (net.Listener, error)
}

// tickPeriod is the unit of every timeout.
const tickPeriod = time.Second

// prepare checks the options and fills in what is missing.
func (o *ServerOptions) prepare() error {
	if o.NewSession == nil {
		return fmt.Errorf("resp: NewSession is missing")
	}
	plain := o.TLS == nil && !o.unix() && runtime.GOOS != "windows"
	switch {
	case o.Net == "" && plain && runtime.GOOS == "linux":
		o.Net = NetEpoll
	case o.Net == "" && plain:
		o.Net = NetLoop
	case o.Net == "":
		o.Net = NetStream
	case (o.Net == NetLoop || o.Net == NetEpoll) && !plain:
		return fmt.Errorf("resp: transport %q carries plain TCP only", o.Net)
	case o.Net != NetEpoll && o.Net != NetLoop && o.Net != NetStream:
		return fmt.Errorf("resp: unknown transport %q", o.Net)
	}
	o.defaults()
	return nil
}

// defaults fills in what is missing.
func (o *ServerOptions) defaults() {
	if o.Nice == nil {
		o.Nice = func() int { return 0 }
	}
	if o.Loops <= 0 {
		o.Loops = 1
	}
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = 10 * time.Second
	}
	if o.UnixPerm == 0 {
		o.UnixPerm = 0o700
	}
	if o.PausedInput <= 0 {
		o.PausedInput = 1 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.NewTicker == nil {
		o.NewTicker = func() (<-chan time.Time, func()) {
			t := time.NewTicker(tickPeriod)
			return t.C, t.Stop
		}
	}
}

// unix reports whether Addr names a unix socket.
func (o *ServerOptions) unix() bool { return strings.HasPrefix(o.Addr, "unix:") }
