package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"google.golang.org/protobuf/proto"

	"crdb/proto/peerpb"
)

// Gossip finds other nodes and notices when they fail. It is only a hint: who
// takes part in a database is in the database's configuration, and nothing that
// is heard here adds anybody to it.
type Gossip struct {
	opts GossipOptions
	list *memberlist.Memberlist
	meta []byte

	stop context.CancelFunc
	wg   sync.WaitGroup

	mu struct {
		sync.Mutex
		seeds  []string
		known  map[string]Node // who has joined and is not gone, by name
		closed bool
	}
}

// GossipOptions configure StartGossip. Region, Node, AdminAddr and PeerAddr
// are needed.
type GossipOptions struct {
	Region    string
	Node      string // unique in the region
	AdminAddr string // host:port of the admin API, told to others
	PeerAddr  string // host:port of the peer server, told to others

	Label     string // keeps clusters apart that share a network
	SecretKey []byte // nil: plain text
	BindAddr  string
	BindPort  int
	Transport memberlist.Transport // nil: UDP and TCP on BindAddr and BindPort

	// OnChange is called when a node came, went or changed. It must not block.
	OnChange func()
	Logger   *slog.Logger // nil: silent

	Rejoin time.Duration // how often lost seeds are tried again; default 15 s
	tune   func(*memberlist.Config)
}

// Node is another node, or this one, as gossip shows it.
type Node struct {
	Name      string // region/node
	Region    string
	AdminAddr string
	PeerAddr  string
	Self      bool
}

// maxNodes bounds how many nodes are let in, and maxSeeds what Join keeps (B1).
const (
	maxNodes = 256
	maxSeeds = 64
)

