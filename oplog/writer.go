package oplog

import (
	"time"

	"crdb/crdt"
)

// writer is the state of the writer goroutine (Log.write); nobody else
// touches it.
type writer struct {
	prev  crdt.Timestamp // last own op sealed
	bound crdt.Timestamp // clock bound on disk
}

// cycle is what one commit makes durable.
type cycle struct {
	self     crdt.ReplicaID
	jump     *pendingJump
	images   []*pendingImage
	received []*Block
	segments []segment
	held     crdt.VersionVector // received; of use if raised
	raised   bool               // deps count images as well
	deps     crdt.VersionVector
	clock    crdt.Timestamp
}

func (c *cycle) empty() bool {
	return len(c.received) == 0 && len(c.segments) == 0 && len(c.images) == 0 && c.jump == nil
}

// Hurry makes the writer commit without its pause: somebody waits.
func (l *Log) Hurry() {
	select {
	case l.hurried <- struct{}{}:
	default:
	}
}

func (l *Log) kick() {
	select {
	case l.kicked <- struct{}{}:
	default:
	}
}

// kickOwn is kick for own ops.
func (l *Log) kickOwn() {
	select {
	case l.owned <- struct{}{}:
	default:
	}
	l.kick()
}

// write is the writer (D1): take what has accumulated, seal it, commit it with
// sync, publish it. Between two commits it pauses unless somebody waits. It
// ends after Close with nothing left, or at a failure.
func (l *Log) write() {
	defer close(l.done)
	for stopping := false; ; {
		c := l.take()
		if !c.empty() && !l.commit(&c) || c.empty() && !l.lowerBound(c.clock) {
			return
		}
		if stopping {
			if c.empty() {
				l.lastCommit()
				return
			}
			continue
		}
		if !c.empty() {
			l.pause()
		}
		select {
		case <-l.kicked:
		case <-l.stop:
			stopping = true
		}
	}
}

// pause saves CPU when nobody waits for the next commit. Own ops wait for Pace,
// because other regions see them only after it. Everything waits longer when
// what it is committed for is only safety: received blocks, which are visible
// already and whose acknowledgement comes later, and all ops of an instance
// without other members.
func (l *Log) pause() {
	select {
	case <-l.hurried:
		return
	default:
	}
	if !l.sleep(l.opts.Pace, nil) {
		return
	}
	var early chan struct{}
	if !l.alone.Load() {
		if l.ownPending() {
			return
		}
		early = l.owned
	}
	l.sleep(l.opts.ReceivePace-l.opts.Pace, early)
}

// SetAlone tells that no other member waits to see own ops, so that the writer
// may pause longer between commits (Options.ReceivePace).
func (l *Log) SetAlone(alone bool) { l.alone.Store(alone) }

// sleep waits for d, and reports whether nothing cut it short.
func (l *Log) sleep(d time.Duration, early <-chan struct{}) bool {
	select {
	case <-l.opts.After(d):
		return true
	case <-early:
	case <-l.hurried:
	case <-l.stop:
	}
	return false
}

func (l *Log) ownPending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.owned:
	default:
	}
	return l.mu.cur.ops > 0 || len(l.mu.full) > 0
}

// take cuts the log: all received blocks and images and, outside a group (C2),
// all own ops. All at one moment, so that what was received is never in a later
// commit than a local op that saw it (D4, D5), and deps count exactly that.
func (l *Log) take() cycle {
	m := &l.mu
	m.Lock()
	defer m.Unlock()
	if m.cur.ops > 0 && !m.inGroup {
		l.cutLocked()
	}
	c := cycle{self: l.self, received: m.queue, images: m.images, jump: m.jump, segments: m.full, clock: m.clock}
	if len(c.segments) > 0 {
		l.depsLocked(&c)
		m.sealed = c.segments[len(c.segments)-1].last
	}
	m.queue, m.images, m.jump, m.full = nil, nil, nil, nil
	return c
}

// depsLocked says what the own blocks of a cycle depend on: what was received,
// and what images cover that was not (D5).
func (l *Log) depsLocked(c *cycle) {
	m := &l.mu
	c.deps = m.received.Clone()
	ahead := false
	for _, e := range m.raised {
		if e.Replica != l.self && e.Time > m.received.Get(e.Replica) {
			c.deps.Set(e.Replica, e.Time)
			ahead = true
		}
	}
	if ahead {
		c.held, c.raised = m.received.Clone(), true
	} else {
		m.raised = nil
	}
}

