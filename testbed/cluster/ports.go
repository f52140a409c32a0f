package cluster

import (
	"fmt"
	"net"
	"os"
	"sync"
)

// Ports come from below the range the kernel gives to outgoing connections:
// a node that is down for a while must find its ports free when it returns.
const (
	firstPort = 11000
	lastPort  = 31000
)

var ports struct {
	mu   sync.Mutex
	next int
}

// freePort returns a port of 127.0.0.1 that is free for TCP and UDP now and
// that this process has not returned before. Each process starts elsewhere,
// so test binaries that run side by side rarely meet.
func freePort() (int, error) {
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.next == 0 {
		ports.next = firstPort + os.Getpid()*97%(lastPort-firstPort)
	}
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next >= lastPort {
			ports.next = firstPort
		}
		if portFree(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", firstPort, lastPort)
}

func portFree(port int) bool {
	tcp, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return false
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", loopback(port))
	if err != nil {
		return false
	}
	return udp.Close() == nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
