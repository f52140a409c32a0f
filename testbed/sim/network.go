package sim

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Network joins the machines of a run by name. Each has one address, at which
// its programs listen on ports. Connections are streams of bytes
// as TCP's are: nothing is lost or reordered inside one, but it may stall, be
// slow, be reset with what is in flight, or carry a flipped bit.
type Network struct {
	wg sync.WaitGroup // of what is said again
	mu struct {
		sync.Mutex
		rng       *rand.Rand
		hosts     map[string]string    // addresses: names
		listeners map[string]*listener // by HOST:PORT
		ports     int                  // given out
		said      map[[2]string]*tape  // on the last connection to a peer server
		lines     map[[2]string]*line
		down      map[string]bool
		moved     map[string]bool
		conns     map[*conn]struct{}
	}
}

// line is one direction between two machines. Guarded by Network.mu.
type line struct {
	rng       *rand.Rand
	cut       bool          // what is sent waits, and new connections do not come up
	latency   time.Duration // least
	jitter    time.Duration // added at random
	rate      int           // bytes per second; 0: no bound
	busyUntil time.Time     // when the rate lets the next byte through
	flips     int           // how many segments are yet to get a flipped bit
}

var (
	errReset   = errors.New("connection reset")
	errRefused = errors.New("connection refused")
)

// NewNetwork returns a network without machines.
func NewNetwork(rng *rand.Rand) *Network {
	n := &Network{}
	n.mu.rng = rng
	n.mu.hosts = map[string]string{}
	n.mu.listeners = map[string]*listener{}
	n.mu.said = map[[2]string]*tape{}
	n.mu.lines = map[[2]string]*line{}
	n.mu.down, n.mu.moved = map[string]bool{}, map[string]bool{}
	n.mu.conns = map[*conn]struct{}{}
	return n
}

// lineLocked returns the direction from one machine to another.
func (n *Network) lineLocked(from, to string) *line {
	l := n.mu.lines[[2]string{from, to}]
	if l == nil {
		seed := uint64(len(n.mu.lines))
		l = &line{latency: time.Millisecond, jitter: time.Millisecond, rng: rand.New(rand.NewPCG(n.mu.rng.Uint64(), seed))}
		n.mu.lines[[2]string{from, to}] = l
	}
	return l
}

// Change lets f change one direction, and wakes whoever it concerns.
func (n *Network) Change(from, to string, f func(*line)) {
	n.mu.Lock()
	f(n.lineLocked(from, to))
	var halves []*half
	for c := range n.mu.conns {
		halves = append(halves, c.in, c.out)
	}
	n.mu.Unlock()
	for _, h := range halves {
		signal(h.wake)
	}
}

// Reset breaks every connection between two machines; what is in flight is lost.
func (n *Network) Reset(a, b string) {
	for _, c := range n.between(func(c *conn) bool {
		return c.local == a && c.remote == b || c.local == b && c.remote == a
	}) {
		c.reset()
	}
}

// Down takes a machine off the network at once: it hears and says nothing more.
// If silent, the others are not told until it is up again.
func (n *Network) Down(name string, silent bool) {
	n.mu.Lock()
	n.mu.down[name] = true
	var open []*listener
	for _, l := range n.mu.listeners {
		if l.name == name {
			open = append(open, l)
		}
	}
	n.mu.Unlock()
	for _, l := range open {
		l.Close()
	}
	for _, c := range n.between(func(c *conn) bool { return c.local == name || c.remote == name }) {
		switch {
		case !silent:
			c.reset()
		case c.local == name:
			c.lose(errReset)
		}
	}
}

// Move makes the next Up of a machine that is silently down leave its connections
// from before as they are, silent: it comes back on other iron behind the same
// address, or what would tell the others is lost on its way.
func (n *Network) Move(name string) {
	n.mu.Lock()
	n.mu.moved[name] = true
	n.mu.Unlock()
}

// Up puts a machine back: connections from before are reset.
func (n *Network) Up(name string) {
	n.mu.Lock()
	delete(n.mu.down, name)
	moved := n.mu.moved[name]
	delete(n.mu.moved, name)
	n.mu.Unlock()
	if moved {
		return
	}
	for _, c := range n.between(func(c *conn) bool { return c.remote == name || c.local == name }) {
		c.reset()
	}
}

// between returns the ends of connections that match.
func (n *Network) between(match func(*conn) bool) (found []*conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.mu.conns {
		if match(c) {
			found = append(found, c)
		}
	}
	return found
}

// Host gives a machine its address.
func (n *Network) Host(name, host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.hosts[host] = name
}

// firstPort is the first of the ports that nobody asked for.
const firstPort = 20_000

