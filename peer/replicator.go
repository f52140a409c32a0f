package peer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"crdb/crdt"
)

// Replicator replicates one database instance: it follows every other member
// and is followed by them. All methods may be called by any goroutine.
type Replicator struct {
	opts       Options
	party      party
	quiet      quietLog
	packer     *packer
	dec        *zstd.Decoder
	holdings   holdings
	transfers  transfers
	cuts       atomic.Uint64 // see Retention
	configured atomic.Bool   // the members are known
	giving     chan struct{} // one token per state transfer that is served
	events     chan event    // to the pump, which owns the gate
	serving    chan struct{} // one token per fetch a peer has under way here
	fetching   chan struct{} // one token per fetch under way to peers
	rush       atomic.Int64  // see easing; of what comes in

	ctx   context.Context // ends with Close
	stop  context.CancelCauseFunc
	wg    sync.WaitGroup // everything that runs for this Replicator
	start func(func())   // runs the pump and the links

	// links is sorted by replica and has former members too. It is replaced as
	// a whole, under mu.
	links atomic.Pointer[[]*link]

	mu struct {
		sync.Mutex
		cut    map[string]bool
		alone  bool // as if all were cut
		onAck  []func()
		closed bool
	}
}

var errClosed = errors.New("peer: replicator is closed")

// New starts a Replicator without other members. What the log holds of other
// replicas must have been applied before.
func New(opts Options) (*Replicator, error) {
	r, err := newReplicator(opts)
	if err != nil {
		return nil, err
	}
	r.start = r.wg.Go
	opts.Log.OnDurable(r.durable)
	p := newPump(r)
	r.start(p.run)
	if r.opts.Images != nil {
		r.start(r.transfers.run)
	}
	return r, nil
}

// newReplicator returns a Replicator that starts nothing by itself.
func newReplicator(opts Options) (*Replicator, error) {
	switch {
	case opts.Database == "" || opts.Self == 0 || opts.Region == "":
		return nil, errors.New("peer: incomplete identity: database, region and replica are required")
	case opts.Log == nil || opts.Apply == nil || opts.Dial == nil || opts.Wall == nil || opts.Mono == nil:
		return nil, errors.New("peer: log, applier, dialer and clocks are required")
	}
	opts.Limits.setDefaults()
	opts.Timing.setDefaults()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Deliver == nil {
		opts.Deliver = func(_, _ []byte) {}
	}
	if opts.Served == nil {
		opts.Served = func() uint64 { return 0 }
	}
	if opts.Eased == nil {
		opts.Eased = func() {}
	}
	if opts.ConfigVersion == nil {
		opts.ConfigVersion = func() uint64 { return 0 }
	}
	r := &Replicator{
		opts:     opts,
		party:    party{opts.Database, opts.Self, opts.Region, opts.Log},
		packer:   newPacker(opts.Limits.CacheBytes),
		dec:      newDecoder(),
		events:   make(chan event, 64),
		serving:  make(chan struct{}, opts.Limits.Fetches),
		fetching: make(chan struct{}, opts.Limits.Fetches),
	}
	r.quiet.to = opts.Logger.With("database", opts.Database, "replica", opts.Self)
	r.holdings.self = opts.Self
	r.mu.cut = map[string]bool{}
	r.links.Store(new([]*link))
	r.ctx, r.stop = context.WithCancelCause(context.Background())
	r.start = func(func()) {}
	r.giving = make(chan struct{}, maxServed)
	return r, r.startTransfers()
}

// Close stops all links and waits for everything the Replicator started. The
// log stays open.
func (r *Replicator) Close() error {
	r.mu.Lock()
	if r.mu.closed {
		r.mu.Unlock()
		return errClosed
	}
	r.mu.closed = true
	r.mu.Unlock()
	r.stop(errClosed)
	r.wg.Wait()
	r.packer.close()
	r.dec.Close()
	return nil
}

// SetMembers replaces the membership. This instance itself may be in the list.
// Links to new members start, those to former members end; a link whose
// address changed, or that waits after an error, tries again at once. No member
// at all: this instance is none any more, keeps what it has, and decides nothing.
func (r *Replicator) SetMembers(members []Member) {
	var ids []crdt.ReplicaID
	for _, m := range members {
		ids = append(ids, m.Replica)
	}
	r.holdings.setMembers(ids)
	defer func() { signal(r.transfers.wake) }() // at the end: it looks at all the rest
	defer r.configured.Store(len(members) > 0)
	r.opts.Log.SetAlone(!slices.ContainsFunc(ids, func(id crdt.ReplicaID) bool { return id != r.opts.Self }))
	defer r.acked()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.closed {
		return
	}
	for _, l := range r.allLinks() {
		if !slices.Contains(ids, l.replica) {
			l.setMember(nil)
		}
	}
	for _, m := range members {
		if m.Replica != r.opts.Self && m.Replica != 0 {
			r.linkLocked(m.Replica).setMember(&m)
		}
	}
}

