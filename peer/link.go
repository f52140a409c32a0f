package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
)

// Reasons for which this side ends a stream.
var (
	errCut       = errors.New("the link is cut on purpose")
	errAlone     = errors.New("this instance is a copy of one that runs elsewhere, and replicates with nobody")
	errNoMember  = errors.New("the replica is no member any more")
	errMoved     = errors.New("the member has another address")
	errReplaced  = errors.New("a newer stream of the same follower took over")
	errRecheck   = errors.New("another process says that it is the replica: asking anew who answers at its address")
	errSilent    = errors.New("nothing was heard for too long")
	errHandshake = errors.New("no handshake in time")
)

// link is all this instance has to do with one other replica: the stream it
// follows (in) and the stream that the other follows (out). Its goroutine
// keeps the first one up; gRPC calls in for the second. Links share nothing
// but the pump and the log (P1).
type link struct {
	r       *Replicator
	replica crdt.ReplicaID
	room    budget
	offset  offsetEstimate
	retry   backoff       // of the link's goroutine
	kicked  chan struct{} // something changed: look again
	ackNow  chan struct{} // there is something to acknowledge

	tail     atomic.Uint64 // end of what the gate holds
	received atomic.Uint64 // end of what the log was given
	applied  atomic.Uint64
	known    atomic.Uint64 // end of the replica's log, as far as heard
	ackSent  atomic.Uint64 // durable here, the replica has been told
	current  atomic.Int64  // wall clock when all that was known was applied
	caughtUp atomic.Int64  // wall clock when the other side had acknowledged all own ops
	in, out  traffic

	heldByClock atomic.Uint64         // stamp of the first block that waits for time to catch up (H1); 0: none
	stuck       atomic.Pointer[Stuck] // blocks that wait for what nobody sends; nil: none

	feed  atomic.Pointer[feed]  // the stream the other side follows, if any
	given atomic.Pointer[given] // the transfer to the other side, if any

	mu struct {
		sync.Mutex
		member *Member // nil: no member now
		state  State
		err    error // why the stream ended last
		alarm  bool  // err needs a person; until the stream is up again
		broken error // why this replica is not followed until a restart
		in     *inStream
		cancel context.CancelCauseFunc // of the attempt now under way
		images context.CancelCauseFunc // of the transfer from there that is under way
		remote remote
		runs   runs
	}
}

// remote is what the source said last of itself.
type remote struct {
	config, run              uint64
	waitingOps, waitingBytes uint64
	beats                    uint64 // heartbeats that came on this stream
	remains                  bool   // it holds parts of former members' logs
}

// traffic counts what went over a stream since the Replicator started.
type traffic struct {
	blocks, ops, raw, wire atomic.Uint64
	publishes, dropped     atomic.Uint64
}

// State says how it stands with the stream this instance follows.
type State string

const (
	StateConnecting State = "connecting"
	StateConnected  State = "connected"
	StateWaiting    State = "waiting" // for the next attempt
	StateStopped    State = "stopped" // by an error that needs a person: an alarm
	StateCut        State = "cut"     // by Replicator.Cut
	StateRemoved    State = "removed" // no member any more
	// StateTransfer: following waits for the end of a state transfer.
	StateTransfer State = "transfer"
)

func newLink(r *Replicator, id crdt.ReplicaID) *link {
	l := &link{
		r: r, replica: id,
		room:   budget{maxBlocks: r.opts.Limits.HoldBlocks, maxBytes: r.opts.Limits.HoldBytes},
		kicked: make(chan struct{}, 1),
		ackNow: make(chan struct{}, 1),
		retry:  r.newBackoff(id),
	}
	at := uint64(r.opts.Log.Received().Get(id))
	l.tail.Store(at)
	l.received.Store(at)
	l.applied.Store(at)
	l.known.Store(at)
	l.mu.state = StateRemoved
	return l
}

// newBackoff spaces attempts that have to do with a replica.
func (r *Replicator) newBackoff(id crdt.ReplicaID) backoff {
	return backoff{
		min: r.opts.Timing.RetryMin, max: r.opts.Timing.RetryMax,
		seed: seedOf(r.opts.Database, uint64(r.opts.Self), uint64(id)),
	}
}

func (l *link) currentMember() (Member, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.member == nil {
		return Member{}, false
	}
	return *l.mu.member, true
}

// region is the region's name, "" if the replica is no member.
func (l *link) region() string {
	m, _ := l.currentMember()
	return m.Region
}

// setMember changes where the replica is found; nil: it is no member.
func (l *link) setMember(m *Member) {
	l.mu.Lock()
	old := l.mu.member
	l.mu.member = m
	l.mu.Unlock()
	switch {
	case m == nil && old != nil:
		l.drop(errNoMember)
	case m != nil && old != nil && *old != *m:
		l.drop(errMoved)
	}
	l.kick()
}

// kick makes the link's goroutine look at the world again.
func (l *link) kick() { signal(l.kicked) }

// signal wakes the one reader of c, now or when it looks next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// giveUp ends following for good.
func (l *link) giveUp(err error) {
	l.mu.Lock()
	l.mu.broken = err
	l.mu.Unlock()
	l.dropIn(err)
	l.kick()
}

func (l *link) dropIn(err error) {
	l.mu.Lock()
	cancel := l.mu.cancel
	l.mu.Unlock()
	if cancel != nil {
		cancel(err)
	}
}

// drop ends the streams in both directions, and transfers from and to there.
func (l *link) drop(err error) {
	l.dropIn(err)
	l.mu.Lock()
	images := l.mu.images
	l.mu.Unlock()
	if images != nil {
		images(err)
	}
	if f := l.feed.Load(); f != nil {
		f.stop(err)
	}
	if g := l.given.Load(); g != nil {
		g.stop(err)
	}
}

