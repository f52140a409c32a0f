package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crdb/command"
	"crdb/control"
	"crdb/control/api"
	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
	"crdb/peer"
	"crdb/resp"
)

// instance is one database on this node.
type instance struct {
	host     *Host
	spec     control.Spec
	logger   *slog.Logger
	begun    time.Duration // how long opening took
	log      *oplog.Log
	engine   *engine.Engine
	repl     *peer.Replicator
	config   *command.Config
	commands *command.Server
	commits  prometheus.Histogram
	version  atomic.Uint64                   // of the membership in force
	stable   atomic.Pointer[peer.Replicator] // set with the members (invariant 2)
	alone    atomic.Bool                     // no other member is known

	server atomic.Pointer[serving]     // nil until Serve
	socket atomic.Pointer[resp.Server] // nil if another database has it, or none is wanted

	// life is held for reading by those who look at the parts, for writing by
	// Serve's end and Close.
	life   sync.RWMutex
	closed bool

	// found is why the own log is not what it was, if the links have found that out; and
	// how far the last Forbid is.
	found struct {
		sync.Mutex
		why       error
		forbidden bool // by Forbid
		waiting   bool // for the locks
		quiet     bool // it has had them all since
	}
	quiescing sync.WaitGroup

	orderly atomic.Bool // by Stop: Close leaves a checkpoint

	// closing ends long work, such as exports, that long counts.
	closing context.Context
	endLong context.CancelFunc
	long    sync.WaitGroup
}

// Open is part of control.Host.
func (h *Host) Open(s control.Spec) (control.Instance, error) {
	i := &instance{host: h, spec: s, logger: h.logger.With("database", s.Name)}
	i.closing, i.endLong = context.WithCancel(context.Background())
	begin := h.opts.Mono()
	if err := i.open(); err != nil {
		i.Close()
		return nil, err
	}
	i.begun = time.Duration(h.opts.Mono() - begin)
	h.mu.Lock()
	h.mu.open[i] = struct{}{}
	h.mu.Unlock()
	return i, nil
}

func (i *instance) open() (err error) {
	if i.config, err = i.host.config(i.spec.Port); err != nil {
		return err
	}
	if err = i.ownUsers(); err != nil {
		return err
	}
	if err = i.openLog(); err != nil {
		return err
	}
	i.log.Forbid(errNotAdmitted) // also what is not a client's: deadlines
	if err = i.openEngine(); err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	if err = i.openPeer(); err != nil {
		return err
	}
	if err = i.openCommands(); err != nil {
		return err
	}
	return i.host.server.Register(i.spec.GUID, i.repl)
}

func (i *instance) openEngine() (err error) {
	o := engine.Options{
		Log: i.log, Seed: seed(i.spec.GUID), Replica: crdt.ReplicaID(i.spec.Replica),
		Wall: i.host.wall, Mono: i.host.opts.Mono, Rand: i.host.opts.Rand,
		Stable: i.stableVector, Truncated: i.truncated, Member: i.mayBeMember, Alone: i.alone.Load, Logger: i.logger,
	}
	if parts := i.host.opts.Parts; parts != nil {
		parts.Engine(i.spec, &o)
	}
	i.engine, err = engine.Open(o)
	return err
}

func (i *instance) openPeer() (err error) {
	o := peer.Options{
		Database: i.spec.GUID, Self: crdt.ReplicaID(i.spec.Replica), Region: i.host.settings.Region, Log: i.log, Apply: i.engine, Images: i.engine, Join: i.spec.Join,
		Limits: peer.Limits{TransferRate: int(i.host.settings.TransferRate)},
		Mono:   i.host.opts.Mono, Served: i.served, Eased: i.host.opts.Eased,
		Deliver: i.deliver, ConfigVersion: i.version.Load, Run: i.spec.Run, Notice: i.notice, Dial: i.host.dial, Wall: i.host.wall,
		Logger: i.host.logger.With("name", i.spec.Name), // it adds the GUID as database itself
	}
	if i.spec.Backup != "" {
		o.Seed = i.older
	}
	if parts := i.host.opts.Parts; parts != nil {
		parts.Peer(i.spec, &o)
	}
	i.repl, err = peer.New(o)
	return err
}

