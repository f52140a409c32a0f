package oplog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"crdb/crdt"
)

// Log is the durable op log of one instance with the state records that share
// its store. All methods are safe for concurrent use unless they say otherwise.
type Log struct {
	opts     Options
	self     crdt.ReplicaID
	maxDrift int64 // ms
	store    *store

	refusing atomic.Uint32 // refuse* bits
	alone    atomic.Bool   // SetAlone
	newest   atomic.Uint64 // mu.clock, to be read without the lock
	failed   atomic.Pointer[error]
	failedCh chan struct{} // closed at the first failure
	failOnce sync.Once

	givenUp atomic.Int64 // commits that apply did not wait for and that are not over

	tolerated atomic.Pointer[tolerance] // nil: none was ever given

	forbidden atomic.Pointer[error] // why, if refuseForbidden is set

	group sync.Mutex // held from BeginGroup to EndGroup; before mu

	// mu guards what is not on disk yet. Nothing blocks or calls out under it
	// but Options.Wall.
	mu struct {
		sync.Mutex
		clock    crdt.Timestamp // newest timestamp issued or received
		sealed   crdt.Timestamp // last own op the writer has taken
		cur      segment        // being filled
		full     []segment      // cut, waiting for the writer
		spare    [][]byte
		pending  int // own bytes not durable yet
		large    int // the same of large ops, which pending does not count
		inGroup  bool
		joins    bool // the next op is in one group with the op before it
		received crdt.VersionVector
		raised   crdt.VersionVector // covered by images (D5)
		images   []*pendingImage    // received, waiting for the writer
		imageSeq uint64             // of the last image
		jump     *pendingJump       // waiting for the writer
		jumps    uint64
		queue    []*Block // received, waiting for the writer
		queued   int      // received bytes not durable yet
		room     sync.Cond
	}

	pub        published // what is durable
	durableOwn atomic.Uint64

	w        writer
	owned    chan struct{}  // own ops to write
	kicked   chan struct{}  // something to write
	hurried  chan struct{}  // somebody waits
	stop     chan struct{}  // closed by Close
	done     chan struct{}  // closed by the writer
	use      sync.RWMutex   // shared by enter; Close takes it to shut the door
	bg       sync.WaitGroup // watchSpace and everyone between enter and leave
	closing  sync.Mutex
	closed   bool
	quitting atomic.Bool // Quit was called
}

// Open opens or creates the log in Options.Dir.
func Open(opts Options) (*Log, error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	l := &Log{
		opts: opts, self: opts.Identity.Replica, maxDrift: opts.MaxClockDrift.Milliseconds(),
		failedCh: make(chan struct{}),
		kicked:   make(chan struct{}, 1), owned: make(chan struct{}, 1), hurried: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	l.mu.room.L = &l.mu.Mutex
	l.pub.cache.max = opts.CacheBytes
	s, err := openStore(&opts, l)
	if err != nil {
		return nil, err
	}
	l.store = s
	err = l.recover()
	if err == nil {
		err = l.raiseBound()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("oplog: recover %s: %w", opts.Dir, err), s.close())
	}
	s.guard.opened.Store(true)
	go l.write()
	l.bg.Add(1)
	go l.watchSpace()
	return l, nil
}

// recover reads where each replica's log ends and how far the clock has been.
func (l *Log) recover() error {
	tails, err := tailsOf(l.store.db)
	if err != nil {
		return err
	}
	bound, err := l.store.clockBound()
	if err != nil {
		return err
	}
	if err := l.recoverTolerance(); err != nil {
		return err
	}
	m := &l.mu
	m.clock, l.w.bound = bound, bound
	for r, t := range tails {
		m.clock = max(m.clock, t.last)
		l.pub.durable.Set(r, t.last)
		if r != l.self {
			m.received.Set(r, t.last)
		}
	}
	if err := l.recoverImages(); err != nil {
		return err
	}
	l.newest.Store(uint64(m.clock))
	l.pub.tails, l.pub.images = tails, m.imageSeq
	own := l.pub.durable.Get(l.self)
	m.sealed, l.w.prev = own, own
	m.cur.buf = make([]byte, 0, segmentBytes)
	l.durableOwn.Store(uint64(own))
	if wall := l.opts.Wall(); m.clock.Millis()-wall > l.drift(wall) {
		l.refuse(refuseClock)
		l.opts.Logger.Warn("the wall clock is behind the log; writes are refused until it catches up",
			"last", m.clock.String(), "wall_ms", l.opts.Wall())
	}
	return nil
}

// raiseBound puts the clock bound ahead of the first dots of this run.
func (l *Log) raiseBound() error {
	bound := l.nextBound(max(l.mu.clock, crdt.TimestampAt(l.opts.Wall())))
	if bound == 0 {
		return nil
	}
	l.w.bound = bound
	_, err := l.store.writeBlocks(&cycle{}, nil, nil, bound)
	return err
}

