package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
	"crdb/control/conf"
	"crdb/peer/quiet"
)

// Options say what a Node works with. Settings, Now, Dial, Rand and
// OpenHost are needed.
type Options struct {
	Settings *conf.Settings
	Now      func() time.Time
	Dial     func(ctx context.Context, addr string) (net.Conn, error)
	Listen   func(addr string) (net.Listener, error)      // nil: net.Listen over TCP
	Rand     io.Reader                                    // for GUIDs
	FS       vfs.FS                                       // nil: the system's
	Logger   *slog.Logger                                 // nil: silent
	Shutdown func()                                       // begins to end the process, when a client says SHUTDOWN; nil: refused
	Starting context.Context                              // ends an Open that waits for others; nil: nothing does
	OpenHost func(o Options, nodeID string) (Host, error) // what instances are made of
	Timing   Timing
}

// Timing are the periods of a Node. Zero means the default.
type Timing struct {
	Call    time.Duration // one call to another node
	Prepare time.Duration // a prepared instance asks for the outcome after this
	Commit  time.Duration // a coordinator gives up after this
	Lease   time.Duration // an instance that is to leave takes writes again if its coordinator is silent for this long; 0: Commit
	Retry   time.Duration
	Janitor time.Duration
	Settle  time.Duration // how long a task waits for regions to catch up
}

// The states of a node.
const (
	stateLoading  int32 = iota
	stateStarting       // takes changes, and makes the first database
	stateReady
	stateDraining
)

// Node is one node of crdb.
type Node struct {
	opts  Options
	dir   *dir
	host  Host
	tasks *tasks
	// resumed are tasks of the last life that go on; only Open uses it.
	resumed []resumption
	log     *slog.Logger
	admin   net.Listener
	http    *http.Server
	client  *http.Client
	// patient is client for calls that compare data, which take longer.
	patient *http.Client
	state   atomic.Int32
	begun   time.Time
	run     uint64          // names this life of the process
	news    chan struct{}   // there is a notice
	tried   time.Time       // by the janitor: the last recovery begun by itself
	ctx     context.Context // ends when the node closes
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	exports chan struct{} // holds one for each export under way
	quiet   quiet.Counts[trouble]
	closed  sync.Once

	change turn   // held through one Prepare, Commit or Drop
	gone   []gone // instances that were here; guarded by change, and written with mu held as well

	mu struct {
		sync.Mutex
		dbs     map[string]*database           // by GUID
		notes   map[string]*note               // changes this node coordinates
		busy    map[string]bool                // notes a task is working on
		dropped []string                       // the last GUIDs dropped here
		returns map[string]*returning          // instances that are to come back, by GUID
		drains  map[string]*drain              // instances that hand over what they have
		notices map[string][noticeKinds]string // by GUID; the text of the last of each kind

		unopened map[string]*unopened // databases on disk that could not be opened, by GUID
		unserved map[string]error     // why databases that are open do not serve clients, by GUID

		verified map[string]verified // what the last comparison found, by GUID
	}
}

// turn is a lock that is held while disks and timers are waited for. It is no
// sync.Mutex because the cluster simulator lets virtual time pass while
// goroutines wait for channels, and only then.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// database is an instance with its record. The record is replaced, never
// changed; both fields are guarded by Node.mu, and only change under
// Node.change.
type database struct {
	record   *record
	inst     Instance
	reserved net.Listener // holds the port until the commit
	halted   *fault       // why it takes no writes in this run of the node
	// unchecked: it was not made by a Prepare in this run of the node, and the others
	// are yet to be asked what they hold of the own log (invariant 15).
	unchecked bool
}