func (i *instance) openCommands() error {
	o := command.Options{
		Engine: i.engine, Log: i.log, Replication: replication{i.repl}, Config: i.config,
		Wall: i.host.wall, Micros: i.host.micros, Now: i.host.opts.Mono, Rand: i.host.opts.Rand,
		Region: i.host.settings.Region, Database: i.spec.Name, GUID: i.spec.GUID, Replica: crdt.ReplicaID(i.spec.Replica),
		Version: i.host.opts.Version, Port: i.spec.Port, Logger: i.logger,
		ConfigVersion: func() int64 { return int64(i.version.Load()) }, Rejected: i.rejected,
		Shutdown: i.host.shutdown, RewriteConfig: i.host.rewriteConfig(), ConfigFile: i.host.settings.File,
	}
	if parts := i.host.opts.Parts; parts != nil {
		parts.Commands(i.spec, &o)
	}
	i.commands = command.NewServer(o)
	return i.commands.LoadUsers()
}

func (i *instance) openLog() (err error) {
	i.commits = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "crdb_log_commit_duration_seconds", Help: "Time to make one batch of the log durable.",
		ConstLabels: prometheus.Labels{"database": i.spec.Name},
		Buckets:     prometheus.ExponentialBuckets(0.0001, 2, 16),
	})
	s := i.host.settings
	o := oplog.Options{
		FS: i.host.fs, Dir: i.spec.Dir, Wall: i.host.wall, Mono: i.host.opts.Mono, Rand: i.host.opts.Rand,
		Identity:       oplog.Identity{Database: i.spec.GUID, Name: i.spec.Name, Region: s.Region, Replica: crdt.ReplicaID(i.spec.Replica)},
		MaxClockDrift:  s.MaxClockDrift,
		RetentionBytes: s.LogRetention,
		OnCommit:       func(c oplog.Commit) { i.commits.Observe(seconds(c.Duration)) },
		Logger:         i.logger,
	}
	if parts := i.host.opts.Parts; parts != nil {
		parts.Log(i.spec, &o)
	}
	i.log, err = oplog.Open(o)
	return err
}

// seed is the seed of the key hash: the same at all instances of a database,
// unknown to its clients.
func seed(guid string) uint64 {
	sum := sha256.Sum256([]byte(guid))
	return binary.BigEndian.Uint64(sum[:])
}

// deliver hands a message from another region to the subscribers here.
func (i *instance) deliver(channel, payload []byte) {
	if i.commands != nil {
		i.commands.DeliverRemote(channel, payload)
	}
}

// mayBeMember reports whether a replica is a member; all may be before they are known.
func (i *instance) mayBeMember(id crdt.ReplicaID) bool {
	r := i.stable.Load()
	return r == nil || r.IsMember(id)
}

// stableVector is what all members hold; nothing before they are known.
func (i *instance) stableVector() crdt.VersionVector {
	if r := i.stable.Load(); r != nil {
		return r.Stable()
	}
	return nil
}

// truncated passes on what the log dropped, once the members are known.
func (i *instance) truncated(cut crdt.VersionVector) {
	if r := i.stable.Load(); r != nil {
		r.Truncated(cut)
	}
}

// CatchingUp is part of control.CatchingUp.
func (i *instance) CatchingUp() string {
	if !i.repl.AwaitsBase() {
		return ""
	}
	t := i.repl.Transfer()
	if t.Source == 0 {
		return "catching up: it asks the other regions for their state"
	}
	return fmt.Sprintf("catching up: %.1f %% of the state of replica %d is here", t.Percent, t.Source)
}

// SetMembers is part of control.Instance.
//
// The version comes last: who hears of it believes that what is said along with it
// is said by one who knows these members.
func (i *instance) SetMembers(version int, members []control.Member) {
	defer i.version.Store(uint64(version))
	if len(members) == 0 {
		i.stable.Store(nil)
		i.repl.SetMembers(nil)
		return
	}
	all := make([]peer.Member, 0, len(members))
	for _, m := range members {
		all = append(all, peer.Member{Replica: crdt.ReplicaID(m.Replica), Region: m.Region, Addr: m.Addr})
	}
	i.alone.Store(len(members) == 1)
	i.repl.SetMembers(all)
	i.stable.Store(i.repl)
}

