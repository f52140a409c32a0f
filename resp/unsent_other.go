//go:build !linux

package resp

import "net"

// Other systems are not asked: a connection is closed once its replies are in
// its socket.

func unsent(uintptr) int    { return 0 }
func unsentOf(net.Conn) int { return 0 }
func discard(int)           {}
