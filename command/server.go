package command

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"crdb/crdt"
	"crdb/engine"
	"crdb/resp"
)

// Log is what sessions need of the operation log. *oplog.Log is one.
type Log interface {
	Admit(wall int64) error     // may a client write now?
	DurableOwn() crdt.Timestamp // own ops on disk
	OnDurable(f func())         // f is called after every commit and when the log fails, and must not block
	Err() error                 // why nothing comes to disk any more; nil: it does
	Issued() crdt.Dot           // last own dot given out
	Durable() crdt.VersionVector
	Hurry()       // somebody waits for the next commit
	Bytes() int64 // of the log on disk
}

// Options says what a Server works with. Engine, Log, Wall and Now are
// required; nil elsewhere means the plain default.
type Options struct {
	Engine      *engine.Engine
	Log         Log
	Replication Replication // nil: no other regions
	Config      *Config     // nil: defaults

	Wall          func() int64                                       // unix milliseconds
	Micros        func() int64                                       // the same clock in microseconds, for TIME; nil: as fine as Wall
	Now           func() int64                                       // monotonic nanoseconds
	AfterFunc     func(d time.Duration, f func()) (stop func() bool) // nil: time.AfterFunc
	Rand          func() uint64                                      // nil: a fixed sequence
	Shutdown      func() error                                       // SHUTDOWN: begins to end the process, or says why not; nil: refused
	Panic         func(command string, cause any, stack []byte)      // besides the log line; may be nil
	Rejected      func() int64                                       // connections turned away by maxclients; may be nil
	ConfigVersion func() int64                                       // of the membership, for INFO; may be nil
	Process       func() Process                                     // nil: ReadProcess
	RewriteConfig func([]ConfigLine) error                           // CONFIG REWRITE; nil: there is no file
	ConfigFile    string                                             // its path, for INFO

	Region   string
	Database string // its name
	GUID     string // its identity, from which the key hash's seed follows: no client sees it, see replID
	Replica  crdt.ReplicaID
	Version  string // of this program
	Port     int
	Logger   *slog.Logger
}

// Server is the command side of one database: the table, the sessions, what
// they share. Every method may be called from any goroutine.
//
// Locks, none of which is held while taking another or calling out:
// sessions.mu guards the list of sessions, waiters.mu the sets of sessions
// that wait, slowlog.mu the slow log. A PubSub's lock is held while it calls
// Session.Message, which takes only that session's inbox lock.
type Server struct {
	opts      Options
	engine    *engine.Engine
	log       Log
	repl      Replication
	config    *Config
	table     *Table
	settings  atomic.Pointer[settings] // what CONFIG says, ready to use
	stats     stats
	acl       aclUsers
	monitors  waiters // sessions in MONITOR
	tracking  tracking
	conflicts conflicts
	slowlog   slowlog
	latency   latencyEvents
	memory    memoryGauge
	data      dataGauge
	usage     atomic.Pointer[[3]int] // as the engine was last told
	pubsub    *engine.PubSub
	shards    *engine.PubSub // SSUBSCRIBE
	sessions  sessionList
	outputs   sync.Pool // of *[]byte: large reply buffers that nobody uses now
	durable   waiters   // for the log
	acked     waiters   // for other regions
	applied   waiters   // for what other regions have written
	pause     pause
	scripts   scripts
	library   functions
	saves     saves
	started   int64 // unix milliseconds
	runID     string
	engStats  atomic.Pointer[engine.Stats] // the last that INFO has read
	closed    atomic.Bool
	draining  atomic.Bool // sessions end once what they have begun is answered
	importing atomic.Bool // one import at a time

	foreign        atomic.Int64 // when the log last told of HTTP requests, unix milliseconds
	clientsLooked  atomic.Int64 // when evictClients last looked, monotonic
	evictedClients atomic.Int64
	// drafting is held while a command on a large key is prepared and runs: however
	// many clients ask for copies, one that may come to nothing is in memory.
	// Partitions' locks come after it.
	drafting  sync.Mutex
	committed chan struct{} // the log has made something durable
	server    *Session      // runs commands for blocked clients; engine.Waiter.Serve guards it
}

