package command

import "sort"

// clientsPeriod is how old the sum may be that maxmemory-clients is compared
// with, in nanoseconds.
const clientsPeriod = 50e6

// evictClients closes clients, the largest first, while all of them together
// take more than limit. Those with CLIENT NO-EVICT stay.
func (srv *Server) evictClients(now, limit int64) {
	last := srv.clientsLooked.Load()
	if last != 0 && now-last < clientsPeriod || !srv.clientsLooked.CompareAndSwap(last, max(now, 1)) {
		return
	}
	type client struct {
		s    *Session
		size int64
	}
	var evictable []client
	var sum int64
	for _, s := range srv.sessions.snapshot() {
		if s.info.killed.Load() { // what it takes is as good as free
			continue
		}
		st := s.info.state()
		size := st.memory()
		sum += size
		if !st.noEvict {
			evictable = append(evictable, client{s, size})
		}
	}
	if sum <= limit {
		return
	}
	sort.Slice(evictable, func(i, j int) bool { return evictable[i].size > evictable[j].size })
	for _, c := range evictable {
		if sum <= limit || c.size == 0 {
			break
		}
		sum -= c.size
		srv.evictedClients.Add(1)
		srv.opts.Logger.Warn("client closed: the clients take more than maxmemory-clients", "client", c.s.info.addr, "bytes", c.size)
		c.s.info.killed.Store(true)
		c.s.conn.Kill()
	}
}
