package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"crdb/control"
	"crdb/control/conf"
	"crdb/control/host"
	"crdb/crdt"
)

// node is one machine: a name, an address, a region, a clock and a disk, which
// outlive the programs that run on it one after the other.
type node struct {
	run    *run
	name   string
	host   string
	region string
	clone  bool  // it runs a copy of another machine's disk
	first  *Disk // as it was when the database had been made

	putBack bool // its disk was replaced by an old copy; guarded by power
	emptied bool // its disk was replaced by one without the database; guarded by the operator
	clock   wallClock
	power   chan struct{} // held by who starts and ends programs

	mu struct {
		sync.Mutex
		disk *Disk
		prog *program // nil: down
		runs int      // how many programs there were
	}
}

const (
	adminPort  = 9443
	peerPort   = 9444
	clientPort = 6379
)

func newNode(r *run, number int, region string) *node {
	n := &node{run: r, name: fmt.Sprintf("r%d", number), host: fmt.Sprintf("10.0.0.%d", number), region: region, power: make(chan struct{}, 1)}
	if region == "" {
		n.region = n.name
	}
	n.mu.disk = NewDisk()
	r.net.Host(n.name, n.host)
	return n
}

// admin is the address of the node's admin interface.
func (n *node) admin() string { return fmt.Sprintf("%s:%d", n.host, adminPort) }

// program returns what runs now, nil if nothing does.
func (n *node) program() *program {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.prog
}

// instance returns the instance that serves clients now, nil if none does.
func (n *node) instance() *instance {
	p := n.program()
	if p == nil {
		return nil
	}
	i := p.newest.Load()
	if i == nil || !i.serves.Load() || i.ended() {
		return nil
	}
	return i
}

// start starts the node's program on its disk.
func (n *node) start() error {
	n.mu.Lock()
	disk, number := n.mu.disk, n.mu.runs
	n.mu.runs++
	n.mu.Unlock()
	p := &program{n: n, disk: disk, end: make(chan struct{})}
	p.rand = &lockedRand{rng: n.run.rand(fmt.Sprintf("program %s.%d", n.name, number))}
	n.run.net.Up(n.name)
	if err := p.open(); err != nil {
		p.halt(false)
		p.close()
		return err
	}
	n.mu.Lock()
	n.mu.prog = p
	n.mu.Unlock()
	n.run.trace("%s starts", n.name)
	return nil
}

// program is what runs on a machine from one start to the next crash or stop:
// a node of package control with all that is in it.
type program struct {
	n      *node
	disk   *Disk
	ctl    *control.Node
	host   control.Host             // the real one
	newest atomic.Pointer[instance] // of the main database
	all    sync.Map                 // *instance by GUID: the newest of each database
	rand   *lockedRand
	closed sync.Once

	crashed atomic.Bool // it did not end in order

	// dead is set at the moment of a crash: nothing that comes out of the
	// program afterwards has happened.
	dead sync.RWMutex
	gone bool          // guarded by dead
	end  chan struct{} // closed when gone
}

// lockedRand is a source of randomness for several goroutines.
type lockedRand struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (r *lockedRand) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Uint64()
}

// Read implements io.Reader.
func (r *lockedRand) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.next())
	}
	return len(p), nil
}

func (p *program) open() (err error) {
	n := p.n
	p.ctl, err = control.Open(control.Options{
		Settings: p.settings(), Now: func() time.Time { return time.UnixMilli(n.clock.now()) },
		Dial: p.dial, Listen: p.listen, Rand: p.rand, FS: p.disk,
		Logger: n.run.logger.With("node", n.name), OpenHost: p.openHost, Timing: controlTiming,
	})
	return err
}

// controlTiming makes the control plane as impatient as the faults are short.
var controlTiming = control.Timing{
	Call: 2 * time.Second, Prepare: 5 * time.Second, Commit: 5 * time.Second,
	Retry: 200 * time.Millisecond, Janitor: time.Second, Settle: 15 * time.Second,
}

