package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// Elements of lists have little room, so that inserts make others move.
func init() { crdt.SetListRoom(1<<3, 1<<2, 80) }

// run is the life of one cluster.
type run struct {
	config   Config
	began    time.Time
	net      *Network
	nodes    []*node
	op       *operator
	history  *history
	register *register
	proofs   *proofs
	ledger   *ledger
	logger   *slog.Logger
	load     sync.WaitGroup // clients and faults
	graves   sync.WaitGroup // programs that crashed and are being tidied up
	ending   chan struct{}  // closed when the load is over
	faults   atomic.Int64
	ops      atomic.Int64    // answered by a node
	stop     atomic.Bool     // a checker has failed: there is nothing more to learn
	parked   atomic.Bool     // a log has failed: what it was writing is parked for good
	calm     atomic.Bool     // nothing is to break for a while
	shelf    []shelved       // backups; guarded by op
	spared   atomic.Int64    // bytes that were not sent to who had a backup
	clones   int             // machines that ran copies; guarded by op
	others   int             // databases beside the main one, ever; guarded by op
	deleted  map[string]bool // of them, by GUID, whose delete was confirmed; guarded by op
	putBack  atomic.Bool     // a disk was
	versions int64
	final    crdt.VersionVector // where all end
	lie      bool               // disks lie: for tests of the checkers
	old      bool               // crashed nodes start on the disk they had before their first write
	extra    func()             // called when the load is over; for tests
	verbose  bool               // trace every command

	mu struct {
		sync.Mutex
		lines    []string
		failures []string
	}
}

// Result is how a run ended.
type Result struct {
	Config    Config
	Failures  []string
	Trace     []string
	Ops       int64 // commands answered
	Logged    int   // operations in the logs
	Faults    int64 // injected
	Captures  int   // compared with the operations they cover
	Restored  int   // databases made of backups, compared with the ledger
	Transfers int64 // of state that have ended
	Spared    int64 // bytes of them that were not sent to who had a backup
	Versions  int64 // of the configuration
	Parked    bool  // goroutines are left behind, as they should be when a disk fails
	Stuck     bool  // virtual time stood still: see Config.stalls
	Time      time.Duration
}

// maxTrace bounds the lines of a trace; the first and the last are kept.
const maxTrace = 20_000

// play runs a configuration. It is called inside a bubble.
func play(c Config, tune func(*run)) Result {
	r := &run{config: c, began: time.Now(), ending: make(chan struct{}), deleted: map[string]bool{}}
	r.logger = slog.New(slog.NewTextHandler(logLines{r}, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: noTime}))
	r.net = NewNetwork(r.rand("network"))
	r.op = newOperator(r)
	r.history = newHistory(r.fail)
	r.register = newRegister(r)
	r.proofs = newProofs(r)
	r.ledger = newLedger(r)
	if tune != nil {
		tune(r)
	}
	r.begin()
	r.loadAndBreak()
	if r.extra != nil {
		r.extra()
	}
	r.heal()
	r.tidy()
	r.converge()
	r.verified()
	r.proofs.check()
	r.versions = int64(r.membership().version)
	r.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return Result{
		Config: c, Failures: r.mu.failures, Trace: r.mu.lines, Ops: r.ops.Load(), Logged: r.history.size(),
		Faults: r.faults.Load(), Captures: r.proofs.checked, Restored: r.proofs.again,
		Transfers: r.register.transfers.Load(), Spared: r.spared.Load(), Versions: r.versions, Parked: r.parked.Load(), Time: time.Since(r.began),
	}
}

// begin starts the nodes and makes the database.
func (r *run) begin() {
	for i := range r.config.Regions + r.config.Spares {
		r.nodes = append(r.nodes, newNode(r, i+1, ""))
	}
	for _, n := range r.nodes {
		n.mu.disk.lie(r.lie)
		if err := n.start(); err != nil {
			r.fail("%s does not start: %v", n.name, err)
			return
		}
	}
	r.op.create(r.nodes[:r.config.Regions])
	for _, n := range r.nodes {
		n.first = n.mu.disk.AfterCrash(100, rand.New(rand.NewPCG(1, 1)))
	}
}

// loadAndBreak lets clients work and faults happen until the clients are done.
func (r *run) loadAndBreak() {
	var clients sync.WaitGroup
	for _, n := range r.nodes {
		for i := range r.config.Clients {
			clients.Go(func() { r.work(n, i) })
		}
		r.load.Go(func() { r.audit(n) })
	}
	for _, kind := range r.config.Faults {
		r.load.Go(func() { r.inject(kind) })
	}
	clients.Wait()
	close(r.ending)
	r.load.Wait()
}

// mend ends the faults of network, clocks and disks.
func (r *run) mend() {
	for _, a := range r.nodes {
		for _, b := range r.nodes {
			r.net.Change(a.name, b.name, func(l *line) { *l = line{rng: l.rng, latency: time.Millisecond} })
		}
		a.clock.mend()
		a.onDisk(func(d *Disk) { d.SetRoom(roomForAll) })
	}
}

// heal ends all faults, starts what is down, and has an operator look after the
// members.
func (r *run) heal() {
	r.trace("healing")
	r.mend()
	for _, n := range r.nodes {
		if n.program() == nil {
			r.restart(n)
		}
		if i := n.instance(); i != nil {
			for _, o := range r.nodes {
				i.Cut(o.region, false)
			}
		}
	}
	rng, end := r.rand("operator"), time.Now().Add(r.liveness())
	for !r.stop.Load() {
		var ill []string
		for _, n := range r.nodes {
			if !r.op.lookAfter(n, rng) {
				ill = append(ill, n.name)
			}
		}
		if len(ill) == 0 {
			return
		}
		if time.Now().After(end) {
			r.fail("S7: %v are not well %v after all is healed", ill, r.liveness())
		}
		pause(500 * time.Millisecond)
	}
}

