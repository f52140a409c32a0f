package suites

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// redsync's servers are asked for at ports that outgoing connections get, too.
const redsyncPort, redsyncServers = 51200, 48

// portsTimeout is longer than connections of other programs are likely to live.
const portsTimeout = 2 * time.Minute

// TestMain keeps redsync's ports before any test makes a connection.
func TestMain(m *testing.M) {
	for port := redsyncPort; port < redsyncPort+redsyncServers; port++ {
		if err := keepPort(port); err != nil {
			fmt.Fprintf(os.Stderr, "port %d, which redsync's tests need: %v\n", port, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// keepPort keeps a port from outgoing connections until this process ends.
// Linux gives them no port that a socket is bound to, but lets a server listen
// at it, as long as both have SO_REUSEADDR and the first does not listen. A
// connection that has the port already is waited for.
func keepPort(port int) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return err
	}
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port})
		if err == nil || time.Since(began) > portsTimeout {
			return err
		}
	}
}
