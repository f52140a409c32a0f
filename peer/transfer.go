package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// Images gives and takes the state of the instance, for state transfers. What
// is in an image is opaque here. Captures come from several goroutines. One
// goroutine merges, beside the one that calls Applier.Apply; that one jumps.
type Images interface {
	// CaptureAt returns the image that begins at a position, what exactly it
	// covers, and where the next one begins. It is declared to cover more as
	// well: what is not there of it counts as removed. An error: a key is larger
	// than an image may be, and which.
	CaptureAt(at uint64, more crdt.VersionVector) (image []byte, vv crdt.VersionVector, next uint64, err error)
	// EndOfState is the position behind the last image.
	EndOfState() uint64
	// SizeOf returns how long the image is that begins with head, as it says
	// itself. What is no image is oplog.ErrCorrupt.
	SizeOf(head []byte) (int, error)
	// MergeAt merges an image, which begins at a position and covers least.
	// Malformed ones are oplog.ErrCorrupt. mark makes what oplog writes with it.
	// between is called between two steps, with no lock held.
	MergeAt(at uint64, image []byte, least crdt.VersionVector, mark func(next uint64) []byte, between func()) (next uint64, keys int, err error)
	// Shorten returns a function that leaves keys out of images: those whose sums
	// are in an offer of a Seed.
	Shorten(offer []byte) func(image []byte) ([]byte, error)
	// Jump ends a transfer whose images have all been merged.
	Jump(ctx context.Context, ends []oplog.Tip, mark []byte) error
	// Vector is what has been applied.
	Vector() crdt.VersionVector
	// HoldForgotten returns what a state must cover to be merged with this one
	// (K4). That does not grow until release is called.
	HoldForgotten() (vv crdt.VersionVector, release func())
	// SaveTo sees to it that the state without its log, as recovery merges images
	// into it, covers vv, which has been applied.
	SaveTo(ctx context.Context, vv crdt.VersionVector) error
	// NoteForgotten tells that images will be merged whose source has forgotten
	// what vv covers. It is on disk when it returns.
	NoteForgotten(ctx context.Context, vv crdt.VersionVector) error
}

// Seed is an older state of the database. An instance that joins with one is
// not sent the keys that are still the same. One goroutine uses it.
type Seed interface {
	// Vector is what the older state covers.
	Vector() crdt.VersionVector
	// OfferAt returns the sums of its keys from a position on, up to another.
	OfferAt(at uint64) (to uint64, offer []byte, err error)
	// Expand makes an image whole that was shortened for the last offer.
	Expand(image []byte) ([]byte, error)
}

// maxOffer bounds the bytes of an offer, of sumBytes for each key.
const (
	maxOffer = 128 << 10
	sumBytes = 8
)

// transfers brings the state of another member here when its log no longer
// reaches back to what is held here, or nothing is held yet. One goroutine of
// the Replicator runs it; one transfer is under way at a time.
type transfers struct {
	r       *Replicator
	wake    chan struct{}
	mark    mark    // of the goroutine
	left    mark    // of the goroutine: of a source that it has turned from, while no other has begun
	remains remains // of the goroutine
	older   older   // of the goroutine
	retry   backoff // of the goroutine
	alarms  int     // in a row; of the goroutine

	mu struct {
		sync.Mutex
		needs    map[crdt.ReplicaID]error // sources that said that they no longer keep what is missing
		await    bool                     // nothing is applied before a transfer has ended
		progress TransferStatus
	}
}

// TransferStatus is the state of a transfer to this instance.
type TransferStatus struct {
	Active  bool           // one is under way, or waits to be tried again
	Source  crdt.ReplicaID // 0: not chosen yet
	Percent float64        // of the keyspace
	Bytes   uint64         // of images merged
	Keys    uint64
	Rate    float64       // bytes per second, of this run of the node
	Left    time.Duration // until the end at this rate; 0: not known
	Error   string        // of the last attempt, while it waits for the next one
	Alarm   bool          // Error needs a person
}

// maxImage bounds one image that comes in. Memory grows as bytes arrive.
const maxImage = 1 << 30

var (
	errTransferShort = errors.New("the transfer ended before the end of the state")
	errForgotten     = errors.New("what is held here is older than what the source has forgotten of its counters, an old state: this member must come back under a new ID")
	errNoImage       = errors.New("no image came for too long")
)