// Serve is part of control.Instance.
func (i *instance) Serve(addr string) error {
	server, err := i.listen(addr)
	if err != nil {
		return portError("database", i.spec.Port, err)
	}
	socket, err := i.listenSocket()
	if err != nil {
		return errors.Join(err, server.Close())
	}
	i.life.Lock()
	defer i.life.Unlock()
	if i.closed {
		err := errors.Join(errors.New("the database is closed"), server.Close())
		if socket != nil {
			err = errors.Join(err, socket.Close())
		}
		i.leaveSocket() // Close may have done so before it was taken
		return err
	}
	i.server.Store(&serving{server})
	i.socket.Store(socket)
	return nil
}

// Flush is part of control.Instance.
func (i *instance) Flush(ctx context.Context) error {
	tx := i.engine.NewTx()
	tx.LockNone(i.host.wall())
	err := tx.FlushAll()
	tx.Unlock()
	if err != nil {
		return err
	}
	return i.log.Sync(ctx)
}

// Err is part of control.Instance. A log that waits for the disk still takes
// writes: they wait, too.
func (i *instance) Err() error {
	return oplog.Refusal(i.log.Admit(i.host.wall()))
}

// Cut is part of control.Instance.
func (i *instance) Cut(region string, cut bool) { i.repl.Cut(region, cut) }

// Isolate is part of control.Instance.
func (i *instance) Isolate() { i.repl.Isolate() }

// Links is part of control.Instance.
func (i *instance) Links() []control.Link {
	var all []control.Link
	links := i.repl.Links()
	for _, l := range links {
		if l.Member {
			all = append(all, control.Link{Held: heldHealth(l.In), Stuck: stuckHealth(l.In.Stuck, links, i.host.opts.Mono()), Transfer: transferHealth(l.Transfer), Replica: int(l.Replica), Region: l.Region, Connected: l.In.State == peer.StateConnected,
				Lag: time.Duration(l.In.Lag.Seconds * float64(time.Second)), LastError: l.In.LastError})
		}
	}
	return all
}

func heldHealth(in peer.InStatus) *api.HeldHealth {
	if !in.HeldByClock {
		return nil
	}
	return &api.HeldHealth{Blocks: in.HeldBlocks, Bytes: in.HeldBytes, AheadSeconds: in.HeldAhead.Seconds()}
}

func stuckHealth(s *peer.Stuck, links []peer.LinkStatus, now int64) *api.StuckHealth {
	if s == nil {
		return nil
	}
	h := &api.StuckHealth{Blocks: s.Blocks, Bytes: s.Bytes, Seconds: time.Duration(now - s.Since).Seconds(), After: uint64(s.After), Last: uint64(s.Last)}
	for _, m := range s.Missing {
		part := api.MissingPart{ID: int(m.Replica), Here: uint64(m.Here), Needed: uint64(m.Needs)}
		for _, l := range links {
			if l.Replica == m.Replica {
				part.Region = l.Region
			}
		}
		h.Missing = append(h.Missing, part)
	}
	return h
}

func transferHealth(t *peer.TransferStatus) *api.TransferHealth {
	if t == nil {
		return nil
	}
	return &api.TransferHealth{Percent: t.Percent, Bytes: t.Bytes, BytesPerSecond: t.Rate, LeftSeconds: t.Left.Seconds(), Error: t.Error}
}

// Close is part of control.Instance. It also takes apart what was opened only
// in part.
func (i *instance) Close() error {
	i.life.Lock()
	if i.closed {
		i.life.Unlock()
		return nil
	}
	i.closed = true
	i.life.Unlock()
	if i.log != nil {
		i.log.Quit() // else replication could wait for space on a full disk, and we for replication
	}
	i.endLong()
	i.long.Wait()
	i.host.mu.Lock()
	delete(i.host.mu.open, i)
	i.host.mu.Unlock()
	var errs []error
	if server := i.server.Load(); server != nil {
		errs = append(errs, server.Close())
	}
	if socket := i.socket.Load(); socket != nil {
		errs = append(errs, socket.Close())
	}
	i.leaveSocket()
	if i.commands != nil {
		i.commands.Close()
	}
	if i.repl != nil {
		i.host.server.Unregister(i.spec.GUID)
		errs = append(errs, i.repl.Close())
	}
	i.quiescing.Wait()
	if i.engine != nil {
		i.engine.Close()
	}
	saved := i.lastCheckpoint()
	if i.log != nil {
		errs = append(errs, i.log.Close())
	}
	<-saved
	return errors.Join(errs...)
}