// Open starts a node: when it returns, the databases it hosts are serving. On
// an error nothing is left running.
func Open(o Options) (*Node, error) {
	o.setDefaults()
	n := &Node{opts: o, log: o.Logger, begun: o.Now(), exports: make(chan struct{}, maxExports), change: make(turn, 1)}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.mu.dbs, n.mu.notes, n.mu.busy = map[string]*database{}, map[string]*note{}, map[string]bool{}
	n.mu.returns = map[string]*returning{}
	n.mu.unopened, n.mu.unserved = map[string]*unopened{}, map[string]error{}
	n.mu.drains, n.mu.notices = map[string]*drain{}, map[string][noticeKinds]string{}
	n.news, n.run = make(chan struct{}, 1), newRun(o.Rand)
	n.tasks = newTasks(o.Now, n.newGUID)
	n.mu.verified = map[string]verified{}
	n.client = newHTTPClient(o.Dial, o.Timing.Call)
	n.patient = newHTTPClient(o.Dial, verifyBatch)
	stop := context.AfterFunc(o.Starting, n.cancel)
	defer stop()
	if err := n.open(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Starting == nil {
		o.Starting = context.Background()
	}
	if o.Listen == nil {
		o.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Timing.Call, callTimeout)
	def(&o.Timing.Prepare, prepareTimeout)
	def(&o.Timing.Commit, commitTimeout)
	def(&o.Timing.Lease, o.Timing.Commit)
	def(&o.Timing.Retry, retryEvery)
	def(&o.Timing.Janitor, janitorEvery)
	def(&o.Timing.Settle, settleTimeout)
}

func (n *Node) open() (err error) {
	s := n.opts.Settings
	if err := s.Validate(); err != nil {
		return err
	}
	if !loopback(s.Bind) && !s.Insecure {
		return fmt.Errorf("refusing to listen on %s: it can be reached from other machines, and TLS is not available yet; use --bind 127.0.0.1, or --insecure in a network you trust", s.Bind)
	}
	if n.dir, err = openDir(n.opts.FS, s.Dir, s.Region, n.opts.Rand); err != nil {
		return err
	}
	n.tasks.dir, n.tasks.log = n.dir, n.log
	if n.admin, err = n.listen(s.AdminPort, "admin"); err != nil {
		return err
	}
	if n.host, err = n.opts.OpenHost(n.opts, n.dir.id.NodeID); err != nil {
		return err
	}
	n.serveHTTP()
	if err := n.load(); err != nil {
		return err
	}
	n.state.Store(stateStarting)
	if err := n.bootstrap(); err != nil {
		return err
	}
	n.warnRoutes()
	n.state.Store(stateReady)
	n.resumeTasks()
	n.wg.Add(3)
	go n.janitor()
	go n.finisher()
	go n.verifier()
	n.log.Info("node is ready", "region", s.Region, "node", n.dir.id.NodeID, "admin", n.AdminAddr(), "databases", len(n.databases()))
	return nil
}

// Close stops serving clients, writes everything to disk, and waits for all of
// it. It may be called more than once.
func (n *Node) Close() error {
	var err error
	n.closed.Do(func() { err = n.close() })
	return err
}

func (n *Node) close() error {
	n.state.Store(stateDraining)
	n.cancel()
	n.tasks.close()
	var errs []error
	n.change.Lock()
	n.stopAll()
	for guid, db := range n.snapshot() {
		if e := db.close(); e != nil {
			errs = append(errs, fmt.Errorf("database %s: %w", guid, e))
		}
	}
	n.change.Unlock()
	if n.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		n.http.Shutdown(ctx)
		cancel()
		n.http.Close()
	} else if n.admin != nil {
		n.admin.Close()
	}
	n.wg.Wait()
	if n.host != nil {
		n.host.Close()
	}
	n.client.CloseIdleConnections()
	n.patient.CloseIdleConnections()
	if n.dir != nil {
		errs = append(errs, n.dir.close())
	}
	return errors.Join(errs...)
}

// stopAll ends the serving of all databases in good order, at the same time.
func (n *Node) stopAll() {
	var wg sync.WaitGroup
	for _, db := range n.snapshot() {
		if db.inst != nil {
			wg.Go(db.inst.Stop)
		}
	}
	wg.Wait()
}

// close closes what the database holds open.
func (db *database) close() error {
	if db.reserved != nil {
		db.reserved.Close()
	}
	if db.inst != nil {
		return db.inst.Close()
	}
	return nil
}

// AdminAddr returns HOST:PORT of the admin interface.
func (n *Node) AdminAddr() string { return n.admin.Addr().String() }

// ID returns the node's identity, made when its directory was.
func (n *Node) ID() string { return n.dir.id.NodeID }

// Instance returns the node's instance of a database, nil if it has none.
func (n *Node) Instance(guid string) Instance {
	n.mu.Lock()
	defer n.mu.Unlock()
	if db := n.mu.dbs[guid]; db != nil && db.record.Status == api.StatusCommitted {
		return db.inst
	}
	return nil
}

func (n *Node) newGUID() string { return newGUID(n.opts.Rand) }

// snapshot returns the databases by GUID as they are now.
func (n *Node) snapshot() map[string]*database {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make(map[string]*database, len(n.mu.dbs))
	for guid, db := range n.mu.dbs {
		c := *db
		all[guid] = &c
	}
	return all
}