// linkLocked returns the link to a replica, making it if needed. A link lives
// until Close; it rests while its replica is no member.
func (r *Replicator) linkLocked(id crdt.ReplicaID) *link {
	links := r.allLinks()
	i, ok := slices.BinarySearchFunc(links, id, func(l *link, id crdt.ReplicaID) int { return int(l.replica) - int(id) })
	if ok {
		return links[i]
	}
	l := newLink(r, id)
	links = slices.Insert(slices.Clone(links), i, l)
	r.links.Store(&links)
	r.start(l.run)
	return l
}

// link returns the link to a replica, nil if there never was one.
func (r *Replicator) link(id crdt.ReplicaID) *link {
	for _, l := range r.allLinks() {
		if l.replica == id {
			return l
		}
	}
	return nil
}

// allLinks returns the links, sorted by replica. Read only.
func (r *Replicator) allLinks() []*link { return *r.links.Load() }

// IsMember reports whether a replica is another member, as SetMembers was told last.
func (r *Replicator) IsMember(id crdt.ReplicaID) bool {
	_, ok := r.member(id)
	return ok
}

// member returns the member with that ID.
func (r *Replicator) member(id crdt.ReplicaID) (Member, bool) {
	if l := r.link(id); l != nil {
		return l.currentMember()
	}
	return Member{}, false
}

// Nudge makes links that wait after an error try again at once: somebody saw
// the region's node come back.
func (r *Replicator) Nudge(region string) {
	for _, l := range r.allLinks() {
		if m, ok := l.currentMember(); ok && m.Region == region {
			l.kick()
		}
	}
}

// Cut drops the links to a region, both ways, and keeps them down until it is
// called with cut false. Blocks still come through other regions.
func (r *Replicator) Cut(region string, cut bool) {
	r.mu.Lock()
	r.mu.cut[region] = cut
	if !cut {
		delete(r.mu.cut, region)
	}
	r.mu.Unlock()
	for _, l := range r.allLinks() {
		if m, ok := l.currentMember(); ok && m.Region == region {
			if cut {
				l.drop(errCut)
			}
			l.kick()
		}
	}
	signal(r.transfers.wake) // it may have had nobody to ask
}

// Isolate cuts the links to all regions, also to members it is told of later, for good: this
// instance is a copy of one that runs elsewhere.
func (r *Replicator) Isolate() {
	r.mu.Lock()
	r.mu.alone = true
	r.mu.Unlock()
	for _, l := range r.allLinks() {
		l.drop(errAlone)
	}
}

// cutBy says why the links to a region are cut, nil if they are not.
func (r *Replicator) cutBy(region string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.mu.alone:
		return errAlone
	case r.mu.cut[region]:
		return errCut
	}
	return nil
}

// durable is the log's OnDurable hook.
func (r *Replicator) durable() {
	own := r.opts.Log.DurableOwn()
	for _, l := range r.allLinks() {
		l.durable(own)
	}
}

// OnAck registers f, to be called whenever a member acknowledged something new
// or the membership changed. It must not block.
func (r *Replicator) OnAck(f func()) {
	r.mu.Lock()
	r.mu.onAck = append(r.mu.onAck, f)
	r.mu.Unlock()
}

func (r *Replicator) acked() {
	r.mu.Lock()
	hooks := slices.Clip(r.mu.onAck)
	r.mu.Unlock()
	for _, f := range hooks {
		f()
	}
}

// Acked returns how many other members hold this replica's ops up to own on
// disk.
func (r *Replicator) Acked(own crdt.Timestamp) int {
	return r.holdings.count(crdt.Dot{Time: own, Replica: r.opts.Self})
}

// Stable returns what this instance and all other members hold on disk: what
// is causally stable, and what nobody will ask this log for again. It is nothing
// while a member has a newer configuration, with members that are not known here.
func (r *Replicator) Stable() crdt.VersionVector {
	return r.holdings.common(r.opts.Log.Durable(), r.opts.ConfigVersion())
}

// MinAcked is Stable, under the name by which the log may be truncated.
func (r *Replicator) MinAcked() crdt.VersionVector { return r.Stable() }
