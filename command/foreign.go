package command

import "time"

// foreignEvery is how often the log tells of requests that are HTTP's, at most:
// whoever sends them must not fill it.
const foreignEvery = time.Minute

// isForeign reports whether the first word of what looks like a command begins a
// line that every HTTP request of a browser has. No command has these names.
func isForeign(name []byte) bool { return isOption(name, "post") || isOption(name, "host:") }

// shutOut closes the connection of a client that speaks HTTP. A web page can make the
// browser of whoever looks at it send lines of its choosing to a port behind
// the firewall, as the body of a POST; none of them may be run as a command.
func (s *Session) shutOut() {
	s.done = true
	last := s.srv.foreign.Load()
	if (last == 0 || s.now-last >= foreignEvery.Milliseconds()) && s.srv.foreign.CompareAndSwap(last, s.now) {
		s.srv.opts.Logger.Warn("possible security attack: POST or Host: in place of a command; "+
			"somebody may be using cross-protocol scripting, the connection is closed", "client", s.conn.RemoteAddr())
	}
}
