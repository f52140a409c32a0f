package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// go-redis reports every connection that a killed node refuses on standard
// error; the commands' errors say the same.
func init() { logging.Disable() }

// DatabaseName is the name of the database that every cluster has.
const DatabaseName = "testbed"

// Options say what to start. The zero value is three regions with proxies
// between them and appendfsync everysec.
type Options struct {
	Regions []string // default us-east, eu-west, ap-south
	Spare   []string // further regions whose nodes run without the database
	Fsync   string   // appendfsync: always or everysec
	Direct  bool     // no proxies: the network cannot be broken
	Dir     string   // default: a temporary directory, removed by Close
	Config  []string // further lines of every node's configuration file
	Flags   []string // further flags of every node
	Spaces  bool     // a network namespace for each node, where that is possible
	Clocks  bool     // the nodes' clocks can be set: Node.SetClock
	Server  string   // another build's crdb, which all nodes run until Cluster.Upgrade; default: the one under test
}

// Cluster is one database over several running nodes.
type Cluster struct {
	Regions []string // that have the database; tests that add or remove one set it anew
	Net     *Network // nil with Options.Direct
	Spaces  *Spaces  // nil without namespaces: NoSpaces says why
	// NoSpaces is why there are no namespaces although Options asked for them.
	NoSpaces error

	all     []string // with the spare ones
	bin     Binaries
	dir     string
	ownDir  bool
	nodes   map[string]*Node
	clients map[string]*redis.Client
}

// Start starts the nodes, waits until they are ready and creates the
// database over all of them. After an error nothing is left running.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	if len(opts.Regions) == 0 {
		opts.Regions = []string{"us-east", "eu-west", "ap-south"}
	}
	if opts.Fsync == "" {
		opts.Fsync = "everysec"
	}
	c := &Cluster{Regions: opts.Regions, all: slices.Concat(opts.Regions, opts.Spare), dir: opts.Dir, nodes: map[string]*Node{}, clients: map[string]*redis.Client{}}
	if err := c.start(ctx, opts); err != nil {
		err = fmt.Errorf("%w\n%s", err, c.Logs(40))
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, opts Options) (err error) {
	if c.bin, err = Build(); err != nil {
		return err
	}
	if c.dir == "" {
		if c.dir, err = os.MkdirTemp("", "crdb-testbed-"); err != nil {
			return err
		}
		c.ownDir = true
	}
	server := c.bin.Server
	if opts.Server != "" {
		server = opts.Server
	}
	for _, r := range c.all {
		if c.nodes[r], err = newNode(c.dir, r, server); err != nil {
			return err
		}
	}
	if opts.Spaces {
		if c.Spaces, c.NoSpaces = newSpaces(c.all); c.Spaces != nil {
			for r, n := range c.nodes {
				n.host, n.space = c.Spaces.addr(r), c.Spaces.name(r)
			}
		}
	}
	if !opts.Direct {
		host := func(string) string { return "127.0.0.1" }
		if c.Spaces != nil {
			host = c.Spaces.alias
		}
		if c.Net, err = newNetwork(c.all, c.PeerAddr, host); err != nil {
			return err
		}
	}
	for _, r := range c.all {
		if err := c.configure(c.nodes[r], opts); err != nil {
			return err
		}
		if err := c.nodes[r].Start(); err != nil {
			return err
		}
	}
	return c.create(ctx)
}

