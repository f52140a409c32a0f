package resp

import (
	"net"
	"time"
)

// After a failed accept, wait this long, doubling up to the maximum.
const (
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// tooManyClients is redis's reply to a connection over the limit.
var tooManyClients = []byte("-ERR max number of clients reached\r\n")

// accept takes connections until the listener closes. No error but that ends
// it: most are shortages (descriptors, memory) that pass.
func (s *Server) accept() {
	defer s.accepting.Done()
	pause := minAcceptPause
	for {
		nc, err := s.ln.Accept()
		if err == nil {
			pause = minAcceptPause
			s.welcome(nc)
			continue
		}
		select {
		case <-s.stopped:
			return
		default:
		}
		if s.draining.Load() {
			return
		}
		s.count.acceptErrors.Add(1)
		s.logs.accept.warn(s, "accept failed, trying again", "addr", s.opts.Addr, "error", err)
		if !s.wait(pause) {
			return
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

// wait sleeps; it reports false if the server was closed meanwhile.
func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.stopped:
		return false
	case <-t.C:
		return true
	}
}

// welcome serves a new connection or turns it away.
func (s *Server) welcome(nc net.Conn) {
	if s.full() {
		s.count.rejected.Add(1)
		if s.opts.TLS == nil {
			_, _ = nc.Write(tooManyClients) // an empty socket takes it at once
		}
		_ = nc.Close()
		return
	}
	s.count.accepted.Add(1)
	s.count.current.Add(1)
	c := &conn{srv: s, id: s.nextID(), remote: s.name(nc.RemoteAddr()), local: s.name(nc.LocalAddr())}
	c.seen.Store(s.tick.Load())
	if s.loops == nil {
		s.startStream(c, nc)
		return
	}
	if err := s.loops.add(c, nc); err != nil {
		s.count.acceptErrors.Add(1)
		s.count.current.Add(-1)
		s.logs.accept.warn(s, "connection lost before it began", "addr", c.remote, "error", err)
	}
}

// full reports whether MaxClients is reached.
func (s *Server) full() bool {
	if s.opts.MaxClients == nil {
		return false
	}
	limit := s.opts.MaxClients()
	return limit > 0 && s.count.current.Load() >= int64(limit)
}

func (s *Server) nextID() uint64 {
	if s.opts.NextID != nil {
		return s.opts.NextID()
	}
	return s.ids.Add(1)
}

// name writes an address as CLIENT LIST does.
func (s *Server) name(a net.Addr) string {
	if s.opts.unix() {
		return s.addr.String() + ":0"
	}
	return a.String()
}