// commit seals, makes durable and publishes one cycle. False: the log failed.
func (l *Log) commit(c *cycle) bool {
	blocks := make([]*Block, 0, len(c.received)+len(c.segments))
	blocks = append(blocks, c.received...)
	for i := range c.segments {
		b := seal(l.self, &c.segments[i], l.w.prev, c.deps)
		b.raised, b.held = c.raised, c.held
		l.w.prev = b.Last
		blocks = append(blocks, b)
	}
	bound := l.nextBound(c.clock)
	var start int64
	if l.opts.Mono != nil {
		start = l.opts.Mono()
	}
	ends, err := l.store.writeBlocks(c, blocks, l.pub.tails, bound)
	if err != nil {
		l.fail(err)
		return false
	}
	info := Commit{Blocks: len(blocks)}
	if l.opts.Mono != nil {
		info.Duration = time.Duration(l.opts.Mono() - start)
	}
	if bound != 0 {
		l.w.bound = bound
	}
	l.publish(c, blocks, ends, &info)
	return true
}

// nextBound returns the clock bound to persist with this commit, 0 for none.
// It runs ahead of the clock, so that few commits have to move it and dots
// issued but lost in a crash are not issued again; at most a quarter of the
// allowed drift, so that a restart can write at once (H1). Dots after a long
// idle time may be past it until their commit; they were on no disk and at no
// peer. It goes back if it follows a wall clock that was ahead at the start, and by
// which nothing was stamped: a restart would take it for the clock.
func (l *Log) nextBound(clock crdt.Timestamp) crdt.Timestamp {
	lead := crdt.TimestampAt(max(l.maxDrift/4, 1))
	if clock+lead/2 > l.w.bound {
		return clock + lead
	}
	if most := max(clock, crdt.TimestampAt(l.opts.Wall())) + lead; l.w.bound > most {
		return most
	}
	return 0
}

// lowerBound lets the bound go back where no commit does that, since nobody writes: after
// a crash the instance would take no writes until time has caught up. False: the log failed.
func (l *Log) lowerBound(clock crdt.Timestamp) bool {
	bound := l.nextBound(clock)
	if bound == 0 || bound >= l.w.bound {
		return true
	}
	if _, err := l.store.writeBlocks(&cycle{}, nil, nil, bound); err != nil {
		l.fail(err)
		return false
	}
	l.w.bound = bound
	return true
}

// publish shows a commit to readers and waiters and gives room to writers.
func (l *Log) publish(c *cycle, blocks []*Block, ends []totals, info *Commit) {
	p := &l.pub
	p.Lock()
	if c.jump != nil {
		p.jumpLocked(c.jump)
	}
	for _, im := range c.images {
		p.images = im.id.Seq
		info.Bytes += im.size()
	}
	for i, b := range blocks {
		info.Bytes += len(b.data)
		if b.Replica == l.self {
			info.Ops += b.Ops
		}
		p.addLocked(b, ends[i])
	}
	p.counts.add(info)
	l.durableOwn.Store(uint64(p.durable.Get(l.self)))
	changed, hooks := p.changed, p.hooks
	p.changed = nil
	p.Unlock()
	l.release(c)
	if changed != nil {
		close(changed)
	}
	for _, f := range hooks {
		f()
	}
	if l.opts.OnCommit != nil {
		l.opts.OnCommit(*info)
	}
}

// release takes a committed cycle off the bounds (B1).
func (l *Log) release(c *cycle) {
	m := &l.mu
	m.Lock()
	for i := range c.segments {
		l.pendingLocked(-c.segments[i].small, -c.segments[i].large)
		l.recycleLocked(&c.segments[i])
	}
	for _, b := range c.received {
		m.queued -= len(b.data)
	}
	for _, im := range c.images {
		m.queued -= im.size()
	}
	if len(c.received) > 0 || len(c.images) > 0 {
		m.room.Broadcast()
	}
	m.Unlock()
}

// lastCommit leaves the exact clock behind at a clean end, so that the next
// start need not skip the lead of the bound.
func (l *Log) lastCommit() {
	l.mu.Lock()
	clock := l.mu.clock
	l.mu.Unlock()
	if clock == l.w.bound {
		return
	}
	if _, err := l.store.writeBlocks(&cycle{}, nil, nil, max(clock, 1)); err != nil {
		l.fail(err)
	}
}