// setImages says how to end the transfer from there that begins; nil: it has ended.
func (l *link) setImages(cancel context.CancelCauseFunc) {
	l.mu.Lock()
	l.mu.images = cancel
	l.mu.Unlock()
}

// barred returns why nothing may go over the link, nil if it may. Who begins
// something that drop ends looks after drop can find it.
func (l *link) barred() error {
	m, ok := l.currentMember()
	if !ok {
		return errNoMember
	}
	return l.r.cutBy(m.Region)
}

// changed returns why the replica is not to be followed as m any more, nil if it is.
func (l *link) changed(m Member) error {
	if err := l.barred(); err != nil {
		return err
	}
	if now, _ := l.currentMember(); now != m {
		return errMoved
	}
	return l.brokenBy()
}

// durable is called after every commit of the log, whose own ops now are
// durable up to own.
func (l *link) durable(own crdt.Timestamp) {
	if f := l.feed.Load(); f != nil && uint64(own) > f.sent.Load() {
		signal(f.wake)
	}
	if l.received.Load() > l.ackSent.Load() {
		signal(l.ackNow)
	}
}

// run keeps following the replica while it is a member and not cut.
func (l *link) run() {
	for l.r.ctx.Err() == nil {
		select {
		case <-l.kicked: // what it was for is seen now
		default:
		}
		m, ok := l.currentMember()
		broken, cut := l.brokenBy(), l.r.cutBy(m.Region)
		switch {
		case broken != nil:
			l.rest(StateStopped, broken, 0)
		case !ok:
			l.rest(StateRemoved, nil, 0)
		case cut != nil:
			l.rest(StateCut, cut, 0)
		case l.r.AwaitsBase():
			l.rest(StateTransfer, nil, 0)
		default:
			l.attempt(m)
		}
	}
}

func (l *link) brokenBy() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.broken
}

// attempt follows the replica once, and waits as long as is due afterwards.
func (l *link) attempt(m Member) {
	ctx, cancel := context.WithCancelCause(l.r.ctx)
	defer cancel(nil)
	l.mu.Lock()
	l.mu.cancel, l.mu.state = cancel, StateConnecting
	l.mu.Unlock()
	err := l.changed(m)
	if err == nil {
		err = fromStatus(causeOf(ctx, l.follow(ctx, cancel, m)))
	}
	l.r.heardRefusal(l.replica, err)
	switch {
	case l.r.ctx.Err() != nil:
	case errors.Is(err, errCut), errors.Is(err, errAlone), errors.Is(err, errNoMember), errors.Is(err, errMoved), errors.Is(err, errRecheck):
		l.rest(StateWaiting, err, time.Millisecond)
	case tooOld(err) && l.r.transfers.need(l.replica, err):
		l.rest(StateTransfer, err, 0)
	case needsPerson(err):
		l.r.quiet.error("the link to a peer is stopped", l.replica, err)
		l.rest(StateStopped, err, l.retry.jitter(l.r.opts.Timing.RetryStop))
	default:
		l.r.quiet.warn("the link to a peer is down", l.replica, err)
		l.rest(StateWaiting, err, l.retry.next())
	}
}

// heardWell is told when the replica, as a follower, has said nothing wrong: a build that
// this one refused, or that refused it, has been replaced, and the link need not rest on.
func (l *link) heardWell() {
	l.mu.Lock()
	again := l.mu.state == StateStopped && otherBuild(l.mu.err)
	l.mu.Unlock()
	if again {
		l.kick()
	}
}

// rest waits for a kick, or until d has passed if d is not 0.
func (l *link) rest(s State, err error, d time.Duration) {
	l.mu.Lock()
	l.mu.state, l.mu.cancel = s, nil
	if err != nil {
		l.mu.err, l.mu.alarm = err, s == StateStopped
	}
	l.mu.Unlock()
	var after <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		after = t.C
	}
	select {
	case <-l.kicked:
	case <-after:
	case <-l.r.ctx.Done():
	}
}

// up and down frame the life of the stream that this instance follows.
func (l *link) up(s *inStream) {
	l.mu.Lock()
	l.mu.state, l.mu.in, l.mu.err, l.mu.alarm = StateConnected, s, nil, false
	l.mu.Unlock()
	l.r.post(s.ctx, event{link: l.replica, up: true})
	l.r.quiet.to.Info("following a peer", "peer", l.replica, "from", crdt.Timestamp(l.tail.Load()).String())
}

func (l *link) down() {
	l.mu.Lock()
	l.mu.in = nil
	l.mu.Unlock()
	l.r.post(l.r.ctx, event{link: l.replica, up: false})
}

// conn returns the connection of the stream that is followed, nil if none is.
func (l *link) conn() *grpc.ClientConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.in == nil {
		return nil
	}
	return l.mu.in.conn
}

// noteApplied notes that a block of this replica is visible here.
func (l *link) noteApplied(b *oplog.Block) {
	l.applied.Store(uint64(b.Last))
	l.in.ops.Add(uint64(b.Ops))
	raise(&l.known, uint64(b.Last))
	if uint64(b.Last) >= l.known.Load() {
		l.current.Store(l.r.opts.Wall())
	}
}

// raise sets a to v unless it is higher.
func raise(a *atomic.Uint64, v uint64) {
	for {
		old := a.Load()
		if v <= old || a.CompareAndSwap(old, v) {
			return
		}
	}
}

func (l *link) String() string { return fmt.Sprintf("link %d->%d", l.replica, l.r.opts.Self) }