// startTransfers reads how far a transfer of an earlier run has come.
func (r *Replicator) startTransfers() error {
	t := &r.transfers
	t.r, t.wake = r, make(chan struct{}, 1)
	t.mu.needs = map[crdt.ReplicaID]error{}
	if r.opts.Images == nil {
		return nil
	}
	b, err := r.opts.Log.GetMeta(oplog.MarkName)
	if err != nil {
		return err
	}
	if t.mark, err = decodeMark(b); err != nil {
		return err
	}
	t.mu.await = t.mark.base || r.opts.Join && !t.mark.done && len(r.opts.Log.Received()) == 0
	t.note(func(p *TransferStatus) { p.Active = t.mu.await || t.mark.source != 0; p.Source = t.mark.source })
	return nil
}

// AwaitsBase reports whether the instance has joined and holds no complete
// state yet: it applies no block, and is not ready to be read.
func (r *Replicator) AwaitsBase() bool {
	r.transfers.mu.Lock()
	defer r.transfers.mu.Unlock()
	return r.transfers.mu.await
}

// Transfer returns how it stands with the state transfer to this instance.
func (r *Replicator) Transfer() TransferStatus {
	r.transfers.mu.Lock()
	defer r.transfers.mu.Unlock()
	return r.transfers.mu.progress
}

func (t *transfers) note(f func(p *TransferStatus)) {
	t.mu.Lock()
	f(&t.mu.progress)
	t.mu.Unlock()
}

// need asks for a transfer from a member whose log begins after what is held
// here. It reports false if there can be none.
func (t *transfers) need(from crdt.ReplicaID, why error) bool {
	if t.r.opts.Images == nil {
		return false
	}
	t.mu.Lock()
	t.mu.needs[from] = why
	t.mu.progress.Active = true
	t.mu.Unlock()
	signal(t.wake)
	return true
}

// run makes transfers as they are needed.
func (t *transfers) run() {
	t.retry = t.r.newBackoff(0)
	for t.r.ctx.Err() == nil {
		l := t.choose()
		var left crdt.VersionVector
		if l == nil {
			var due bool
			left = t.r.remains()
			if l, due = t.settles(left); due {
				t.settle(left)
				continue
			}
		}
		if l == nil && t.orphaned() {
			t.goOn()
			continue
		}
		if l == nil {
			t.forsake(len(left) > 0)
			t.wait(t.pause())
			continue
		}
		at := t.mark.at
		err := t.from(l)
		if t.mark.at > at || err == nil { // it gets on
			t.retry.reset()
			t.alarms = 0
		}
		switch {
		case err == nil:
			t.remains.gathered = append(t.remains.gathered, l.replica)
		case t.r.ctx.Err() == nil:
			t.wait(t.failed(l, err))
		}
	}
}

// failed shows why a transfer ended early, and turns to another source if that may
// help. It returns how long to wait before the next attempt.
func (t *transfers) failed(l *link, err error) time.Duration {
	t.r.heardRefusal(l.replica, err)
	if errors.Is(err, errForgotten) { // with the right disk, and a base from a member that had, this cannot be
		t.r.notice(Notice{Kind: NoticeLostLog, Peer: l.replica, Err: err})
	}
	alarm := needsPerson(err) || errors.Is(err, errForgotten) || errors.Is(err, oplog.ErrClock)
	t.note(func(p *TransferStatus) { p.Error, p.Alarm = err.Error(), alarm })
	if !alarm {
		t.r.quiet.warn("a state transfer was broken off", l.replica, err)
		if t.alarms = 0; t.retry.attempt >= patienceWithSource {
			if was := t.mark; t.turnFrom(l) && was.at > 0 { // it may just be away, and the next one give nothing
				t.left = was
			}
		}
		return t.retry.next()
	}
	t.r.quiet.error("a state transfer is stopped", l.replica, err)
	t.alarms++
	if !ownLoss(err) && t.turnFrom(l) && t.alarms < len(t.r.allLinks()) {
		return t.retry.next()
	}
	return t.retry.jitter(t.r.opts.Timing.RetryStop) // all have been asked
}

// forsake ends a transfer for which only former members could be asked: they answer
// no more, and who else lacks what is missing here says so itself (need). What slices
// hold of former members' logs is settled first (remains).
func (t *transfers) forsake(remains bool) {
	r := t.r
	if !r.configured.Load() || t.wanted() || remains || r.IsMember(t.mark.source) || !r.Transfer().Active {
		return
	}
	over := mark{done: true}
	if err := r.opts.Log.PutMeta(oplog.MarkName, over.encode()); err != nil {
		r.quiet.warn("a state transfer cannot be given up", t.mark.source, err)
		return
	}
	t.mark, t.left = over, mark{}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.needs) == 0 {
		t.mu.progress = TransferStatus{}
	}
}

