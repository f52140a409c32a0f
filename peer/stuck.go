package peer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"crdb/crdt"
)

// A block whose dependencies nobody has can only wait: it must not be applied
// without them (C1), and it may be all there is of its author's writes. So it is
// held, within the bounds of all that is held (B1), and shown with an alarm.

// errStuck is what the alarm says.
var errStuck = errors.New("operations they depend on do not come")

// Stuck tells of blocks of one replica that wait for operations which nobody
// sends.
type Stuck struct {
	Blocks, Bytes int
	After, Last   crdt.Timestamp // the first block has the replica's operations behind After up to Last
	Since         int64          // Options.Mono when it had last come closer to being applied
	Missing       []Missing      // what the first block waits for
}

// Missing is a part of a replica's log that held blocks wait for.
type Missing struct {
	Replica crdt.ReplicaID
	Here    crdt.Timestamp // up to here its log is here; from Needs on: it is itself held
	Needs   crdt.Timestamp
}

func (m Missing) String() string {
	if m.Here >= m.Needs {
		return fmt.Sprintf("replica %d up to %v, which is held, too", m.Replica, m.Needs)
	}
	return fmt.Sprintf("replica %d up to %v, here is %v", m.Replica, m.Needs, m.Here)
}

func (s *Stuck) String() string {
	var missing []string
	for _, m := range s.Missing {
		missing = append(missing, m.String())
	}
	return fmt.Sprintf("%d blocks, the first is (%v, %v]; missing: %s", s.Blocks, s.After, s.Last, strings.Join(missing, "; "))
}

// noteStuck counts the ticks for which nothing came of what the first block of q
// depends on.
func (g *gate) noteStuck(q *queue) {
	if q.len() == 0 || q.hold != holdDeps {
		q.stuck = 0
		return
	}
	b := q.blocks[q.head]
	sum := uint64(b.Last) // rises with everything that comes
	for _, e := range b.Deps {
		if at := g.applied.Get(e.Replica); e.Replica != g.self && e.Time > at {
			sum += uint64(at) + uint64(g.Tail(e.Replica))
		}
	}
	if sum != q.stuckAt {
		q.stuckAt, q.stuck = sum, 0
	}
	q.stuck++
}

// stuckBy says what q's first block waits for; nil: not for other blocks.
func (g *gate) stuckBy(q *queue) *Stuck {
	if q.len() == 0 || q.hold != holdDeps {
		return nil
	}
	b := q.blocks[q.head]
	s := &Stuck{Blocks: q.len(), Bytes: q.bytes, After: b.Prev, Last: b.Last}
	for _, e := range b.Deps {
		if e.Replica != g.self && e.Time > g.applied.Get(e.Replica) {
			s.Missing = append(s.Missing, Missing{e.Replica, g.Tail(e.Replica), e.Time})
		}
	}
	return s
}

// Drop forgets the blocks held of replica r, as if they had not come, and
// returns them.
func (g *gate) Drop(r crdt.ReplicaID) (dropped []held) {
	q := g.queue(r)
	dropped = q.drop()
	q.tail, q.hold, q.stuck, q.waited = g.applied.Get(r), holdNone, 0, 0
	return dropped
}

// watchStuck raises the alarm when blocks have been held for long without coming
// closer to being applied, and takes it back when the first of them is applied.
func (p *pump) watchStuck() {
	limit := int(p.r.opts.Timing.HeldAlarm / p.period())
	for _, q := range p.gate.queues {
		l, late := p.r.link(q.replica), q.hold == holdDeps && q.stuck >= limit
		if late && p.forsaken(l) {
			p.dropStuck(q)
			late = false
		}
		if l != nil {
			p.watchStuckOf(q, l, late)
		}
	}
}

func (p *pump) watchStuckOf(q *queue, l *link, late bool) {
	before := l.stuck.Load()
	same := before != nil && q.len() > 0 && q.hold == holdDeps && q.blocks[q.head].Last == before.Last
	switch {
	case same && q.stuck == 1: // some of it came
		s := p.gate.stuckBy(q)
		s.Since = before.Since
		l.stuck.Store(s)
	case before == nil && late && !p.r.Transfer().Active: // a transfer brings what is missing, or shows its own error
		s := p.gate.stuckBy(q)
		s.Since = p.r.opts.Mono() - int64(p.r.opts.Timing.HeldAlarm)
		l.stuck.Store(s)
		p.r.quiet.error("blocks of a peer are held", q.replica, fmt.Errorf("region %s: %w: %v", l.region(), errStuck, s))
	case before != nil && !same:
		l.stuck.Store(nil)
		p.r.quiet.to.Info("blocks of a peer that were held for want of others go on", "peer", q.replica, "region", l.region())
	}
}

// forsaken reports whether the blocks behind l, if it is of a former member, are
// of no use: whoever could have what they depend on is heard. They are on no
// disk, or those who have them could send the rest, too; what was acknowledged
// is not among them.
func (p *pump) forsaken(of *link) bool {
	if !p.r.configured.Load() || of != nil && of.isMember() {
		return false
	}
	for _, l := range p.r.allLinks() {
		if st, _ := l.said(); l.isMember() && st != StateConnected {
			return false
		}
	}
	return true
}

func (l *link) isMember() bool {
	_, ok := l.currentMember()
	return ok
}

// dropStuck gives up what is held of a former member.
func (p *pump) dropStuck(q *queue) {
	p.r.quiet.warn("blocks of a former member are given up", q.replica, fmt.Errorf("%w: %v", errStuck, p.gate.stuckBy(q)))
	for _, h := range p.gate.Drop(q.replica) {
		h.giveRoom()
	}
	if l := p.r.link(q.replica); l != nil {
		l.tail.Store(uint64(q.tail))
	}
}

// period is the time between two ticks of the gate.
func (p *pump) period() time.Duration {
	return max(p.r.opts.Timing.FetchDelay/ticksOfPatience, time.Millisecond)
}
