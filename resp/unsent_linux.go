package resp

import (
	"net"
	"syscall"
	"unsafe"
)

// unsent returns how many bytes written to a socket its peer has not
// acknowledged yet.
func unsent(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

// unsentOf is unsent for a connection of package net; 0 when it is closed.
func unsentOf(nc net.Conn) (n int) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return 0
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	_ = rc.Control(func(fd uintptr) { n = unsent(fd) })
	return n
}

// discard reads what has come in on a socket that does not block, up to a
// bound, after telling the other side that nothing more is sent.
func discard(fd int) {
	_ = syscall.Shutdown(fd, syscall.SHUT_WR)
	var buf [16 << 10]byte
	for range 64 {
		if n, err := syscall.Read(fd, buf[:]); n <= 0 || err != nil {
			return
		}
	}
}
