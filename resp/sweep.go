package resp

import "time"

// deadline returns the tick at which d has surely passed.
func (s *Server) deadline(d time.Duration) int64 {
	return s.tick.Load() + ticks(d) + 1
}

// ticks returns d in ticks, rounded up.
func ticks(d time.Duration) int64 { return int64((d + tickPeriod - 1) / tickPeriod) }

// sweep is the goroutine that counts ticks and kills what is overdue. Looking
// at every connection once a second costs less than a timer for each.
func (s *Server) sweep() {
	defer s.workers.Done()
	c, stop := s.opts.NewTicker()
	defer stop()
	for {
		select {
		case <-s.stopped:
			return
		case <-c:
			s.tick.Add(1)
			s.killOverdue()
		}
	}
}

// killOverdue kills idle connections and those past a deadline.
func (s *Server) killOverdue() {
	var idle int64
	if s.opts.IdleTimeout != nil {
		idle = ticks(s.opts.IdleTimeout())
	}
	now := s.tick.Load()
	for _, c := range s.connections() {
		soft := past(c.softAt.Load(), now)
		switch {
		case c.killed.Load():
		case soft:
			s.count.outputKills.Add(1)
			s.logs.output.warn(s, "client closed: pending output over its soft limit for too long",
				"client", c.id, "addr", c.remote)
			c.Kill()
		case past(c.closeAt.Load(), now) || c.idle(now, idle):
			s.count.timeoutKills.Add(1)
			c.Kill()
		}
	}
}

func past(at, now int64) bool { return at != 0 && now >= at }

// idle reports whether nothing came or went for longer than timeout ticks.
func (c *conn) idle(now, timeout int64) bool {
	return timeout > 0 && !c.keepIdle.Load() && !c.paused.Load() && now-c.seen.Load() > timeout
}