// liveness is how long after all is healed everything must be everywhere. A
// clock may have been set forward by less than that, and a link that has met a
// flipped bit pauses. Where a state transfer gets only few bytes a second, several
// after each other take minutes (seed 126480).
func (r *run) liveness() time.Duration {
	if rate := r.config.TransferRate; rate > 0 && rate < 32<<10 {
		return 10 * time.Minute
	}
	return 3 * time.Minute
}

// converge demands that all members reach what any of them has, and that each
// takes a write (S7).
func (r *run) converge() {
	end := time.Now().Add(r.liveness())
	members := r.members()
	if len(members) == 0 {
		r.fail("S7: nobody is a member")
	}
	for _, n := range members {
		r.mustWrite(n, end)
	}
	var want crdt.VersionVector
	for _, n := range members {
		if i := n.instance(); i != nil {
			want.Raise(i.log.Issued())
			want.Merge(i.engine.Vector())
		}
	}
	for _, n := range members {
		i := n.instance()
		for i != nil && (i.ahead() || !i.engine.Vector().Descends(want)) && !r.stop.Load() {
			if time.Now().After(end) {
				r.fail("S7: %s is at %v, not at %v, %v after all is healed; %d slices ahead, %s; its links: %+v",
					n.name, i.engine.Vector(), want, r.liveness(), i.engine.Ahead(), i.CatchingUp(), i.Links())
				return
			}
			pause(100 * time.Millisecond)
		}
		if i != nil {
			ctx, cancel := context.WithTimeout(context.Background(), r.liveness())
			if err := i.log.Sync(ctx); err != nil {
				r.fail("S7: %s does not get its log to disk: %v", n.name, err)
			}
			cancel()
		}
	}
	r.settle(end)
}

// close ends everything; what still runs afterwards is a leak.
func (r *run) close() {
	for _, n := range r.nodes {
		if p := n.program(); p != nil {
			if err := p.stop(); err != nil {
				r.fail("%s does not stop in order: %v", n.name, err)
			}
		}
	}
	r.graves.Wait()
	r.net.wg.Wait()
}

// restart starts a node, trying again while its disk does not let it.
func (r *run) restart(n *node) {
	for try := 0; ; try++ {
		err := n.start()
		if err == nil {
			return
		}
		if try == 100 {
			r.fail("%s does not start: %v", n.name, err)
			return
		}
		r.trace("%s does not start: %v", n.name, err)
		if errors.Is(err, oplog.ErrDiskFull) { // what Pebble was flushing stays behind, see package oplog, opening
			r.parked.Store(true)
		}
		pause(time.Second)
	}
}

// bury tidies up a crashed program.
func (r *run) bury(p *program) {
	r.graves.Go(func() {
		if p.close() != nil {
			r.parked.Store(true)
		}
	})
}

// rand is the source of randomness of one actor: the same for the same seed.
func (r *run) rand(actor string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(actor))
	return rand.New(rand.NewPCG(r.config.Seed, h.Sum64()))
}

// trace notes an event.
func (r *run) trace(format string, args ...any) {
	line := fmt.Sprintf("%10.3fs %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	r.mu.Lock()
	if len(r.mu.lines) < maxTrace {
		r.mu.lines = append(r.mu.lines, line)
	}
	r.mu.Unlock()
}

// fail notes that a checker found something.
func (r *run) fail(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.trace("FAILURE %s", line)
	r.mu.Lock()
	if len(r.mu.failures) < 20 {
		r.mu.failures = append(r.mu.failures, line)
	}
	r.mu.Unlock()
	r.stop.Store(true)
}

// over reports whether the load is to end.
func (r *run) over() bool {
	select {
	case <-r.ending:
		return true
	default:
		return r.stop.Load()
	}
}

// wait pauses, and reports whether the load goes on.
func (r *run) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return !r.over()
	case <-r.ending:
		return false
	}
}

func pause(d time.Duration) { time.Sleep(d) }

// logLines puts what the nodes log into the trace.
type logLines struct{ r *run }

// Write implements io.Writer.
func (l logLines) Write(b []byte) (int, error) {
	l.r.trace("%s", bytes.TrimSpace(b))
	return len(b), nil
}

func noTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// mustWrite demands that a node takes a write before end (S7).
func (r *run) mustWrite(n *node, end time.Time) {
	last := "it is down"
	for !r.stop.Load() {
		if i := n.instance(); i != nil {
			c := i.connect()
			c.do([]string{"CONFIG", "SET", "maxmemory", "0"}, nil) // see evict
			rep, ok := c.do([]string{"SET", "alive:" + n.name, "x"}, nil)
			c.close()
			if ok && !rep.IsError() {
				return
			}
			last = rep.Head
		}
		if time.Now().After(end) {
			r.fail("S7: %s takes no write %v after all is healed: %s", n.name, r.liveness(), last)
			return
		}
		pause(200 * time.Millisecond)
	}
}

// String sums a result up.
func (res *Result) String() string {
	return fmt.Sprintf("%s; %v", res.counts(), res.Config)
}

func (res *Result) counts() string {
	return fmt.Sprintf("%d commands answered, %d operations logged, %d faults, %d state transfers, %d configurations, %d captures and %d restored databases proven, %v of virtual time",
		res.Ops, res.Logged, res.Faults, res.Transfers, res.Versions, res.Captures, res.Restored, res.Time.Round(time.Second))
}
