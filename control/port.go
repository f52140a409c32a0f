package control

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/http"
	"syscall"

	"crdb/control/api"
)

// A database for which no port was asked gets one of these. They lie below those that
// systems take for outgoing connections (on Linux from 32768): of such a port another
// process may have hold when the node starts again.
const firstPort, lastPort = 12000, 19999

// reserve holds the port of a database until its instance takes it over; 0 is any.
func (n *Node) reserve(port int, guid string) (l net.Listener, err error) {
	switch {
	case port == 0:
		l, err = n.reserveAny(guid)
	case n.owned(port):
		err = errors.New("another database of this node has that port")
	default:
		l, err = n.listen(port, "database")
	}
	if err != nil {
		return nil, api.Errorf(http.StatusConflict, api.CodePortInUse, "region %s: %v", n.opts.Settings.Region, err)
	}
	return l, nil
}

// reserveAny begins at a port that the GUID says, so that two nodes of a machine seldom
// want the same, also while one of them does not run.
func (n *Node) reserveAny(guid string) (net.Listener, error) {
	h := fnv.New32a()
	h.Write([]byte(guid))
	const count = lastPort - firstPort + 1
	start := int(h.Sum32() % count)
	for i := range count {
		port := firstPort + (start+i)%count
		if n.owned(port) {
			continue
		}
		if l, err := n.opts.Listen(n.addr(port)); !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
	return nil, fmt.Errorf("no port is free from %d to %d; name one", firstPort, lastPort)
}

// owned reports whether a database of this node has a port, be it that it does not serve
// just now, or could not be opened.
func (n *Node) owned(port int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	has := func(r *record) bool { return r.Port == port && r.Status != api.StatusRemoved }
	for _, db := range n.mu.dbs {
		if has(db.record) {
			return true
		}
	}
	for _, u := range n.mu.unopened {
		if has(u.record) {
			return true
		}
	}
	return false
}