// Close makes everything appended and received durable, stops the writer and
// closes the store. After a failure, or while the disk is full, what is not
// durable is lost and the error says so. It waits for an open group.
func (l *Log) Close() error {
	l.closing.Lock()
	defer l.closing.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.closed = true
	l.group.Lock()
	defer l.group.Unlock()
	l.use.Lock()
	l.refuse(refuseClosed)
	l.use.Unlock()
	close(l.stop)
	l.wakeAll()
	unlessStuck(l, l.done)
	if l.failed.Load() != nil {
		l.store.abandon()
		return fmt.Errorf("what was not yet durable in %s is lost: %w", l.opts.Dir, l.failure())
	}
	ended := make(chan error, 1)
	go func() { // Pebble writes as it is closed, and what it does in the background must end
		l.bg.Wait()
		ended <- l.store.close()
	}()
	err := unlessStuck(l, ended)
	if l.failed.Load() != nil {
		l.store.abandon()
		return fmt.Errorf("all is durable, but the store in %s could not be closed: %w", l.opts.Dir, l.failure())
	}
	return err
}

// unlessStuck waits for a step of Close, but not on a disk that has failed, or that is
// full and stays so: then the log has failed.
func unlessStuck[T any](l *Log, step <-chan T) (v T) {
	for {
		select {
		case v = <-step:
			return v
		case <-l.failedCh:
			return v
		case <-l.store.guard.stalling():
		}
		select { // there may be space by now, which the write that waits will find
		case v = <-step:
			return v
		case <-l.failedCh:
			return v
		case <-l.opts.After(5 * stallRetry):
		}
		select {
		case <-l.store.guard.stalling():
			l.fail(fmt.Errorf("%w at close", l.full()))
		default:
		}
	}
}

// wakeAll wakes everyone who waits for progress, to see the log stop.
func (l *Log) wakeAll() {
	l.mu.Lock()
	l.mu.room.Broadcast()
	l.mu.Unlock()
}

// fail puts the log into the failed state: writes are refused, reads work.
func (l *Log) fail(err error) {
	l.failOnce.Do(func() {
		l.failed.Store(&err)
		l.refuse(refuseFailed)
		l.opts.Logger.Error("the log has failed; writes are refused", "dir", l.opts.Dir, "err", err)
		close(l.failedCh)
		go l.tellAll() // the caller may hold any lock; ends at once
	})
}

// tellAll makes everyone who waits for progress see that there will be none.
func (l *Log) tellAll() {
	l.wakeAll()
	l.pub.RLock()
	hooks := l.pub.hooks
	l.pub.RUnlock()
	for _, f := range hooks {
		f()
	}
}

// Err says why nothing becomes durable any more, until the log is opened anew;
// nil: it does. It wraps ErrFailed.
func (l *Log) Err() error {
	if l.failed.Load() == nil {
		return nil
	}
	return l.failure()
}

func (l *Log) failure() error {
	if p := l.failed.Load(); p != nil {
		return fmt.Errorf("%w: %w", ErrFailed, *p)
	}
	return ErrFailed
}

// Durable returns, per replica, the last op on disk here.
func (l *Log) Durable() crdt.VersionVector {
	l.pub.RLock()
	defer l.pub.RUnlock()
	return l.pub.durable.Clone()
}

// DurableOwn returns the last own op on disk.
func (l *Log) DurableOwn() crdt.Timestamp { return crdt.Timestamp(l.durableOwn.Load()) }

// OnDurable registers f to be called by the writer after every commit, and when
// the log fails. It must not block and must not call Close.
func (l *Log) OnDurable(f func()) {
	l.pub.Lock()
	l.pub.hooks = append(l.pub.hooks, f)
	l.pub.Unlock()
}

// Changed returns a channel that is closed at the next commit.
func (l *Log) Changed() <-chan struct{} {
	l.pub.Lock()
	defer l.pub.Unlock()
	if l.pub.changed == nil {
		l.pub.changed = make(chan struct{})
	}
	return l.pub.changed
}

// Sync waits until everything appended and received before it is durable.
func (l *Log) Sync(ctx context.Context) error {
	l.mu.Lock()
	want := l.mu.received.Clone()
	if own := l.issuedLocked(); !own.IsZero() {
		want.Raise(own)
	}
	images := l.mu.imageSeq
	l.mu.Unlock()
	return l.waitDurable(ctx, want, images)
}

// waitDurable waits until want and the images up to one are on disk.
func (l *Log) waitDurable(ctx context.Context, want crdt.VersionVector, images uint64) error {
	return l.waitUntil(ctx, l.holds(want, images))
}

// holds asks, under the lock of pub, whether want and the images up to one are on disk.
func (l *Log) holds(want crdt.VersionVector, images uint64) func() bool {
	return func() bool { return l.pub.durable.Descends(want) && l.pub.images >= images }
}

// waitUntil waits for commits until done, which is called under the lock of pub.
func (l *Log) waitUntil(ctx context.Context, done func() bool) error {
	return l.waitUnless(ctx, nil, done)
}

// waitUnless is waitUntil, but ends with ErrDiskFull when full is closed.
func (l *Log) waitUnless(ctx context.Context, full <-chan struct{}, done func() bool) error {
	for {
		changed := l.Changed()
		if l.published(done) {
			return nil
		}
		l.Hurry()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-l.failedCh:
			return l.failure()
		case <-full:
			return l.full()
		case <-l.done:
			if l.published(done) {
				return nil
			}
			return ErrClosed
		}
	}
}

func (l *Log) published(done func() bool) bool {
	l.pub.RLock()
	defer l.pub.RUnlock()
	return done()
}
