package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	gosync "sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc/test/bufconn"

	"crdb/crdt"
	"crdb/oplog"
)

// cluster is a set of whole replicas that talk gRPC, over bufconn or TCP.
type cluster struct {
	t     testing.TB
	tcp   bool
	nodes map[crdt.ReplicaID]*clusterNode

	mu        gosync.Mutex
	listeners map[string]*bufconn.Listener
}

type clusterNode struct {
	c       *cluster
	id      crdt.ReplicaID
	fs      vfs.FS
	dir     string // of the log, if fs is the operating system's
	log     *oplog.Log
	toy     *toy
	r       *Replicator
	server  *Server
	addr    string
	served  chan error
	heard   chan string // PUBLISH messages
	tune    func(*Options)
	logTune func(*oplog.Options)
	bare    bool    // without a toy: tune brings an Applier
	mount   *Server // another node's server, for databases that share one
	liar    func()  // ends the liar that was put in its place
}

var begun = time.Now()

func mono() int64 { return int64(time.Since(begun)) }

func newCluster(t testing.TB, tcp bool) *cluster {
	c := &cluster{t: t, tcp: tcp, nodes: map[crdt.ReplicaID]*clusterNode{}, listeners: map[string]*bufconn.Listener{}}
	t.Cleanup(c.close)
	return c
}

var quick = Timing{
	Heartbeat: 20 * time.Millisecond, Ack: time.Millisecond, FetchDelay: 40 * time.Millisecond,
	RetryMin: 5 * time.Millisecond, RetryMax: 50 * time.Millisecond, RetryStop: time.Minute,
}

// add makes a replica; nobody knows of it before join.
func (c *cluster) add(id crdt.ReplicaID, tune ...func(*Options)) *clusterNode {
	c.t.Helper()
	n := &clusterNode{c: c, id: id, fs: vfs.NewCrashableMem(), dir: "log"}
	if len(tune) > 0 {
		n.tune = tune[0]
	}
	c.nodes[id] = n
	n.open()
	return n
}

func (n *clusterNode) open() {
	n.c.t.Helper()
	wall := func() int64 { return time.Now().UnixMilli() }
	o := logOptions(n.fs, "db", n.id, wall)
	o.Dir = n.dir
	if n.logTune != nil {
		n.logTune(&o)
	}
	var err error
	if n.log, err = oplog.Open(o); err != nil {
		n.c.t.Fatal(err)
	}
	if n.bare {
		n.toy = &toy{}
	} else if n.toy, err = openToy(n.log, n.id); err != nil {
		n.c.t.Fatal(err)
	}
	n.heard = make(chan string, 1000)
	opts := Options{
		Database: "db", Self: n.id, Region: regionOf(n.id), Log: n.log, Apply: n.toy, Wall: wall, Mono: mono,
		Dial: n.c.dial, Timing: quick,
		Deliver: func(channel, payload []byte) { n.heard <- string(channel) + "=" + string(payload) },
	}
	if n.tune != nil {
		n.tune(&opts)
	}
	if n.r, err = New(opts); err != nil {
		n.c.t.Fatal(err)
	}
	listener := n.c.listen(n)
	n.server = NewServer(ServerOptions{Listener: listener})
	if err := n.server.Register(opts.Database, n.r); err != nil {
		n.c.t.Fatal(err)
	}
	n.served = make(chan error, 1)
	server, served := n.server, n.served
	go func() { served <- server.Serve() }()
}

func (c *cluster) listen(n *clusterNode) net.Listener {
	if c.tcp {
		at := n.addr
		if at == "" {
			at = "127.0.0.1:0"
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			c.t.Fatal(err)
		}
		n.addr = l.Addr().String()
		return l
	}
	n.addr = fmt.Sprintf("node-%d", n.id)
	l := bufconn.Listen(256 << 10)
	c.mu.Lock()
	c.listeners[n.addr] = l
	c.mu.Unlock()
	return l
}

func (c *cluster) dial(ctx context.Context, addr string) (net.Conn, error) {
	if c.tcp {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	c.mu.Lock()
	l := c.listeners[addr]
	c.mu.Unlock()
	if l == nil {
		return nil, errors.New("no such node")
	}
	return l.DialContext(ctx)
}

func (n *clusterNode) close() {
	n.server.Close()
	<-n.served
	if err := n.r.Close(); err != nil {
		n.c.t.Error(err)
	}
	if err := n.log.Close(); err != nil {
		n.c.t.Error(err)
	}
	n.server = nil
}

// restart closes the node and opens it again from its disk.
func (n *clusterNode) restart() {
	n.close()
	n.open()
	n.r.SetMembers(n.c.members())
}

func (c *cluster) close() {
	for _, n := range c.nodes {
		if n.server != nil {
			n.close()
		}
		for _, f := range n.toy.problems() {
			c.t.Errorf("replica %d: %s", n.id, f)
		}
	}
}

func (c *cluster) members() []Member {
	var m []Member
	for _, n := range c.nodes {
		m = append(m, Member{n.id, regionOf(n.id), n.addr})
	}
	return m
}

func (c *cluster) join() {
	for _, n := range c.nodes {
		n.r.SetMembers(c.members())
	}
}

// eventually waits until ok holds; what says what was waited for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("in vain: %s", what)
		case <-tick.C:
		}
	}
}

// converge waits until all replicas have applied all that any has issued.
func (c *cluster) converge(ids ...crdt.ReplicaID) {
	c.t.Helper()
	if len(ids) == 0 {
		for id := range c.nodes {
			ids = append(ids, id)
		}
	}
	var want crdt.VersionVector
	for _, id := range ids {
		want.Raise(c.nodes[id].log.Issued())
	}
	for _, id := range ids {
		n := c.nodes[id]
		eventually(c.t, fmt.Sprintf("replica %d reaches %v, is at %v", id, want, n.toy.vector()), func() bool { return n.toy.vector().Descends(want) })
	}
	for _, id := range ids[1:] {
		if a, b := c.nodes[ids[0]].toy.fingerprint(), c.nodes[id].toy.fingerprint(); a != b {
			c.t.Fatalf("replicas %d and %d differ:\n%s\n%s", ids[0], id, a, b)
		}
	}
}

func (n *clusterNode) linkTo(id crdt.ReplicaID) LinkStatus {
	for _, l := range n.r.Links() {
		if l.Replica == id {
			return l
		}
	}
	n.c.t.Fatalf("replica %d has no link to %d", n.id, id)
	return LinkStatus{}
}

func (c *cluster) connected() {
	c.t.Helper()
	for _, n := range c.nodes {
		eventually(c.t, fmt.Sprintf("replica %d follows all", n.id), func() bool {
			for _, l := range n.r.Links() {
				if l.In.State != StateConnected || !l.Out.Connected {
					return false
				}
			}
			return true
		})
	}
}
