package resp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

// Server accepts connections and carries their Sessions.
type Server struct {
	opts     ServerOptions
	addr     net.Addr
	ln       net.Listener
	loops    carrier // nil with NetStream
	count    counters
	logs     logs
	ids      atomic.Uint64
	tick     atomic.Int64 // seconds since the start, plus one
	draining atomic.Bool
	stopped  chan struct{} // closed by Close

	accepting sync.WaitGroup // the accept goroutine
	workers   sync.WaitGroup // the sweeper
	streams   sync.WaitGroup // connections on goroutines
	once      sync.Once
	closeErr  error

	mu struct {
		sync.Mutex
		conns map[*conn]struct{}
	}
}

// Listen binds and starts to serve. The error says what is wrong with the
// address, such as a port that is taken.
func Listen(opts ServerOptions) (*Server, error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	ln, addr, err := opts.bind()
	if err != nil {
		return nil, fmt.Errorf("resp: listen on %s: %w", opts.Addr, err)
	}
	s := &Server{opts: opts, ln: ln, addr: addr, stopped: make(chan struct{})}
	s.tick.Store(1)
	s.mu.conns = make(map[*conn]struct{})
	switch opts.Net {
	case NetEpoll:
		s.loops, err = startPollers(s)
	case NetLoop:
		s.loops, err = startLoops(s)
	}
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("resp: start event loops: %w", err)
	}
	s.workers.Add(1)
	go s.sweep()
	s.accepting.Add(1)
	go s.accept()
	return s, nil
}

// Addr returns the bound address, with the port the system chose for port 0.
func (s *Server) Addr() net.Addr { return s.addr }

// Close stops accepting, closes every connection, whatever is pending (Drain
// waits for that), and waits until each Session had its Closed and each
// goroutine ended. It must not be called from a Session. Further calls wait and
// return the same.
func (s *Server) Close() error {
	s.once.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Server) close() error {
	close(s.stopped)
	err := s.ln.Close()
	if s.draining.Load() { // it is closed already
		err = nil
	}
	s.accepting.Wait() // from here on no connection begins
	s.workers.Wait()
	if s.loops != nil {
		err = errors.Join(err, s.loops.stop()) // from here on none parks
	}
	for _, c := range s.connections() {
		c.Kill()
	}
	s.streams.Wait()
	if s.opts.unix() {
		if rerr := os.Remove(s.addr.String()); rerr != nil && !os.IsNotExist(rerr) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}

// add enters a connection into the books; remove takes it out.
func (s *Server) add(c *conn) {
	s.mu.Lock()
	s.mu.conns[c] = struct{}{}
	s.mu.Unlock()
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.mu.conns, c)
	s.mu.Unlock()
	s.count.current.Add(-1)
}

// connections returns the connections there are now.
func (s *Server) connections() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.mu.conns))
	for c := range s.mu.conns {
		all = append(all, c)
	}
	return all
}
