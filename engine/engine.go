package engine

import (
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"crdb/crdt"
	"crdb/crdt/dict"
	"crdb/oplog"
)

// Databases is the number of logical databases of an instance.
const Databases = 16

// Internal is a logical database of the server's own, beside those of clients:
// what is in it replicates, is saved and is part of digests and of memory like
// any other data, but no client selects, walks, counts, flushes or evicts it.
const (
	Internal = Databases
	spaces   = Databases + 1
)

const (
	partitionBits = 6
	partitions    = 1 << partitionBits
	rangeBits     = 10
	rangesPerPart = 1 << (rangeBits - partitionBits)
)

// Defaults of Options.
const (
	DefaultCheckpointBytes = 256 << 20
	DefaultExpiryGrace     = 10 * time.Second
	expireEvery            = 100 * time.Millisecond
)

// Options configure Open. Log, Replica, Wall and Rand are required.
type Options struct {
	Log     *oplog.Log
	Seed    uint64 // of the key hash: the same at all instances of a database
	Replica crdt.ReplicaID
	Wall    func() int64  // unix milliseconds
	Mono    func() int64  // nanoseconds from any fixed point; nil: durations are not measured
	Rand    func() uint64 // random bits; called under locks

	// Touched, if set, hears of every key that a Tx looks up to read or write
	// it, under the key's lock: tests compare them with those declared.
	Touched func(db int, key []byte)
	After   func(time.Duration) <-chan time.Time

	Sizes Sizes // zero fields: those of DefaultSizes
	// Between, if set, is called again and again while a checkpoint is made or an image
	// merged, with no locks held: simulations let others go on there.
	Between func()
	// CheckpointBytes is the amount of log after which a checkpoint is made.
	CheckpointBytes int64
	// ExpiryGrace is how long past a deadline a key waits for what the replica that
	// set it has sent last, if that is no member any more.
	ExpiryGrace time.Duration
	// Member reports whether a replica is a member, or may be one. nil: no other is.
	Member func(crdt.ReplicaID) bool
	// Stable returns what all members have acknowledged: removed counter shares
	// covered by it are forgotten, log covered by it may be dropped. nil: this
	// instance is alone.
	Stable func() crdt.VersionVector
	// Truncated is called after the log was truncated; cut, if not nil, covers
	// what was dropped although a member had not acknowledged it, because the
	// log was over its budget. nil: nobody is told.
	Truncated func(cut crdt.VersionVector)
	// Alone reports whether no other instance can write to this database: then
	// the stream IDs that it makes are Redis's. nil: it is alone.
	Alone  func() bool
	Logger *slog.Logger
}

// Engine is the keyspace of one database instance. All methods are safe for
// concurrent use.
type Engine struct {
	opts  Options
	log   *oplog.Log
	self  crdt.ReplicaID
	parts [partitions]partition

	// vec guards applied: per other replica the last op applied here. It is
	// raised while the partitions of that op are locked (E1).
	vec struct {
		sync.Mutex
		applied crdt.VersionVector
	}
	apply applier
	clash func(*Clash) // OnClash; all partitions' locks guard it

	// forget guards what removed shares have been forgotten up to (K4).
	// Forgetting holds it, for a batch of keys at a time.
	forget struct {
		sync.RWMutex
		vv    crdt.VersionVector
		saved bool // vv is on disk
		held  int  // nothing is forgotten while it is not 0
	}

	ready readyKeys
	stats counters

	onApplied atomic.Pointer[func()]   // OnApplied
	internals atomic.Uint64            // changes in Internal
	observer  atomic.Pointer[Observer] // nil: nobody
	usage     atomic.Pointer[Usage]

	kick chan struct{} // ask for a checkpoint
	stop chan struct{}
	done sync.WaitGroup
	ckpt chan struct{}      // holds one while a checkpoint is made; guards base, dropped, and the writing of forget.vv
	base crdt.VersionVector // what all ranges on disk cover

	dropped crdt.VersionVector // of the log because nobody needs it

	again  atomic.Bool   // the last checkpoint was given up on a full disk
	saveAt atomic.Uint64 // bytes of log written when the last checkpoint began, or the engine was opened

	saved savedState

	loaded int64 // when recovery began, unix milliseconds; 0 without a clock
}

// counters are what Stats reports; see there.
type counters struct {
	expired, expiredFields, evicted  atomic.Int64
	remoteOps, remoteBlocks          atomic.Int64
	drafts                           atomic.Int64 // copies of keys made from what was prepared
	mergedKeys                       atomic.Int64
	checkpoints                      atomic.Int64
	checkpointNanos, checkpointBytes atomic.Int64
	checkpointErrs                   atomic.Int64
	recoveryNanos                    int64
	recoveredKeys, replayedOps       int64
}

// Open recovers the keyspace from the log's store and starts the engine.
func Open(opts Options) (*Engine, error) {
	opts.Sizes = opts.Sizes.orDefault()
	if opts.CheckpointBytes == 0 {
		opts.CheckpointBytes = DefaultCheckpointBytes
	}
	if opts.Member == nil {
		opts.Member = func(crdt.ReplicaID) bool { return false }
	}
	if opts.ExpiryGrace == 0 {
		opts.ExpiryGrace = DefaultExpiryGrace
	}
	if opts.Between == nil {
		opts.Between = func() {}
	}
	if opts.After == nil {
		opts.After = time.After
	}
	if opts.Mono == nil {
		opts.Mono = func() int64 { return 0 }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	e := newEngine(opts)
	if err := e.recover(); err != nil {
		return nil, err
	}
	e.noteOpened()
	e.saveAt.Store(e.log.Stats().BytesWritten)
	e.done.Add(2)
	go e.expireLoop()
	go e.checkpointLoop()
	return e, nil
}

// newEngine returns an engine without keys and goroutines.
func newEngine(opts Options) *Engine {
	e := &Engine{opts: opts, log: opts.Log, self: opts.Replica, ckpt: make(chan struct{}, 1), kick: make(chan struct{}, 1), stop: make(chan struct{})}
	e.initReady()
	e.usage.Store(&Usage{})
	return e
}

// Close stops the engine's goroutines. It writes no checkpoint: recovery
// replays the log.
func (e *Engine) Close() {
	close(e.stop)
	e.done.Wait()
}

// hash returns the hash of a key that places it.
func (e *Engine) hash(key []byte) uint64 { return dict.Hash(e.opts.Seed, key) }

func partOf(h uint64) int    { return int(h >> (64 - partitionBits)) }
func fragOf(h uint64) uint32 { return uint32(h >> (32 - partitionBits)) }

// subOf is the index, within its partition, of a fragment's range.
func subOf(frag uint32) int { return int(frag >> (32 - (rangeBits - partitionBits))) }

// vector returns what has been applied here: exactly, for the partitions the
// caller has locked (E1).
func (e *Engine) vector() crdt.VersionVector {
	e.vec.Lock()
	v := e.vec.applied.Clone()
	e.vec.Unlock()
	if own := e.log.Issued(); !own.IsZero() {
		v.Raise(own)
	}
	return v
}

// Vector returns what has been applied here, of all replicas.
func (e *Engine) Vector() crdt.VersionVector { return e.vector() }

// lock takes the partitions of a mask in ascending order (E2).
func (e *Engine) lock(mask uint64) {
	for m := mask; m != 0; m &= m - 1 {
		e.parts[bits.TrailingZeros64(m)].mu.Lock()
	}
}

func (e *Engine) unlock(mask uint64) {
	for m := mask; m != 0; m &= m - 1 {
		e.parts[bits.TrailingZeros64(m)].mu.Unlock()
	}
}
