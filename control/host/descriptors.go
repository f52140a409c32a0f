package host

import (
	"math"
	"syscall"
)

// reservedFiles is how many file descriptors clients leave to the store, to
// peers and to the control plane of a node.
const reservedFiles = 512

// mostClients returns how many connections the system's limit of open files
// leaves room for, at least one. As in Redis, maxclients above it does not
// count: a log that cannot open its next file takes no writes.
func mostClients() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return max(int(limit.Cur)-reservedFiles, 1)
}
