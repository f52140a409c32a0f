package host

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crdb/control"
	"crdb/peer"
)

// Gossip tells which nodes are alive. It is a hint and nothing more: when a
// region's node comes back, links that wait to try it again try at once.

// leavePatience is how long a closing node waits for the others to hear of it.
const leavePatience = 500 * time.Millisecond

var gossipNodes = gauge("crdb_gossip_nodes", "Nodes that gossip shows alive, this one included.")

// gossip is the node's gossip with the goroutine that follows it.
type gossip struct {
	list *peer.Gossip
	kick chan struct{} // something changed
	stop chan struct{}
}

// startGossip begins to gossip, unless the port is 0. A port that is in use is
// an error; other trouble only costs the hints.
func (h *Host) startGossip(o control.Options, nodeID string) error {
	s := o.Settings
	if s.GossipPort == 0 {
		return nil
	}
	probe, err := o.Listen(net.JoinHostPort(s.Bind, strconv.Itoa(s.GossipPort)))
	if err != nil {
		return portError("gossip", s.GossipPort, err)
	}
	probe.Close()
	bind := s.Bind
	if bind == "localhost" {
		bind = "127.0.0.1"
	}
	g := &gossip{kick: make(chan struct{}, 1), stop: make(chan struct{})}
	g.list, err = peer.StartGossip(peer.GossipOptions{
		Region: s.Region, Node: nodeID, Label: "crdb",
		AdminAddr: net.JoinHostPort(s.Bind, strconv.Itoa(s.AdminPort)),
		PeerAddr:  net.JoinHostPort(s.Bind, strconv.Itoa(h.PeerPort())),
		BindAddr:  bind, BindPort: s.GossipPort, Logger: h.logger,
		OnChange: func() {
			select {
			case g.kick <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		h.logger.Warn("running without gossip; links to nodes that come back are tried a little later", "err", err)
		return nil
	}
	h.gossip = g
	h.wg.Go(func() { h.followGossip(g) })
	if len(s.Join) > 0 {
		h.wg.Go(func() {
			if n, err := g.list.Join(s.Join); err != nil {
				h.logger.Warn("not all nodes of --join answer; they are tried again", "answered", n, "err", err)
			}
		})
	}
	return nil
}

// followGossip nudges the links to regions that have come back.
func (h *Host) followGossip(g *gossip) {
	seen := map[string]bool{}
	for {
		select {
		case <-g.kick:
		case <-g.stop:
			return
		}
		now := map[string]bool{}
		for _, m := range g.list.Members() {
			now[m.Region] = true
			if !seen[m.Region] && !m.Self {
				h.nudge(m.Region)
			}
		}
		seen = now
	}
}

// nudge makes all instances try a region again at once.
func (h *Host) nudge(region string) {
	h.mu.Lock()
	all := make([]*instance, 0, len(h.mu.open))
	for i := range h.mu.open {
		all = append(all, i)
	}
	h.mu.Unlock()
	for _, i := range all {
		i.repl.Nudge(region)
	}
}

func (g *gossip) close() {
	close(g.stop)
	g.list.Close(leavePatience)
}

func (g *gossip) collect(ch chan<- prometheus.Metric) {
	gossipNodes.send(ch, float64(len(g.list.Members())))
}

// portError says which port cannot be had, and why.
func portError(what string, port int, err error) error {
	if inUse(err) {
		return fmt.Errorf("%s port %d is in use by another process", what, port)
	}
	return fmt.Errorf("cannot listen on %s port %d: %w", what, port, err)
}
