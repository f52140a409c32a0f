package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"crdb/command"
	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
	"crdb/peer"
)

const database = "00000000-0000-0000-0000-0000000000db"

// node is one region: a name, a clock and a disk that outlive the programs
// that run on it one after the other.
type node struct {
	run   *run
	id    crdt.ReplicaID
	name  string
	clock wallClock
	life  chan struct{} // held by who starts and ends programs

	mu struct {
		sync.Mutex
		disk *Disk
		prog *program // nil: down
		last *program // the newest that has started
		runs int      // how many programs there were
	}
}

// survivors tells the program before p how much of its log is left: all that
// others may have seen (S1, S3).
func (n *node) survivors(p *program) {
	n.mu.Lock()
	before := n.mu.last
	n.mu.Unlock()
	end, seen := p.log.DurableOwn(), n.run.history.end(n.id)
	if end < seen {
		n.run.fail("S3: the log of %s ends at %v after a restart; up to %v it was on disk", n.name, end, seen)
	}
	if before != nil {
		before.survived.Store(uint64(end))
	}
}

// program is what runs on a node from one start to the next crash or stop.
type program struct {
	n      *node
	disk   *Disk
	number int
	log    *oplog.Log
	engine *engine.Engine
	repl   *peer.Replicator
	server *peer.Server
	served chan struct{}
	cmds   *command.Server
	rand   *lockedRand
	watch  *watcher
	lastID atomic.Uint64
	closed sync.Once

	crashed  atomic.Bool   // it did not end in order
	survived atomic.Uint64 // the end of the own log at the next start, if it crashed

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

func newNode(r *run, id crdt.ReplicaID) *node {
	n := &node{run: r, id: id, name: fmt.Sprintf("r%d", id), life: make(chan struct{}, 1)}
	n.mu.disk = NewDisk()
	return n
}

// program returns what runs now, nil if nothing does.
func (n *node) program() *program {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mu.prog
}

// start opens the node from its disk.
func (n *node) start() error {
	n.mu.Lock()
	disk, number := n.mu.disk, n.mu.runs
	n.mu.runs++
	n.mu.Unlock()
	p := &program{n: n, disk: disk, number: number, end: make(chan struct{}), served: make(chan struct{})}
	p.rand = &lockedRand{rng: n.run.rand(fmt.Sprintf("program %d.%d", n.id, number))}
	if err := p.open(); err != nil {
		p.close()
		return err
	}
	n.survivors(p)
	n.mu.Lock()
	n.mu.prog, n.mu.last = p, p
	n.mu.Unlock()
	n.run.trace("%s starts, its log ends at %v", n.name, p.log.DurableOwn())
	return nil
}

func (p *program) open() (err error) {
	n, c := p.n, &p.n.run.config
	logger := n.run.logger.With("node", n.name)
	if p.log, err = oplog.Open(oplog.Options{
		FS: p.disk, Dir: "db", Wall: n.clock.now, Mono: mono, MaxClockDrift: 500 * time.Millisecond,
		Identity:      oplog.Identity{Database: database, Name: "sim", Region: n.name, Replica: n.id},
		MemTableBytes: c.MemTableBytes, FlushDelay: c.flushDelay(), CacheBytes: c.CacheBytes, Logger: logger,
	}); err != nil {
		return err
	}
	var repl atomic.Pointer[peer.Replicator]
	stable := func() crdt.VersionVector {
		if r := repl.Load(); r != nil {
			return r.Stable()
		}
		return nil
	}
	if p.engine, err = engine.Open(engine.Options{
		Log: p.log, Seed: 42, Replica: n.id, Wall: n.clock.now, Mono: mono, Rand: p.rand.next, Stable: stable,
		Alone: func() bool { return c.Regions == 1 }, CheckpointBytes: c.CheckpointBytes, Logger: logger,
		ExpiryGrace: 2 * time.Second,
	}); err != nil {
		return err
	}
	p.watch = newWatcher(p)
	if p.repl, err = peer.New(peer.Options{
		Database: database, Self: n.id, Region: n.name, Log: p.log, Apply: p.watch, Wall: n.clock.now,
		Dial: n.dial, Logger: logger, Limits: c.limits(), Timing: peer.Timing{RetryStop: 5 * time.Second},
		Deliver: func(channel, payload []byte) {
			if p.cmds != nil {
				p.cmds.DeliverRemote(channel, payload)
			}
		},
	}); err != nil {
		return err
	}
	p.watch.begin()
	p.cmds = command.NewServer(p.commandOptions(logger))
	p.cmds.Config().Set("appendfsync", c.Fsync)
	p.server = peer.NewServer(peer.ServerOptions{Listener: n.run.net.Listen(n.name)})
	if err = p.server.Register(database, p.repl); err != nil {
		return err
	}
	go func() { // ends with the server
		defer close(p.served)
		p.server.Serve()
	}()
	n.run.net.Up(n.name)
	p.repl.SetMembers(n.run.members())
	repl.Store(p.repl)
	return nil
}

func (p *program) commandOptions(logger *slog.Logger) command.Options {
	n := p.n
	return command.Options{
		Engine: p.engine, Log: p.log, Replication: replication{p.repl}, Wall: n.clock.now, Now: mono, Rand: p.rand.next,
		Region: n.name, Database: "sim", GUID: database, Replica: n.id, Logger: logger,
		Process: func() command.Process { return command.Process{PID: int(n.id)} },
		Panic: func(cmd string, cause any, stack []byte) {
			n.run.fail("S8: %s panics: %v\n%s", cmd, cause, stack)
		},
	}
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
		disk = NewDisk()
	}
	n.mu.Lock()
	n.mu.disk, n.mu.prog = disk, nil
	n.mu.Unlock()
	p.crashed.Store(true)
	n.run.bury(p)
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

// close ends everything that runs in the program, also if it was opened only
// in part.
func (p *program) close() (err error) {
	p.closed.Do(func() { err = p.tearDown() })
	return err
}

func (p *program) tearDown() error {
	var errs []error
	if p.cmds != nil {
		p.cmds.Close()
	}
	if p.server != nil {
		p.server.Close()
		<-p.served
	}
	if p.repl != nil {
		errs = append(errs, p.repl.Close())
	}
	if p.watch != nil {
		p.watch.close()
	}
	if p.engine != nil {
		p.engine.Close()
	}
	if p.log != nil {
		errs = append(errs, p.log.Close())
	}
	return errors.Join(errs...)
}

// replication shows a Replicator to commands.
type replication struct{ *peer.Replicator }

// Members implements command.Replication.
func (r replication) Members() int { return len(r.Replicator.Links()) + 1 }

// Links implements command.Replication.
func (r replication) Links() []command.Link { return nil }

var _ command.Replication = replication{}

// dial is the network of the node's replication.
func (n *node) dial(ctx context.Context, to string) (net.Conn, error) {
	return n.run.net.Dial(ctx, n.name, to)
}
