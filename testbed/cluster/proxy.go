package cluster

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	chunkSize  = 32 << 10
	chunkQueue = 64 // chunks on their way per direction, at most
)

// proxy carries the connections that region `from` opens to region `to`.
type proxy struct {
	listener net.Listener
	target   string
	from     net.Dialer // the address that the target sees
	out, in  *wire      // bytes to the target, bytes back

	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		links  map[*link]struct{}
		closed bool
	}
}

// link is one proxied connection.
type link struct {
	near, far net.Conn
	once      sync.Once
	done      chan struct{}
}

func newProxy(host, from, target string, out, in *wire) (*proxy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", hostPort(host, port))
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, out: out, in: in}
	p.from = net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	p.mu.links = map[*link]struct{}{}
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	defer p.wg.Done()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Add(1)
		go p.carry(conn)
	}
}

func (p *proxy) refusing() bool {
	out, _ := p.out.get()
	in, _ := p.in.get()
	return out.refuse || in.refuse
}

func (p *proxy) carry(near net.Conn) {
	defer p.wg.Done()
	if p.refusing() {
		reset(near)
		return
	}
	far, err := p.from.Dial("tcp", p.target)
	if err != nil {
		reset(near)
		return
	}
	l := &link{near: near, far: far, done: make(chan struct{})}
	p.mu.Lock()
	p.mu.links[l] = struct{}{}
	closed := p.mu.closed
	p.mu.Unlock()
	if closed || p.refusing() { // it came while dialling
		l.close()
	}
	var pumps sync.WaitGroup
	for _, way := range []struct {
		src, dst net.Conn
		wire     *wire
	}{{near, far, p.out}, {far, near, p.in}} {
		queue := make(chan chunk, chunkQueue)
		pumps.Go(func() { l.read(way.src, way.wire, queue) })
		pumps.Go(func() { l.write(way.dst, way.wire, queue) })
	}
	pumps.Wait()
	p.mu.Lock()
	delete(p.mu.links, l)
	p.mu.Unlock()
}

// resetAll breaks every connection with a TCP reset.
func (p *proxy) resetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.mu.links {
		l.close()
	}
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.resetAll()
	p.wg.Wait()
}

type chunk struct {
	data []byte
	due  time.Time
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.done)
		reset(l.near)
		reset(l.far)
	})
}

// read takes bytes off a connection and puts them on the wire.
func (l *link) read(src net.Conn, w *wire, queue chan<- chunk) {
	defer close(queue)
	for {
		buf := make([]byte, chunkSize)
		n, err := src.Read(buf)
		if n > 0 {
			now, _ := w.get()
			select {
			case queue <- chunk{buf[:n], time.Now().Add(now.delay)}:
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write takes bytes off the wire when they are due; the first that fails, or
// the end of the stream, ends the whole connection.
func (l *link) write(dst net.Conn, w *wire, queue <-chan chunk) {
	defer l.close()
	for c := range queue {
		now, ok := w.pass(l.done)
		if !ok || !l.sleep(time.Until(c.due)) {
			return
		}
		if now.rate > 0 && !l.sleep(time.Duration(len(c.data))*time.Second/time.Duration(now.rate)) {
			return
		}
		if now, ok = w.pass(l.done); !ok { // a hold may have begun meanwhile
			return
		}
		if now.lose > 0 && rand.IntN(now.lose) == 0 {
			c.data = c.data[:rand.IntN(len(c.data))]
		}
		if _, err := dst.Write(c.data); err != nil {
			return
		}
	}
}

func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// reset closes a connection without the usual goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}
