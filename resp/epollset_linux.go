package resp

import (
	"errors"
	"net"
	"os"
	"syscall"
)

var errStopped = errors.New("the event loop has ended")

// pollers are the loops of one Server.
type pollers []*poller

// startPollers starts the loops of a Server.
func startPollers(s *Server) (carrier, error) {
	var all pollers
	for range s.opts.Loops {
		p, err := newPoller(s)
		if err != nil {
			_ = all.stop()
			return nil, err
		}
		go p.run()
		all = append(all, p)
	}
	return all, nil
}

// add hands a connection to the loop with the fewest.
func (all pollers) add(c *conn, nc net.Conn) error {
	fd, err := takeFD(nc)
	if err != nil {
		return err
	}
	p := all[0]
	for _, o := range all[1:] {
		if o.size.Load() < p.size.Load() {
			p = o
		}
	}
	if !p.post(pollTask{&pollLink{p: p, c: c, fd: fd}, taskOpen}) {
		_ = syscall.Close(fd)
		return errStopped
	}
	p.size.Add(1)
	return nil
}

// stop ends the loops, closing their connections, and waits for them.
func (all pollers) stop() error {
	for _, p := range all {
		p.post(pollTask{nil, taskStop})
	}
	for _, p := range all {
		<-p.done
	}
	return nil
}

// takeFD duplicates the socket out of the hands of package net, closing nc.
func takeFD(nc net.Conn) (fd int, err error) {
	defer nc.Close()
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return 0, errors.New("the connection has no descriptor")
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno syscall.Errno
	var dup uintptr
	err = rc.Control(func(s uintptr) {
		dup, _, errno = syscall.RawSyscall(syscall.SYS_FCNTL, s, syscall.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("fcntl", errno)
	}
	return int(dup), err
}
