//go:build !linux

package resp

import (
	"errors"
	"syscall"
)

// startPollers: there is no epoll here.
func startPollers(*Server) (carrier, error) {
	return nil, errors.New("this transport needs Linux")
}

func writeFD(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