// StartGossip begins to listen. It knows nobody before Join.
func StartGossip(opts GossipOptions) (*Gossip, error) {
	if opts.Region == "" || opts.Node == "" || strings.Contains(opts.Region+opts.Node, "/") {
		return nil, fmt.Errorf("peer: gossip needs a region and a node name without slashes, got %q and %q", opts.Region, opts.Node)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.OnChange == nil {
		opts.OnChange = func() {}
	}
	def(&opts.Rejoin, 15*time.Second)
	g := &Gossip{opts: opts}
	g.mu.known = map[string]Node{}
	var err error
	if g.meta, err = proto.Marshal(&peerpb.Node{Region: opts.Region, AdminAddr: opts.AdminAddr, PeerAddr: opts.PeerAddr}); err != nil {
		return nil, err
	}
	if len(g.meta) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("peer: region and addresses are %d bytes, gossip carries %d", len(g.meta), memberlist.MetaMaxSize)
	}
	if g.list, err = memberlist.Create(g.config()); err != nil {
		return nil, fmt.Errorf("peer: start gossip on %s:%d: %w", opts.BindAddr, opts.BindPort, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.wg.Go(func() { g.rejoin(ctx) })
	return g, nil
}

func (g *Gossip) config() *memberlist.Config {
	c := memberlist.DefaultWANConfig()
	c.Name = g.opts.Region + "/" + g.opts.Node
	c.Label = g.opts.Label
	c.SecretKey = g.opts.SecretKey
	c.Transport = g.opts.Transport
	if g.opts.BindAddr != "" {
		c.BindAddr = g.opts.BindAddr
	}
	c.BindPort, c.AdvertisePort = g.opts.BindPort, g.opts.BindPort
	c.EnableCompression = false // a decompression bomb needs no more than one packet
	c.TCPTimeout = 10 * time.Second
	c.LogOutput = nil
	c.Logger = log.New(&gossipLog{quiet: quietLog{to: g.opts.Logger}}, "", 0)
	c.Delegate, c.Events, c.Alive = g, g, g
	if g.opts.tune != nil {
		g.opts.tune(c)
	}
	return c
}

// Join contacts nodes by their gossip addresses, host:port. It returns how
// many answered; the others are tried again from time to time.
func (g *Gossip) Join(addrs []string) (int, error) {
	g.mu.Lock()
	for _, a := range addrs {
		if len(g.mu.seeds) < maxSeeds && !slices.Contains(g.mu.seeds, a) {
			g.mu.seeds = append(g.mu.seeds, a)
		}
	}
	g.mu.Unlock()
	return g.list.Join(addrs)
}

// rejoin tries the seeds again while fewer nodes are seen than there were.
func (g *Gossip) rejoin(ctx context.Context) {
	tick := time.NewTicker(g.opts.Rejoin)
	defer tick.Stop()
	most := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.mu.Lock()
		seeds := slices.Clone(g.mu.seeds)
		g.mu.Unlock()
		n := g.list.NumMembers()
		if most = max(most, n); len(seeds) > 0 && (n == 1 || n < most) {
			_, _ = g.list.Join(seeds) // memberlist logs what failed
		}
	}
}

// Members returns the nodes that are alive, this one too, by name. It is what
// memberlist's events told: its own list hands out nodes that it goes on writing to.
func (g *Gossip) Members() []Node {
	g.mu.Lock()
	out := slices.Collect(maps.Values(g.mu.known))
	g.mu.Unlock()
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Addr returns where this node's gossip listens.
func (g *Gossip) Addr() string { return g.list.LocalNode().Address() }

// Close tells the others that this node leaves, for at most patience, and
// stops.
func (g *Gossip) Close(patience time.Duration) error {
	g.mu.Lock()
	if g.mu.closed {
		g.mu.Unlock()
		return errors.New("peer: gossip is closed")
	}
	g.mu.closed = true
	g.mu.Unlock()
	g.stop()
	var left error
	if patience > 0 {
		left = g.list.Leave(patience)
	}
	err := g.list.Shutdown()
	g.wg.Wait()
	return errors.Join(left, err)
}

var errNode = errors.New("peer: malformed node in gossip")

// nodeOf reads what a node tells of itself.
func nodeOf(m *memberlist.Node) (Node, error) {
	var p peerpb.Node
	if err := proto.Unmarshal(m.Meta, &p); err != nil {
		return Node{}, fmt.Errorf("%w: %q: %w", errNode, m.Name, err)
	}
	region, node, ok := strings.Cut(m.Name, "/")
	if !ok || node == "" || region == "" || region != p.GetRegion() {
		return Node{}, fmt.Errorf("%w: %q of region %q", errNode, m.Name, p.GetRegion())
	}
	return Node{Name: m.Name, Region: region, AdminAddr: p.GetAdminAddr(), PeerAddr: p.GetPeerAddr()}, nil
}

// NotifyAlive lets a node in or not; memberlist asks.
func (g *Gossip) NotifyAlive(m *memberlist.Node) error {
	if _, err := nodeOf(m); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.mu.known[m.Name]; !ok && len(g.mu.known) >= maxNodes {
		return fmt.Errorf("peer: gossip knows %d nodes, %q is one too many", maxNodes, m.Name)
	}
	return nil
}

// NotifyJoin, NotifyUpdate and NotifyLeave are memberlist's events; the node is not written
// to while one is handled. Who is let in and does not join, since the message was an old
// one, takes nobody's place.
func (g *Gossip) NotifyJoin(m *memberlist.Node)   { g.learn(m) }
func (g *Gossip) NotifyUpdate(m *memberlist.Node) { g.learn(m) }

func (g *Gossip) learn(m *memberlist.Node) {
	n, err := nodeOf(m)
	if err != nil {
		return // NotifyAlive lets none of these in
	}
	n.Self = n.Name == g.opts.Region+"/"+g.opts.Node
	g.mu.Lock()
	g.mu.known[n.Name] = n
	g.mu.Unlock()
	g.opts.OnChange()
}

func (g *Gossip) NotifyLeave(m *memberlist.Node) {
	g.mu.Lock()
	delete(g.mu.known, m.Name)
	g.mu.Unlock()
	g.opts.OnChange()
}

// NodeMeta and the rest of memberlist's delegate: only the node's own words are
// spread, and no state.
func (g *Gossip) NodeMeta(int) []byte               { return g.meta }
func (g *Gossip) NotifyMsg([]byte)                  {}
func (g *Gossip) GetBroadcasts(_, _ int) [][]byte   { return nil }
func (g *Gossip) LocalState(bool) []byte            { return nil }
func (g *Gossip) MergeRemoteState(_ []byte, _ bool) {}

// gossipLog turns memberlist's log lines into rare ones of ours.
type gossipLog struct{ quiet quietLog }

var _ io.Writer = (*gossipLog)(nil)

// Write takes one line, such as "[WARN] memberlist: Was able to ...".
func (g *gossipLog) Write(line []byte) (int, error) {
	level, text, ok := strings.Cut(strings.TrimSpace(string(line)), " ")
	if !ok || level == "[DEBUG]" || level == "[INFO]" {
		return len(line), nil
	}
	what := text
	if kind, _, ok := strings.Cut(strings.TrimPrefix(text, "memberlist: "), ":"); ok {
		what = kind // without addresses and causes
	}
	if n, show := g.quiet.counts.Add(trouble{what: what}); show {
		g.quiet.to.Warn("gossip: "+strings.TrimPrefix(text, "memberlist: "), "times", n)
	}
	return len(line), nil
}
