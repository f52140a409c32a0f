package resp

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// An event loop of our own, for Linux. It exists because of one measurement:
// gnet asks epoll twice per round, first without waiting, and yields to the
// scheduler in between; with few ready sockets per round that is a fifth of
// the CPU of a small request. This loop blocks at once.
//
// Reads and small writes go around the scheduler (RawSyscall): the sockets
// never block, so there is nothing it could do meanwhile.

// poller is one event loop. Fields without a comment belong to its goroutine.
type poller struct {
	srv    *Server
	ep     int
	wakeFD int // eventfd, guarded by mu against being closed
	buf    [64 << 10]byte
	links  []*pollLink // by descriptor; nil: not ours
	size   atomic.Int64
	due    []*pollLink   // have put off sending to the end of the round
	done   chan struct{} // closed when the loop has ended

	mu struct {
		sync.Mutex
		tasks   []pollTask
		stopped bool // no task is taken any more
	}
}

// pollLink is a connection's place on its loop.
type pollLink struct {
	p  *poller
	c  *conn
	fd int // 0 when closed; loop only
}

// pollTask is what other goroutines ask a loop to do.
type pollTask struct {
	link *pollLink
	kind taskKind
}

type taskKind int

const (
	taskOpen taskKind = iota
	taskWake
	taskClose
	taskStop
)

// newPoller opens a loop's descriptors.
func newPoller(s *Server) (*poller, error) {
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errno != 0 {
		_ = syscall.Close(ep)
		return nil, os.NewSyscallError("eventfd2", errno)
	}
	p := &poller{srv: s, ep: ep, wakeFD: int(fd), done: make(chan struct{})}
	if err := p.watch(p.wakeFD); err != nil {
		_, _ = syscall.Close(ep), syscall.Close(p.wakeFD)
		return nil, err
	}
	return p, nil
}

func (p *poller) watch(fd int) error {
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.ep, syscall.EPOLL_CTL_ADD, fd, &ev))
}

// post queues a task and wakes the loop. At most one open, wake and close are
// queued per connection, and one stop, so the queue is bounded by MaxClients.
func (p *poller) post(t pollTask) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.stopped {
		return false
	}
	p.mu.tasks = append(p.mu.tasks, t)
	if len(p.mu.tasks) == 1 {
		one := [8]byte{1}
		_, _ = syscall.Write(p.wakeFD, one[:])
	}
	return true
}

// Wake and Close are what conn asks of its loop, from any goroutine.
func (l *pollLink) Wake()           { l.p.post(pollTask{l, taskWake}) }
func (l *pollLink) Close()          { l.p.post(pollTask{l, taskClose}) }
func (l *pollLink) descriptor() int { return l.fd }

// run is the loop.
func (p *poller) run() {
	defer close(p.done)
	defer p.shut()
	thread := favoured()
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := syscall.EpollWait(p.ep, events, -1)
		if err != nil && err != syscall.EINTR {
			p.srv.opts.Logger.Error("event loop failed", "error", err)
			return
		}
		thread.nice(p.srv.opts.Nice())
		asked := false
		for i := 0; i < n; i++ {
			if fd := int(events[i].Fd); fd == p.wakeFD {
				asked = true
			} else if fd < len(p.links) && p.links[fd] != nil {
				p.read(p.links[fd])
			}
		}
		p.settle()
		if asked && !p.work() {
			return
		}
	}
}

// settle sends what was put off. Sent one after the other, the replies of a round
// wake whoever waits for them fewer times than one here and there would, and that
// is counted as ours.
func (p *poller) settle() {
	for _, l := range p.due {
		if l.fd != 0 {
			p.act(l, l.c.settle())
		}
	}
	clear(p.due)
	p.due = p.due[:0]
}

// read moves what one read brings. A socket that has more is ready again in
// the next round, after the others.
func (p *poller) read(l *pollLink) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(l.fd), uintptr(unsafe.Pointer(&p.buf)), uintptr(len(p.buf)))
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
	case errno != 0 || n == 0:
		p.close(l)
	default:
		if v := l.c.inRound(p.buf[:n]); v == putOff {
			p.due = append(p.due, l)
		} else {
			p.act(l, v)
		}
	}
}

// work does the queued tasks. It reports false when asked to stop.
func (p *poller) work() bool {
	var count [8]byte
	_, _ = syscall.Read(p.wakeFD, count[:])
	p.mu.Lock()
	tasks := p.mu.tasks
	p.mu.tasks = nil
	p.mu.Unlock()
	running := true
	for _, t := range tasks {
		switch {
		case t.kind == taskStop:
			running = false
		case t.kind == taskOpen:
			p.open(t.link)
		case t.link.fd == 0: // closed meanwhile
		case t.kind == taskWake:
			p.act(t.link, t.link.c.traffic(nil))
		case t.kind == taskClose:
			p.close(t.link)
		}
	}
	return running
}

// open takes a connection in.
func (p *poller) open(l *pollLink) {
	if err := p.watch(l.fd); err != nil {
		p.srv.logs.accept.warn(p.srv, "connection lost before it began", "addr", l.c.remote, "error", err)
		p.srv.count.acceptErrors.Add(1)
		p.srv.count.current.Add(-1)
		p.forget(l)
		return
	}
	for l.fd >= len(p.links) {
		p.links = append(p.links, nil)
	}
	p.links[l.fd] = l
	p.act(l, l.c.begin(l))
}

// act does what a verdict asks for.
func (p *poller) act(l *pollLink, v verdict) {
	if v == goOn {
		return
	}
	if v == stall || l.c.lingers(l.fd) {
		l.c.leaveLoop(l.fd)
	}
	p.close(l)
}

// close lets a connection go: to its goroutine if it leaves, else for good.
func (p *poller) close(l *pollLink) {
	_ = syscall.EpollCtl(p.ep, syscall.EPOLL_CTL_DEL, l.fd, nil)
	p.links[l.fd] = nil
	p.forget(l)
	l.c.leave()
}

func (p *poller) forget(l *pollLink) {
	_ = syscall.Close(l.fd)
	l.fd = 0
	p.size.Add(-1)
}

// shut ends the loop: every connection is closed, and so is the door.
func (p *poller) shut() {
	p.mu.Lock()
	p.mu.stopped = true
	tasks := p.mu.tasks
	p.mu.tasks = nil
	_ = syscall.Close(p.wakeFD)
	p.mu.Unlock()
	for _, t := range tasks {
		if t.kind == taskOpen {
			p.srv.count.current.Add(-1)
			p.forget(t.link)
		}
	}
	for _, l := range p.links {
		if l != nil {
			p.close(l)
		}
	}
	_ = syscall.Close(p.ep)
}

// writeFD writes to a socket that does not block.
func writeFD(fd int, b []byte) (int, error) {
	if len(b) > maxWrite {
		return syscall.Write(fd, b) // long enough for the scheduler to know
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
