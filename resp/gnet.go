package resp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/panjf2000/gnet/v2"
)

// loops carries connections on gnet's event loops. Its methods are gnet's
// callbacks and run on the loop of their connection.
//
// gnet is given accepted connections only: its own accept loop ends for good
// at the first error such as EMFILE.
type loops struct {
	gnet.BuiltinEventEngine
	client *gnet.Client
}

// gnetLink is a connection's place on a gnet loop.
type gnetLink struct{ gnet.Conn }

func (l gnetLink) Wake()           { _ = l.Conn.Wake(nil) }
func (l gnetLink) Close()          { _ = l.Conn.Close() }
func (l gnetLink) descriptor() int { return l.Fd() }

// startLoops starts gnet's event loops.
func startLoops(s *Server) (carrier, error) {
	l := &loops{}
	client, err := gnet.NewClient(l,
		gnet.WithNumEventLoop(s.opts.Loops),
		gnet.WithTCPNoDelay(gnet.TCPDelay), // net has set TCP_NODELAY already
		gnet.WithLogger(gnetLogger{s.opts.Logger}))
	if err != nil {
		return nil, err
	}
	l.client = client
	return l, client.Start()
}

// errNoLoop means that epoll refused the socket.
var errNoLoop = errors.New("the event loop did not take the socket")

func (l *loops) add(c *conn, nc net.Conn) error {
	if _, err := l.client.EnrollContext(nc, c); err != nil {
		return err
	}
	c.link.Lock()
	defer c.link.Unlock()
	if c.link.loop == nil && c.link.stream == nil && !c.link.closed {
		return errNoLoop // OnOpen was not called
	}
	return nil
}

func (l *loops) stop() error { return l.client.Stop() }

// OnOpen is the connection's first moment on its loop.
func (l *loops) OnOpen(gc gnet.Conn) ([]byte, gnet.Action) {
	c := gc.Context().(*conn)
	return nil, act(c, c.begin(gnetLink{gc}))
}

// OnTraffic is called with input, and after a Wake.
func (l *loops) OnTraffic(gc gnet.Conn) gnet.Action {
	data, _ := gc.Next(-1)
	c := gc.Context().(*conn)
	return act(c, c.traffic(data))
}

// act does what a verdict asks for. Close is of the loop's descriptor: where
// the connection goes from there OnClose decides.
func act(c *conn, v verdict) gnet.Action {
	if v == goOn {
		return gnet.None
	}
	if v == stall || c.lingers(c.fd) {
		c.leaveLoop(c.fd)
	}
	return gnet.Close
}

// OnClose is the connection's last moment on its loop.
func (l *loops) OnClose(gc gnet.Conn, _ error) gnet.Action {
	if c, ok := gc.Context().(*conn); ok {
		c.leave()
	}
	return gnet.None
}

// gnetLogger passes on what gnet has to say. Its news are our details.
type gnetLogger struct{ log *slog.Logger }

func (g gnetLogger) Debugf(format string, args ...any) {}
func (g gnetLogger) Infof(format string, args ...any)  {}
func (g gnetLogger) Warnf(format string, args ...any) {
	g.log.Debug("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLogger) Errorf(format string, args ...any) {
	g.log.Error("gnet: " + fmt.Sprintf(format, args...))
}
func (g gnetLogger) Fatalf(format string, args ...any) {
	g.log.Error("gnet: " + fmt.Sprintf(format, args...))
}
