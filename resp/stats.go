package resp

import "sync/atomic"

// Stats counts what a Server has done since it started.
type Stats struct {
	Current       int    // connections now
	Accepted      uint64 // connections ever served
	Rejected      uint64 // connections turned away by MaxClients
	AcceptErrors  uint64 // failed accepts, TLS handshakes not counted
	TLSErrors     uint64 // failed TLS handshakes
	BytesIn       uint64 // bytes handed to sessions or kept for them
	BytesOut      uint64 // bytes given to sockets
	OutputKills   uint64 // connections closed for pending output
	TimeoutKills  uint64 // connections closed for idleness or CloseAfter
	Panics        uint64 // sessions that panicked
	Parked        uint64 // connections that left their event loop for a goroutine
	ParkedCurrent int    // those still there
}

// counters is the live form of Stats.
type counters struct {
	current, parkedNow                        atomic.Int64
	accepted, rejected, acceptErrors, tlsErrs atomic.Uint64
	in, out                                   atomic.Uint64
	outputKills, timeoutKills, panics, parked atomic.Uint64
}

// Stats returns the counters as they are now. Any goroutine may call it.
func (s *Server) Stats() Stats {
	c := &s.count
	return Stats{
		Current:       int(c.current.Load()),
		Accepted:      c.accepted.Load(),
		Rejected:      c.rejected.Load(),
		AcceptErrors:  c.acceptErrors.Load(),
		TLSErrors:     c.tlsErrs.Load(),
		BytesIn:       c.in.Load(),
		BytesOut:      c.out.Load(),
		OutputKills:   c.outputKills.Load(),
		TimeoutKills:  c.timeoutKills.Load(),
		Panics:        c.panics.Load(),
		Parked:        c.parked.Load(),
		ParkedCurrent: int(c.parkedNow.Load()),
	}
}