func (p *program) settings() *conf.Settings {
	c, s := &p.n.run.config, conf.Defaults()
	s.Region, s.Dir, s.Bind, s.Insecure = p.n.region, "crdb", p.n.host, true
	s.AdminPort, s.PeerPort, s.GossipPort = adminPort, peerPort, 0
	s.Appendfsync, s.LogRetention, s.TransferRate = c.Fsync, c.Retention, c.TransferRate
	s.VerifyInterval, s.BootCheck, s.AutoRecover = 0, 2*time.Second, c.AutoRecover
	return s
}

var errGone = errors.New("the machine is off")

// dial is the network of the program: that of its machine while it runs there.
func (p *program) dial(ctx context.Context, to string) (c net.Conn, err error) {
	if !p.alive(func() {}) {
		return nil, errGone
	}
	return p.n.run.net.Dial(ctx, p.n.name, to)
}

func (p *program) listen(at string) (l net.Listener, err error) {
	if !p.alive(func() { l, err = p.n.run.net.Listen(at) }) {
		return nil, errGone
	}
	return l, err
}

// openHost puts the program between the control plane and its instances.
func (p *program) openHost(o control.Options, nodeID string) (control.Host, error) {
	real, err := host.Opener(host.Options{Mono: mono, Rand: p.rand.next, Version: "sim", Parts: p})(o, nodeID)
	if err != nil {
		return nil, err
	}
	p.host = real
	return &watchedHost{real, p}, nil
}

// mono is a monotonic clock, in nanoseconds.
func mono() int64 { return time.Now().UnixNano() }

// halt makes everything that comes out of the program unseen from now on.
// It reports whether the program was alive until then.
func (p *program) halt(silent bool) bool {
	p.dead.Lock()
	defer p.dead.Unlock()
	if p.gone {
		return false
	}
	p.gone = true
	close(p.end)
	p.n.run.net.Down(p.n.name, silent)
	return true
}

// alive runs f if the program is, and keeps it alive meanwhile. It reports
// whether it was.
func (p *program) alive(f func()) bool {
	p.dead.RLock()
	defer p.dead.RUnlock()
	if p.gone {
		return false
	}
	f()
	return true
}

// crash cuts the power: what was not synced is kept with a chance of percent.
// It may be called on any goroutine, also below the program's disk. The node
// is down afterwards; tidying up is left to the run.
func (p *program) crash(percent int, silent bool) {
	if !p.halt(silent) {
		return
	}
	n := p.n
	n.run.trace("%s crashes, %d %% of what is not synced stays", n.name, percent)
	disk := p.disk.AfterCrash(percent, rand.New(rand.NewPCG(p.rand.next(), 1)))
	if n.run.old {
		disk = n.first.AfterCrash(100, rand.New(rand.NewPCG(1, 1)))
	}
	n.onDisk(func(d *Disk) {
		disk.SetRoom(d.roomLeft())
		n.mu.disk, n.mu.prog = disk, nil
	})
	p.crashed.Store(true)
	n.run.bury(p)
}

// onDisk calls f with the disk that the node has now, and no other gets there meanwhile.
func (n *node) onDisk(f func(*Disk)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n.mu.disk)
}

// stop ends the program in order. After an error the disk is what was on it.
func (p *program) stop() error {
	n := p.n
	n.run.trace("%s stops", n.name)
	err := p.close()
	if err != nil {
		n.run.parked.Store(true)
		p.crash(100, false)
		return err
	}
	p.halt(false)
	n.mu.Lock()
	n.mu.prog = nil
	n.mu.Unlock()
	return nil
}

// close ends everything that runs in the program.
func (p *program) close() (err error) {
	p.closed.Do(func() {
		if p.ctl != nil {
			err = p.ctl.Close()
		}
	})
	return err
}

// lastLog is the newest timestamp of the own log on disk, 0 without instance.
func (n *node) lastLog() (id crdt.ReplicaID, end crdt.Timestamp) {
	if p := n.program(); p != nil {
		if i := p.newest.Load(); i != nil && !i.ended() {
			return i.id, i.log.DurableOwn()
		}
	}
	return 0, 0
}
