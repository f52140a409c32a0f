package command

import (
	"time"

	"crdb/resp"
)

// outputLimit returns what client-output-buffer-limit allows the session, or
// the tighter cap of clients that have not authenticated.
func (s *Session) outputLimit(st *settings) OutputLimit {
	if s.mode&modeNoAuth != 0 {
		return OutputLimit{Hard: preAuthOutput}
	}
	return st.outputOf(s.subs != nil || s.monitors)
}

// outputOf returns the limit of those who subscribe or monitor, or of the others.
func (st *settings) outputOf(listens bool) OutputLimit {
	if listens {
		return st.output[1]
	}
	return st.output[0]
}

// noteClass tells who fills the inbox, or the output, which of the limits counts.
func (s *Session) noteClass() {
	s.inbox.listens.Store(s.subs != nil || s.monitors)
	s.boundOutput()
}

// boundOutput has a reply that goes beyond the hard limit stop growing while it is
// made: a short MGET or EXEC may ask for any amount. It is called where the limit, or
// what has been sent, changes. Who has not authenticated gets no long replies.
func (s *Session) boundOutput() {
	s.out.Max = 0
	if limit := s.outputLimit(s.set); limit.Hard > 0 && s.mode&modeNoAuth == 0 {
		s.out.Max = s.sent + int(limit.Hard)
	}
}

// dropOverlong closes the client if the reply that begins at start went beyond the
// limit: no byte of it is sent.
func (s *Session) dropOverlong(start int) {
	if !s.out.Over {
		return
	}
	s.out.Buf, s.out.Over, s.done = s.out.Buf[:start], false, true
	s.closeForOutput(int64(s.out.Max - s.sent))
}

func (s *Session) closeForOutput(pending int64) {
	s.srv.stats.outputKills.Add(1)
	s.srv.opts.Logger.Warn("client closed: too much unread output", "client", s.conn.RemoteAddr(), "bytes", pending)
	s.conn.Kill()
}

// OutputLimit is the limit of a session's unread output, for transports
// (resp.ServerOptions.PendingOutputLimit). It is called on the session's
// goroutine.
func (srv *Server) OutputLimit(rs resp.Session) resp.OutputLimit {
	s, ok := rs.(*Session)
	if !ok {
		return resp.OutputLimit{}
	}
	l := s.outputLimit(srv.settings.Load())
	return resp.OutputLimit{Hard: int(l.Hard), Soft: int(l.Soft), SoftFor: time.Duration(l.Seconds) * time.Second}
}

// checkOutput closes a client that leaves too much unread. It looks after every
// batch and wake; between those nothing grows.
func (s *Session) checkOutput() {
	pending := int64(len(s.out.Buf) - s.sent)
	if pending < preAuthOutput {
		s.over = 0
		return
	}
	limit := s.outputLimit(s.set)
	over := limit.Hard > 0 && pending > limit.Hard
	if limit.Soft <= 0 || pending <= limit.Soft {
		s.over = 0
	} else {
		if s.over == 0 {
			s.over = s.clock
		}
		over = over || s.clock-s.over > limit.Seconds*1e9
	}
	if over {
		s.closeForOutput(pending)
	}
}
