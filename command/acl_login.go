package command

import (
	"crypto/subtle"
	"net"
	"sync"
	"time"
)

// A client that guesses passwords is answered ever later. The first failures
// of an address are free; each further one doubles the delay; time forgives.
const (
	freeFailures = 5
	firstDelay   = 10 * time.Millisecond
	longestDelay = time.Second
	localDelay   = 20 * time.Millisecond // longest for programs on this machine
	forgiveAfter = 5000                  // milliseconds for one failure
	guardedHosts = 4096                  // addresses remembered
	mostFailures = 32
)

// loginGuard remembers failed logins by address. mu guards the map.
type loginGuard struct {
	mu struct {
		sync.Mutex
		hosts map[string]failures
	}
}

type failures struct {
	n    int64
	last int64 // unix milliseconds
}

func (g *loginGuard) init() { g.mu.hosts = make(map[string]failures) }

// failed notes a failure and returns how long the answer must wait.
func (g *loginGuard) failed(addr string, now int64) time.Duration {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	f, known := g.mu.hosts[host]
	if !known && len(g.mu.hosts) >= guardedHosts {
		g.dropOneLocked()
	}
	f.n = min(max(f.n-(now-f.last)/forgiveAfter, 0)+1, mostFailures)
	f.last = now
	g.mu.hosts[host] = f
	if f.n <= freeFailures {
		return 0
	}
	longest := longestDelay
	if ip := net.ParseIP(host); ip == nil || ip.IsLoopback() {
		longest = localDelay
	}
	return min(firstDelay<<min(f.n-freeFailures-1, 10), longest)
}

func (g *loginGuard) dropOneLocked() {
	for host := range g.mu.hosts {
		delete(g.mu.hosts, host)
		return
	}
}

// matches compares with every password in constant time.
func (r *rights) matches(pass []byte) bool {
	hash := []byte(hashPassword(pass))
	ok := 0
	for _, p := range r.passwords {
		ok |= subtle.ConstantTimeCompare(hash, []byte(p))
	}
	return ok == 1
}

// login checks a name and password, and makes the session that user's.
func (s *Session) login(name, pass []byte) bool {
	u := s.srv.acl.get(string(name))
	ok := false
	if u == nil {
		s.srv.acl.standard.rights.Load().matches(pass) // takes as long as for one that exists
	} else {
		r := u.rights.Load()
		ok = r.matches(pass) || r.noPass
		ok = ok && r.on
	}
	if !ok {
		s.srv.stats.authFailures.Add(1)
		s.logDenial(deniedAuth, s.aclContext(), string(s.ctx.Args[0]), string(name)) // as the client wrote it
		return false
	}
	s.become(u)
	return true
}

// refuseLogin replies that name or password are wrong: now, or after a delay
// that costs nobody else anything. Where the reply must stand among those of
// EXEC the session waits behind it.
func (s *Session) refuseLogin(c *Context) {
	delay := s.srv.acl.guard.failed(s.info.addr, s.now)
	if delay == 0 {
		c.Out.Error(msgWrongPass)
		return
	}
	w := &loginDelay{}
	if s.mode&modeExec != 0 {
		c.Out.Error(msgWrongPass)
		w.replied = true
	}
	s.blockOn(w, delay)
}

// loginDelay is the wait after a failed login.
type loginDelay struct{ replied bool }

func (w *loginDelay) ready(s *Session, why wakeup) bool {
	if why == wakeCheck {
		return false
	}
	if !w.replied {
		s.out.Error(msgWrongPass)
		s.srv.stats.errorReply("WRONGPASS")
	}
	return true
}

func (*loginDelay) end(*Session) {}
