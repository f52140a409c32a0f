package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/command"
	"crdb/control"
	"crdb/control/conf"
	"crdb/engine"
	"crdb/oplog"
	"crdb/peer"
	"crdb/resp"
)

// Options are the seams that control.Options does not have.
type Options struct {
	Mono    func() int64  // nanoseconds from any fixed point
	Rand    func() uint64 // random bits, from any goroutine
	Eased   func()        // see peer.Options; nil: nothing
	Urgent  func() bool   // clients are short of processors; from any goroutine; nil: never
	Version string
	Parts   Parts // nil: as they are
}

// Parts sees what the parts of an instance are about to be opened with, from
// the log upwards, and may change it: the cluster simulator gets between them
// here. Calls for several instances may come at once.
type Parts interface {
	Log(s control.Spec, o *oplog.Options)
	Engine(s control.Spec, o *engine.Options)
	Peer(s control.Spec, o *peer.Options)
	Commands(s control.Spec, o *command.Options)
	// Listen serves the clients of an instance, in place of resp.Listen.
	Listen(s control.Spec, o resp.ServerOptions) (Server, error)
}

// Server serves the clients of an instance; see resp.Server.
type Server interface {
	Drain(ctx context.Context) error
	Close() error
	Stats() resp.Stats
}

// serving is a Server that an atomic pointer can point to.
type serving struct{ Server }

// Host makes the instances of one node.
type Host struct {
	opts     Options
	settings *conf.Settings
	fs       vfs.FS
	wall     func() int64 // unix milliseconds
	micros   func() int64 // the same clock in microseconds
	dial     func(ctx context.Context, addr string) (net.Conn, error)
	logger   *slog.Logger
	stop     func() // ends the process; nil: clients may not
	server   *peer.Server
	gossip   *gossip        // nil: none
	wg       sync.WaitGroup // the peer server's and gossip's goroutines

	rewrites sync.Mutex // the configuration file is rewritten by one at a time

	mu struct {
		sync.Mutex
		open   map[*instance]struct{}
		socket *instance // whose unix socket there is

		backups map[string]struct{} // directories that are being written
	}
}

var _ control.Host = (*Host)(nil)

// Opener returns what control.Options.OpenHost wants.
func Opener(own Options) func(control.Options, string) (control.Host, error) {
	return func(o control.Options, nodeID string) (control.Host, error) {
		h, err := open(own, o, nodeID)
		if err != nil {
			return nil, err // not h: a nil *Host is no nil Host
		}
		return h, nil
	}
}

func open(own Options, o control.Options, nodeID string) (*Host, error) {
	h := &Host{opts: own, settings: o.Settings, fs: o.FS, dial: o.Dial, logger: o.Logger, stop: o.Shutdown,
		wall: func() int64 { return o.Now().UnixMilli() }, micros: func() int64 { return o.Now().UnixMicro() }}
	if _, err := h.config(0); err != nil {
		return nil, err
	}
	l, err := o.Listen(net.JoinHostPort(o.Settings.Bind, strconv.Itoa(o.Settings.PeerPort)))
	if err != nil {
		return nil, portError("peer", o.Settings.PeerPort, err)
	}
	h.server = peer.NewServer(peer.ServerOptions{Listener: l})
	h.wg.Go(func() {
		if err := h.server.Serve(); err != nil {
			h.logger.Error("the peer server has stopped", "err", err)
		}
	})
	h.mu.open, h.mu.backups = map[*instance]struct{}{}, map[string]struct{}{}
	if err := h.startGossip(o, nodeID); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// inUse reports whether an error says that another socket has the port.
func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// PeerPort returns the port other nodes reach the peer server at.
func (h *Host) PeerPort() int { return h.server.Addr().(*net.TCPAddr).Port }

// Close stops gossip and the peer server.
func (h *Host) Close() {
	if h.gossip != nil {
		h.gossip.close()
	}
	h.server.Close()
	h.wg.Wait()
}

// shutdown is a client's SHUTDOWN. It ends the whole node, so it is refused
// where that would take other databases along.
func (h *Host) shutdown() error {
	h.mu.Lock()
	databases := len(h.mu.open)
	h.mu.Unlock()
	switch {
	case h.stop == nil:
		return errors.New("SHUTDOWN is not allowed here: stop the server process instead")
	case databases > 1:
		return fmt.Errorf("SHUTDOWN is not allowed here: this node hosts %d databases; stop the server process instead", databases)
	}
	h.logger.Warn("a client has sent SHUTDOWN")
	h.stop()
	return nil
}

// config makes the configuration of a database from the node's settings.
func (h *Host) config(port int) (*command.Config, error) {
	c := command.NewConfig()
	for _, s := range append([]conf.RedisSetting{
		{Name: "bind", Value: h.settings.Bind},
		{Name: "port", Value: strconv.Itoa(port)},
		{Name: "dir", Value: h.settings.Dir},
		{Name: "appendfsync", Value: h.settings.Appendfsync},
		{Name: "loglevel", Value: h.settings.LogLevel},
		{Name: "logfile", Value: h.settings.LogFile},
	}, h.settings.Redis...) {
		if err := c.Set(s.Name, s.Value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// CheckSetting says whether name is a setting of databases with a right value,
// as conf.Options.Check wants it. What there is not is refused: a node that starts
// with tls-port is taken for one that has it.
func CheckSetting(name, value string) error {
	c := command.NewConfig()
	err := c.Set(name, value)
	switch {
	case errors.Is(err, command.ErrUnknownParam):
		return conf.ErrUnknown
	case err != nil:
		return err
	case c.Int("tls-port") != 0:
		return errors.New("TLS is not available yet")
	case c.Bool("cluster-enabled"):
		return errors.New("there is no cluster mode: regions are joined with crdb-cli")
	}
	return nil
}

// rewriteConfig returns what CONFIG REWRITE of a database does: it writes into
// the node's file, whose values are those of all its databases at the next
// start. Nil if there is no file.
func (h *Host) rewriteConfig() func([]command.ConfigLine) error {
	if h.settings.File == "" {
		return nil
	}
	return func(lines []command.ConfigLine) error {
		h.rewrites.Lock()
		defer h.rewrites.Unlock()
		all := make([]conf.Line, 0, len(lines))
		for _, l := range lines {
			all = append(all, conf.Line(l))
		}
		return conf.Rewrite(h.settings.File, all, CheckSetting)
	}
}

// seconds is a duration as Prometheus counts it.
func seconds(d time.Duration) float64 { return d.Seconds() }