// Listen makes a port of a machine reachable, at HOST:PORT; port 0 is one that
// is free.
func (n *Network) Listen(at string) (net.Listener, error) {
	host, p, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(p)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == 0 {
		n.mu.ports++
		port = firstPort + n.mu.ports
	}
	l := &listener{n: n, name: n.mu.hosts[host], addr: net.TCPAddr{IP: net.ParseIP(host), Port: port},
		conns: make(chan net.Conn, 64), closed: make(chan struct{})}
	if n.mu.listeners[l.addr.String()] != nil {
		return nil, syscall.EADDRINUSE
	}
	n.mu.listeners[l.addr.String()] = l
	return l, nil
}

// dialRetry is how often a dial into a cut line tries again.
const dialRetry = time.Second

// Dial connects a machine to HOST:PORT.
func (n *Network) Dial(ctx context.Context, from, at string) (net.Conn, error) {
	for {
		n.mu.Lock()
		host, _, _ := net.SplitHostPort(at)
		to := n.mu.hosts[host]
		there, back := n.lineLocked(from, to), n.lineLocked(to, from)
		cut := there.cut || back.cut
		trip := there.latency + back.latency
		n.mu.Unlock()
		if cut {
			trip = dialRetry
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(trip):
		}
		if !cut {
			return n.join(from, to, at)
		}
	}
}

func (n *Network) join(from, to, at string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.mu.listeners[at]
	if l == nil || n.mu.down[from] || n.mu.down[to] {
		return nil, errRefused
	}
	there := newHalf(n, n.lineLocked(from, to))
	back := newHalf(n, n.lineLocked(to, from))
	if l.addr.Port == peerPort {
		there.said = &tape{at: at}
		n.mu.said[[2]string{from, to}] = there.said
	}
	near := &conn{n: n, local: from, remote: to, in: back, out: there}
	far := &conn{n: n, local: to, remote: from, in: there, out: back}
	select {
	case l.conns <- far:
	default:
		return nil, errRefused
	}
	n.mu.conns[near] = struct{}{}
	n.mu.conns[far] = struct{}{}
	return near, nil
}

// replayBytes is how much of what was said on a connection can be said again.
const replayBytes = 64 << 10

// Replay opens a connection from one machine to another and says what was said
// on a connection between them before. It reports whether there was one.
func (n *Network) Replay(rng *rand.Rand, from, to string) bool {
	n.mu.Lock()
	said := n.mu.said[[2]string{from, to}]
	n.mu.Unlock()
	if said == nil {
		return false
	}
	said.mu.Lock()
	data := append([]byte(nil), said.mu.data...)
	said.mu.Unlock()
	c, err := n.join(from, to, said.at)
	if err != nil || len(data) == 0 {
		return false
	}
	data = data[:1+rng.IntN(len(data))]
	n.wg.Go(func() {
		c.SetDeadline(time.Now().Add(3 * time.Second))
		c.Write(data)
		io.Copy(io.Discard, c)
		c.Close()
	})
	return true
}

// tape is what one end of a connection has said.
type tape struct {
	at string
	mu struct {
		sync.Mutex
		data []byte
	}
}

// add notes what was said; a nil tape notes nothing.
func (r *tape) add(data []byte) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mu.data)+len(data) <= replayBytes {
		r.mu.data = append(r.mu.data, data...)
	}
}

// forget ends the bookkeeping of one end.
func (n *Network) forget(c *conn) {
	n.mu.Lock()
	delete(n.mu.conns, c)
	n.mu.Unlock()
}

// pass says when a segment of size bytes that is sent now may be taken, and
// flips a bit of it if that is due.
func (n *Network) pass(l *line, data []byte, now time.Time) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := now
	if l.rate > 0 {
		if l.busyUntil.Before(now) {
			l.busyUntil = now
		}
		l.busyUntil = l.busyUntil.Add(time.Duration(len(data)) * time.Second / time.Duration(l.rate))
		at = l.busyUntil
	}
	at = at.Add(l.latency)
	if l.jitter > 0 {
		at = at.Add(time.Duration(l.rng.Int64N(int64(l.jitter))))
	}
	if l.flips > 0 && len(data) > 0 {
		l.flips--
		data[l.rng.IntN(len(data))] ^= 1 << l.rng.IntN(8)
	}
	return at
}

func (n *Network) isCut(l *line) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return l.cut
}

// listener is where a server takes connections.
type listener struct {
	name   string // of the machine
	addr   net.TCPAddr
	n      *Network
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Nobody accepts what still waits.
func (l *listener) Close() error {
	l.once.Do(func() {
		l.n.mu.Lock()
		delete(l.n.mu.listeners, l.addr.String())
		l.n.mu.Unlock()
		close(l.closed)
	})
	for {
		select {
		case c := <-l.conns:
			c.(*conn).reset()
		default:
			return nil
		}
	}
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return &l.addr }

// addr is a machine's name as a net.Addr.
type addr string

func (addr) Network() string  { return "sim" }
func (a addr) String() string { return string(a) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