// NewServer returns a server for the database that opts describes. Close it
// when its transports are closed.
func NewServer(opts Options) *Server {
	opts = withDefaults(opts)
	srv := &Server{
		opts: opts, engine: opts.Engine, log: opts.Log, repl: opts.Replication, config: opts.Config,
		table:   newTable(families()...),
		pubsub:  engine.NewPubSub(matchPattern),
		shards:  engine.NewPubSub(matchPattern),
		started: opts.Wall(),
	}
	srv.acl.init(srv.table.words)
	srv.runID = srv.makeRunID()
	srv.sessions.init()
	srv.durable.init()
	srv.monitors.init()
	srv.tracking.init()
	srv.acked.init()
	srv.applied.init()
	srv.stats.init(len(srv.table.all), opts.Now())
	srv.config.OnChange(srv.reload)
	srv.reload()
	srv.pause.init(srv)
	srv.scripts.init(srv.table)
	srv.saves.init()
	srv.server = &Session{srv: srv, hold: -1, mode: modeExec}
	srv.committed = make(chan struct{}, 1)
	srv.log.OnDurable(srv.durable.wakeAll)
	srv.log.OnDurable(srv.noteCommit)
	srv.repl.OnAck(srv.acked.wakeAll)
	srv.engine.OnApplied(srv.applied.wakeAll)
	srv.engine.OnClash(srv.clash)
	return srv
}

func withDefaults(o Options) Options {
	if o.Config == nil {
		o.Config = NewConfig()
	}
	if o.Micros == nil {
		wall := o.Wall
		o.Micros = func() int64 { return wall() * 1000 }
	}
	if o.Replication == nil {
		o.Replication = alone{}
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	if o.Rand == nil {
		var n atomic.Uint64
		o.Rand = func() uint64 { return n.Add(0x9e3779b97f4a7c15) }
	}
	if o.Process == nil {
		o.Process = ReadProcess
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	return o
}

// matchPattern is the glob rule of PSUBSCRIBE.
func matchPattern(pattern, name []byte) bool { return globMatch(pattern, name) }

func (srv *Server) rejectedConnections() int64 { return callOr0(srv.opts.Rejected) }

func (srv *Server) configVersion() int64 { return callOr0(srv.opts.ConfigVersion) }

func callOr0(f func() int64) int64 {
	if f == nil {
		return 0
	}
	return f()
}

// NewSession makes the session of a new connection.
func (srv *Server) NewSession(conn resp.Conn) resp.Session { return newSession(srv, conn) }

// Config returns the configuration the server follows.
func (srv *Server) Config() *Config { return srv.config }

// Sessions returns how many connections there are.
func (srv *Server) Sessions() int { return srv.sessions.len() }

// DeliverRemote hands a message published in another region to the
// subscribers here.
func (srv *Server) DeliverRemote(channel, payload []byte) { srv.pubsub.Publish(channel, payload) }

// Drain has every session end once the command under way is answered: no
// further one begins, and who waits in a blocking one is let go without a reply.
func (srv *Server) Drain() {
	srv.draining.Store(true)
	for _, s := range srv.sessions.snapshot() {
		s.conn.Wake()
	}
}

// Close kills every session and stops the server's timers. Transports should
// be closed first.
func (srv *Server) Close() {
	if srv.closed.Swap(true) {
		return
	}
	srv.pause.stop()
	for _, s := range srv.sessions.snapshot() {
		s.conn.Kill()
	}
	srv.scripts.stop()
	srv.saves.stop()
}

// waiters is a set of sessions to wake when something outside happens. An
// empty set costs the waker one atomic load.
type waiters struct {
	n  atomic.Int32
	mu struct {
		sync.Mutex
		set map[*Session]struct{}
	}
}

func (w *waiters) init() { w.mu.set = make(map[*Session]struct{}) }

func (w *waiters) add(s *Session) {
	w.mu.Lock()
	w.mu.set[s] = struct{}{}
	w.n.Store(int32(len(w.mu.set)))
	w.mu.Unlock()
}

func (w *waiters) remove(s *Session) {
	w.mu.Lock()
	delete(w.mu.set, s)
	w.n.Store(int32(len(w.mu.set)))
	w.mu.Unlock()
}

// wakeAll wakes every session in the set; each looks for itself whether its
// wait is over, and leaves the set if so. Conn.Wake does not block.
func (w *waiters) wakeAll() {
	if w.n.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.mu.set {
		s.conn.Wake()
	}
}
