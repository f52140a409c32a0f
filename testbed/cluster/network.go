package cluster

import (
	"fmt"
	"time"
)

// Pair names a direction: bytes that go From one region To another.
type Pair struct{ From, To string }

// Network is the peer network between the regions of one cluster. Calls take
// effect at once on open and on new connections.
type Network struct {
	regions []string
	wires   map[Pair]*wire
	proxies map[Pair]*proxy // From dials To
}

// newNetwork puts a proxy in front of each region's peer address for each
// other region. A region's proxies listen at its host for the others, and dial
// the others from there.
func newNetwork(regions []string, target, host func(region string) string) (*Network, error) {
	n := &Network{regions: regions, wires: map[Pair]*wire{}, proxies: map[Pair]*proxy{}}
	n.each(func(p Pair) { n.wires[p] = newWire() })
	var failed error
	n.each(func(p Pair) {
		if failed != nil {
			return
		}
		n.proxies[p], failed = newProxy(host(p.To), host(p.From), target(p.To), n.wires[p], n.wires[Pair{p.To, p.From}])
	})
	if failed != nil {
		n.close()
		return nil, fmt.Errorf("start a proxy: %w", failed)
	}
	return n, nil
}

func (n *Network) each(f func(Pair)) {
	for _, a := range n.regions {
		for _, b := range n.regions {
			if a != b {
				f(Pair{a, b})
			}
		}
	}
}

// route is the address at which `from` reaches the peer port of `to`.
func (n *Network) route(from, to string) string { return n.proxies[Pair{from, to}].addr() }

func (n *Network) set(p Pair, f func(*weather)) {
	w, ok := n.wires[p]
	if !ok {
		panic(fmt.Sprintf("cluster: no wire from %q to %q", p.From, p.To))
	}
	w.set(f)
}

func (n *Network) both(a, b string, f func(*weather)) {
	n.set(Pair{a, b}, f)
	n.set(Pair{b, a}, f)
}

// Cut closes all connections between two regions and refuses new ones.
func (n *Network) Cut(a, b string) {
	n.both(a, b, func(w *weather) { w.refuse = true })
	n.Reset(a, b)
}

// CutOneWay lets no byte through from one region to the other; the way back
// stays open. Connections stay open and silent.
func (n *Network) CutOneWay(from, to string) {
	n.set(Pair{from, to}, func(w *weather) { w.hold = true })
}

// Hold lets no byte through between two regions; connections stay open, as
// with a cable pulled out.
func (n *Network) Hold(a, b string) { n.both(a, b, func(w *weather) { w.hold = true }) }

// Delay makes bytes between two regions arrive later, both ways.
func (n *Network) Delay(a, b string, d time.Duration) {
	n.both(a, b, func(w *weather) { w.delay = d })
}

// Bandwidth limits the bytes a second between two regions, each way.
func (n *Network) Bandwidth(a, b string, bytesPerSecond int) {
	n.both(a, b, func(w *weather) { w.rate = bytesPerSecond })
}

// Damage makes about one of so many pieces on its way lose some of its bytes,
// which no honest TCP does: the receiver must notice and begin again.
func (n *Network) Damage(a, b string, oneIn int) {
	n.both(a, b, func(w *weather) { w.lose = oneIn })
}

// Reset breaks the open connections between two regions; new ones are fine.
func (n *Network) Reset(a, b string) {
	n.proxies[Pair{a, b}].resetAll()
	n.proxies[Pair{b, a}].resetAll()
}

// Heal makes all well between two regions.
func (n *Network) Heal(a, b string) { n.both(a, b, func(w *weather) { *w = weather{} }) }

// HealAll makes all well everywhere.
func (n *Network) HealAll() {
	n.each(func(p Pair) { n.set(p, func(w *weather) { *w = weather{} }) })
}

// CutAll cuts every pair of regions.
func (n *Network) CutAll() {
	n.each(func(p Pair) { n.set(p, func(w *weather) { w.refuse = true }) })
	n.each(func(p Pair) { n.proxies[p].resetAll() })
}

// HoldAll lets no byte through between any two regions; connections stay open.
func (n *Network) HoldAll() {
	n.each(func(p Pair) { n.set(p, func(w *weather) { w.hold = true }) })
}

// Isolate cuts one region off from all others.
func (n *Network) Isolate(region string) {
	for _, other := range n.regions {
		if other != region {
			n.Cut(region, other)
		}
	}
}

func (n *Network) close() {
	for _, p := range n.proxies {
		if p != nil {
			p.close()
		}
	}
}