// configure writes a node's configuration file: the way to each other region
// leads through the proxy.
func (c *Cluster) configure(n *Node, opts Options) error {
	lines := append([]string{"appendfsync " + opts.Fsync}, opts.Config...)
	if c.Net != nil {
		for _, other := range c.all {
			if other != n.Region {
				lines = append(lines, fmt.Sprintf("peer-route %s %s", other, c.Net.route(n.Region, other)))
			}
		}
	}
	file := filepath.Join(c.dir, n.Region+".conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	flags := append([]string{"--appendfsync", opts.Fsync}, opts.Flags...)
	if n.space != "" {
		flags = append(flags, "--bind", n.host, "--insecure")
	}
	if opts.Clocks {
		n.clock = filepath.Join(c.dir, n.Region+".clock")
		if err := n.SetClock(0); err != nil {
			return err
		}
		flags = append(flags, "--test-clock", n.clock)
	}
	if len(c.all) == 1 {
		flags = append(flags, "--database", DatabaseName, "--port", strconv.Itoa(n.RESP))
	}
	n.configure(file, flags)
	return nil
}

// create makes the database and waits until every region serves it. A lone
// region has made its own at its first start.
func (c *Cluster) create(ctx context.Context) error {
	if len(c.all) == 1 {
		return c.WaitServing(ctx, c.Regions...)
	}
	args := []string{"crdb", "create", "--name", DatabaseName}
	for _, r := range c.all {
		if err := c.nodes[r].WaitReady(ctx); err != nil {
			return err
		}
	}
	for _, r := range c.Regions {
		args = append(args, "--instance", c.nodes[r].Instance())
	}
	if out, err := c.CLI(ctx, args...); err != nil {
		return fmt.Errorf("create the database: %w\n%s", err, out)
	}
	return c.WaitServing(ctx, c.Regions...)
}

// CLI runs crdb-cli against the first region's node.
func (c *Cluster) CLI(ctx context.Context, args ...string) (string, error) {
	return c.CLIAt(ctx, c.Regions[0], args...)
}

// CLIAt runs crdb-cli against a region's node.
func (c *Cluster) CLIAt(ctx context.Context, region string, args ...string) (string, error) {
	return c.CLINode(ctx, c.nodes[region], args...)
}

// CLINode runs crdb-cli against a node, which may be none of the cluster's.
func (c *Cluster) CLINode(ctx context.Context, n *Node, args ...string) (string, error) {
	args = append([]string{"--node", n.AdminAddr()}, args...)
	out, err := exec.CommandContext(ctx, c.bin.CLI, args...).CombinedOutput()
	return string(out), err
}

// Upgrade makes the program under test what a region's node runs from its next start on.
func (c *Cluster) Upgrade(region string) { c.nodes[region].bin = c.bin.Server }

// Beside returns a node that would run on a copy of a region's directory,
// under other ports but for the database's, beside the region's own. The
// caller starts and kills it.
func (c *Cluster) Beside(region, dir string) (*Node, error) {
	own := c.nodes[region]
	n, err := newNode(filepath.Dir(dir), region, c.bin.Server)
	if err != nil {
		return nil, err
	}
	n.Dir, n.log = dir, filepath.Join(c.dir, region+"-beside.log")
	n.configure(filepath.Join(c.dir, region+".conf"), []string{"--bind", "127.0.0.2", "--gossip-port", "0"})
	n.host, n.RESP = "127.0.0.2", own.RESP
	return n, nil
}

// Node returns a region's node.
func (c *Cluster) Node(region string) *Node { return c.nodes[region] }

// Client returns a client of a region's database that never tries twice: a
// command that failed may or may not have happened.
func (c *Cluster) Client(region string) *redis.Client {
	if c.clients[region] == nil {
		c.clients[region] = c.NewClient(region, 0)
	}
	return c.clients[region]
}

// NewClient returns a further client, which the caller closes.
func (c *Cluster) NewClient(region string, db int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: c.nodes[region].Addr(), DB: db, MaxRetries: -1})
}

// WaitServing waits until the regions' databases answer.
func (c *Cluster) WaitServing(ctx context.Context, regions ...string) error {
	for _, r := range regions {
		if err := c.nodes[r].WaitReady(ctx); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, readyTimeout)
		err := Poll(wait, pollPause, func() error { return c.Client(r).Ping(wait).Err() })
		cancel()
		if err != nil {
			return fmt.Errorf("region %s does not serve: %w", r, err)
		}
	}
	return nil
}

// Close ends everything and says which nodes had ended by themselves.
func (c *Cluster) Close() error {
	var errs []error
	for _, cl := range c.clients {
		cl.Close()
	}
	for _, n := range c.nodes {
		if n != nil {
			errs = append(errs, n.Crashed(), n.Kill())
		}
	}
	if c.Net != nil {
		c.Net.close()
	}
	if c.Spaces != nil {
		c.Spaces.close()
	}
	if c.ownDir {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}

// PeerAddr is the host and port at which a region's node takes peers, past
// all proxies.
func (c *Cluster) PeerAddr(region string) string {
	return hostPort(c.nodes[region].host, c.nodes[region].Peer)
}
