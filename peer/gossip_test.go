package peer

import (
	"errors"
	"fmt"
	"net"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"google.golang.org/protobuf/proto"

	"crdb/proto/peerpb"
)

// air is a network for gossip without ports.
type air struct {
	mu    gosync.Mutex
	nodes map[string]*airNode
}

type airNode struct {
	air     *air
	port    int
	packets chan *memberlist.Packet
	streams chan net.Conn
	down    atomic.Bool
}

func (a *air) node() *airNode {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.nodes == nil {
		a.nodes = map[string]*airNode{}
	}
	n := &airNode{air: a, port: len(a.nodes) + 1, packets: make(chan *memberlist.Packet, 1000), streams: make(chan net.Conn, 100)}
	a.nodes[n.addr()] = n
	return n
}

func (n *airNode) addr() string { return fmt.Sprintf("127.0.0.1:%d", n.port) }

func (a *air) at(addr string) *airNode {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.nodes[addr]; n != nil && !n.down.Load() {
		return n
	}
	return nil
}

func (n *airNode) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.ParseIP("127.0.0.1"), n.port, nil
}

func (n *airNode) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	if to := n.air.at(addr); to != nil && !n.down.Load() {
		from := &net.UDPAddr{IP: net.ParseIP("127.0.0.1"), Port: n.port}
		select {
		case to.packets <- &memberlist.Packet{Buf: append([]byte(nil), b...), From: from, Timestamp: now}:
		default:
		}
	}
	return now, nil
}

func (n *airNode) PacketCh() <-chan *memberlist.Packet { return n.packets }
func (n *airNode) StreamCh() <-chan net.Conn           { return n.streams }
func (n *airNode) Shutdown() error                     { n.down.Store(true); return nil }

func (n *airNode) DialTimeout(addr string, _ time.Duration) (net.Conn, error) {
	to := n.air.at(addr)
	if to == nil || n.down.Load() {
		return nil, errors.New("nobody there")
	}
	here, there := net.Pipe()
	here.SetDeadline(time.Now().Add(streamPatience)) // a pipe has no buffer: nobody may be reading
	to.streams <- there
	return here, nil
}

// streamPatience is for what must succeed, on a busy machine too; who is away is not dialled.
const streamPatience = 10 * time.Second

func fast(c *memberlist.Config) {
	c.ProbeInterval, c.ProbeTimeout = 20*time.Millisecond, 10*time.Millisecond
	c.GossipInterval, c.PushPullInterval = 10*time.Millisecond, 50*time.Millisecond
	c.TCPTimeout, c.SuspicionMult, c.SuspicionMaxTimeoutMult = streamPatience, 1, 1
	c.GossipToTheDeadTime, c.AwarenessMaxMultiplier = 20*time.Millisecond, 1
}

func startGossip(t *testing.T, on *airNode, region string, changed func()) *Gossip {
	t.Helper()
	g, err := StartGossip(GossipOptions{
		Region: region, Node: "n1", Label: "test", Transport: on, OnChange: changed,
		AdminAddr: region + ":9443", PeerAddr: region + ":9444", Rejoin: 30 * time.Millisecond, tune: fast,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close(0) })
	return g
}

func seen(g *Gossip) string {
	var names []string
	for _, n := range g.Members() {
		names = append(names, n.Name+"="+n.AdminAddr+","+n.PeerAddr)
	}
	return strings.Join(names, " ")
}

func TestGossip(t *testing.T) {
	checkGoroutines(t)
	var a air
	var changes atomic.Int64
	nodes := []*airNode{a.node(), a.node(), a.node()}
	nodes[2].down.Store(true)
	one := startGossip(t, nodes[0], "us", func() { changes.Add(1) })
	two := startGossip(t, nodes[1], "eu", nil)
	if n, err := two.Join([]string{nodes[2].addr()}); n != 0 || err == nil {
		t.Fatalf("joined %d who are not there: %v", n, err)
	}
	if n, err := two.Join([]string{nodes[0].addr()}); n != 1 {
		t.Fatal(n, err)
	}
	nodes[2].down.Store(false)
	three := startGossip(t, nodes[2], "ap", nil) // two tries it again by itself, for it is a seed
	if _, err := three.Join([]string{nodes[1].addr()}); err != nil {
		t.Fatal(err)
	}
	all := "ap/n1=ap:9443,ap:9444 eu/n1=eu:9443,eu:9444 us/n1=us:9443,us:9444"
	for _, g := range []*Gossip{one, two, three} {
		eventually(t, "all see all", func() bool { return seen(g) == all })
	}
	if changes.Load() == 0 || one.Addr() != nodes[0].addr() {
		t.Error("no changes heard")
	}
	if err := three.Close(time.Minute); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one leaves", func() bool { return len(one.Members()) == 2 && len(two.Members()) == 2 })
	nodes[1].down.Store(true) // fails without a word
	eventually(t, "one fails", func() bool { return len(one.Members()) == 1 })
	nodes[1].down.Store(false)
	eventually(t, "it comes back by its seeds", func() bool { return len(one.Members()) == 2 && len(two.Members()) == 2 })
	for _, g := range []*Gossip{one, two} {
		if err := g.Close(0); err != nil {
			t.Error(err)
		}
	}
	if one.Close(0) == nil {
		t.Error("closed twice")
	}
}

// TestGossipLetsFewIn: names that do not fit, garbage, and too many.
func TestGossipLetsFewIn(t *testing.T) {
	var a air
	g := startGossip(t, a.node(), "us", nil)
	defer g.Close(0)
	meta := func(region string) []byte {
		b, _ := proto.Marshal(&peerpb.Node{Region: region})
		return b
	}
	for _, bad := range []*memberlist.Node{
		{Name: "us", Meta: meta("us")}, {Name: "us/", Meta: meta("us")}, {Name: "/x", Meta: meta("")},
		{Name: "us/x", Meta: meta("eu")}, {Name: "us/x", Meta: []byte{0xff}}, {Name: "us/x"},
	} {
		if g.NotifyAlive(bad) == nil {
			t.Errorf("%q with %x let in", bad.Name, bad.Meta)
		}
	}
	for i := range 2 * maxNodes { // these do not join
		if err := g.NotifyAlive(&memberlist.Node{Name: fmt.Sprint("us/old", i), Meta: meta("us")}); err != nil {
			t.Fatal(err)
		}
	}
	in := 0
	for i := range 2 * maxNodes {
		m := &memberlist.Node{Name: fmt.Sprint("us/", i), Meta: meta("us")}
		if g.NotifyAlive(m) == nil {
			g.NotifyJoin(m)
			in++
		}
	}
	if in > maxNodes {
		t.Errorf("B1: %d nodes let in", in)
	}
	for _, bad := range []GossipOptions{{}, {Region: "a/b", Node: "x"}, {Region: "a", Node: "x", PeerAddr: strings.Repeat("x", 600)}} {
		if g, err := StartGossip(bad); err == nil {
			g.Close(0)
			t.Errorf("%+v accepted", bad)
		}
	}
}