// wanted reports whether a transfer is needed from a member, or from anybody.
func (t *transfers) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.mu.needs, func(id crdt.ReplicaID, _ error) bool { return !t.r.IsMember(id) })
	return t.mu.await || len(t.mu.needs) > 0
}

// wait waits for d, or until something changed; 0: only for that.
func (t *transfers) wait(d time.Duration) {
	var after <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-t.wake:
	case <-after:
	case <-t.r.ctx.Done():
	}
}

// choose returns the member to transfer from, nil if there is nothing to do or
// nobody to ask.
func (t *transfers) choose() *link {
	if l := t.r.usable(t.mark.source); l != nil {
		return l
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.mu.needs {
		if l := t.r.usable(id); l != nil {
			return l
		}
	}
	if !t.mu.await {
		return nil
	}
	for _, l := range t.r.allLinks() {
		if l := t.r.usable(l.replica); l != nil && l.replica != t.mark.source {
			return l
		}
	}
	return nil
}

// orphaned reports whether the instance waits for a state and is the only member.
func (t *transfers) orphaned() bool {
	r := t.r
	r.mu.Lock() // no look at members that are just being set
	defer r.mu.Unlock()
	return r.configured.Load() && r.AwaitsBase() && !slices.ContainsFunc(r.allLinks(), func(l *link) bool {
		_, ok := l.currentMember()
		return ok
	})
}

// goOn makes what is held here the state of the database: nobody is left who could
// give another, and whoever joins is to get one. What slices hold of logs beyond
// their ends is settled afterwards (remains).
func (t *transfers) goOn() {
	over := mark{done: true, bytes: t.mark.bytes, keys: t.mark.keys}
	j := &jump{mark: over.encode(), done: make(chan error, 1)}
	if err := t.jump(j); err != nil {
		if t.r.ctx.Err() == nil {
			t.r.quiet.error("an instance that is left alone without a complete state cannot go on", t.r.opts.Self, err)
			t.wait(t.r.opts.Timing.RetryMax)
		}
		return
	}
	t.r.quiet.error("this instance was to get its state from others, and no other member is left: it goes on with what it has; what else the others had is lost",
		t.r.opts.Self, fmt.Errorf("%.1f %% of the state had come", t.percent()))
	t.complete(over)
}

// complete ends the waiting for a state.
func (t *transfers) complete(over mark) {
	t.mark, t.left = over, mark{}
	t.older = older{opened: true}
	t.mu.Lock()
	t.mu.await = false
	clear(t.mu.needs)
	t.mu.progress = TransferStatus{Percent: 100, Bytes: over.bytes, Keys: over.keys}
	t.mu.Unlock()
	for _, l := range t.r.allLinks() {
		l.kick()
	}
}

// usable returns the link to a replica if it is a member and not cut.
func (r *Replicator) usable(id crdt.ReplicaID) *link {
	l := r.link(id)
	if l == nil || id == r.opts.Self || l.barred() != nil {
		return nil
	}
	return l
}

// patienceWithSource is the number of attempts in vain after which an instance
// turns to another member, and starts again.
const patienceWithSource = 8

// turnFrom turns from a source that gives nothing to the next member that can
// serve, round the list, and reports whether there is one. To an instance that has
// no base that is everybody; else it is who no longer keeps what is missing here,
// for of the others the log is enough.
func (t *transfers) turnFrom(l *link) bool {
	base := t.mark.base || t.r.AwaitsBase()
	links := t.r.allLinks()
	for i := range links {
		next := links[(indexOf(links, l)+1+i)%len(links)]
		if next != l && t.r.usable(next.replica) != nil && (base || t.needed(next.replica)) {
			t.mark = mark{source: next.replica, base: t.mark.base}
			if t.left.source == next.replica {
				t.mark, t.left = t.left, mark{}
			}
			return true
		}
	}
	return false
}

func (t *transfers) needed(from crdt.ReplicaID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.needs[from] != nil
}

func indexOf(links []*link, l *link) int {
	for i := range links {
		if links[i] == l {
			return i
		}
	}
	return 0
}
