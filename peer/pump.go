package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crdb/crdt"
	"crdb/oplog"
)

// event is what the pump learns from the other goroutines. Exactly one of
// block, learn, link, fetched, jump and await is set.
type event struct {
	block  held
	stream *inStream // which brought the block; nil if it was fetched
	relay  *link     // from which it was fetched

	learn crdt.VersionVector // somebody holds this

	link crdt.ReplicaID // its link came up or went down
	up   bool

	fetched *want

	jump  *jump      // end of a state transfer
	await chan error // apply nothing before the end of the transfer; gets the answer
}

// pump owns the causal gate. It takes events, and passes the blocks that the
// gate releases to the log and to the applier, in this order (D4).
type pump struct {
	r       *Replicator
	gate    *gate
	fetch   func(want)
	ease    easing
	halted  bool
	awaits  bool // nothing is applied before the end of a state transfer
	ticker  *time.Ticker
	ticking bool
}

// ticksOfPatience is how finely the fetch delay is measured.
const ticksOfPatience = 4

func newPump(r *Replicator) *pump {
	p := &pump{r: r, fetch: r.startFetch, gate: newGate(r.opts.Self, r.opts.Log.Received(), ticksOfPatience)}
	p.awaits = r.AwaitsBase()
	p.ease = easing{r: r, rush: &r.rush}
	p.gate.own = r.opts.Log.DurableOwn
	p.gate.tooFar = r.opts.Log.ClockAhead
	return p
}

// post hands an event to the pump. It reports false when the stream or the
// Replicator ends first.
func (r *Replicator) post(ctx context.Context, e event) bool {
	select {
	case r.events <- e:
		return true
	case <-ctx.Done():
		return false
	case <-r.ctx.Done():
		return false
	}
}

func (p *pump) run() {
	p.ticker = time.NewTicker(p.period())
	p.ticking = true
	defer p.ticker.Stop()
	for {
		select {
		case <-p.r.ctx.Done():
			return
		case e := <-p.r.events:
			p.step(e)
			p.drain()
		case <-p.ticker.C:
			p.gate.Tick()
		}
		p.flush()
		p.adjustTicker()
	}
}

// drain takes what else is there, so that the gate sees it together.
func (p *pump) drain() {
	for range cap(p.r.events) {
		select {
		case e := <-p.r.events:
			p.step(e)
		default:
			return
		}
	}
}

func (p *pump) adjustTicker() {
	busy := p.gate.Busy()
	if busy == p.ticking {
		return
	}
	p.ticking = busy
	if busy {
		p.ticker.Reset(p.period())
	} else {
		p.ticker.Stop()
	}
}

func (p *pump) step(e event) {
	switch {
	case e.block.Block != nil:
		p.stepBlock(e)
	case e.learn != nil:
		p.gate.Learn(e.learn)
	case e.link != 0:
		p.gate.LinkState(e.link, e.up)
	case e.fetched != nil:
		p.gate.FetchDone(e.fetched.replica, e.fetched.after)
	case e.jump != nil:
		p.jump(e.jump)
	case e.await != nil:
		e.await <- p.await()
	}
}

func (p *pump) stepBlock(e event) {
	err := p.gate.Step(e.block)
	if err == nil {
		if l := p.r.link(e.block.Replica); l != nil {
			l.tail.Store(uint64(e.block.Last))
		}
		return
	}
	e.block.giveRoom()
	p.r.lostLog(e.block.Replica, err)
	switch {
	case errors.Is(err, errDuplicate):
	case e.stream != nil:
		e.stream.fail(err)
	case errors.Is(err, errGap): // of order the relay is the cause, of the rest the author
		e.relay.dropIn(fmt.Errorf("a block fetched here was refused: %w", err))
	default:
		p.r.quiet.error("a block fetched from a peer was refused", e.relay.replica, err)
	}
}

// giveRoom returns the room the block has taken.
func (h held) giveRoom() {
	if h.room != nil {
		h.room.give(len(h.Bytes()))
	}
}

// flush does what the gate says. Nothing new is released before all that was
// released is applied, or given back.
func (p *pump) flush() {
	for !p.halted && !p.awaits {
		rd := p.gate.Ready()
		p.watchClocks()
		p.watchStuck()
		for _, w := range rd.wants {
			p.fetch(w)
		}
		if len(rd.blocks) == 0 {
			return
		}
		n := 0
		for n < len(rd.blocks) && p.apply(rd.blocks[n]) {
			n++
		}
		// What comes behind one that was not applied may depend on it, the rest comes
		// again at once.
		p.gate.Back(rd.blocks[n:])
		clear(rd.blocks)
	}
}

// watchClocks raises the alarm when blocks are held because they are stamped
// too far ahead (H1), and takes it back.
func (p *pump) watchClocks() {
	for _, q := range p.gate.queues {
		l := p.r.link(q.replica)
		if l == nil {
			continue
		}
		first := crdt.Timestamp(0)
		if q.hold == holdClock {
			first = q.blocks[q.head].Last
		}
		before := crdt.Timestamp(l.heldByClock.Swap(uint64(first)))
		switch {
		case first != 0 && before == 0:
			p.r.quiet.error("blocks of a peer are held: they are stamped too far ahead", q.replica,
				fmt.Errorf("region %s: %v is %d ms ahead of the wall clock", l.region(), first, first.Millis()-p.r.opts.Wall()))
		case first == 0 && before != 0:
			p.r.quiet.to.Info("blocks of a peer that were stamped too far ahead are applied", "peer", q.replica, "region", l.region())
		}
	}
}

// apply logs and applies one block. False: it was not applied, and goes back to the
// gate, which holds it.
func (p *pump) apply(h held) bool {
	if c, ok := p.r.opts.Apply.(Checker); ok {
		if err := c.Check(h.Block); err != nil {
			return p.poison(h, err)
		}
	}
	l := p.r.link(h.Replica)
	if l != nil {
		raise(&l.received, uint64(h.Last)) // before the log has it, whose commit may come at once: see link.durable
	}
	err := p.r.opts.Log.Receive(h.Block)
	switch {
	case errors.Is(err, oplog.ErrClock): // the wall clock was set back since the gate looked
		return false
	case errors.Is(err, oplog.ErrClosed), errors.Is(err, oplog.ErrFailed):
		p.halt(err)
		return false
	}
	if err == nil {
		err = p.applyBlock(h.Block)
	}
	if err != nil && !errors.Is(err, oplog.ErrDuplicate) {
		return p.poison(h, err)
	}
	h.giveRoom()
	if l != nil {
		l.noteApplied(h.Block)
	}
	return true
}

// applyBlock applies a block, in steps if it is one that was missed.
func (p *pump) applyBlock(b *oplog.Block) error {
	s, ok := p.r.opts.Apply.(Stepper)
	if !ok || !p.ease.old(b.Last) || !p.ease.serving() {
		return p.r.opts.Apply.Apply(b)
	}
	p.ease.begin()
	return s.ApplySteps(b, func(ops int) { _ = p.ease.step(p.r.ctx, ops) }) // the end of ctx shows in run
}

// poison ends the application of blocks of one replica (P1), of which one could not be
// applied. Others go on, as far as they do not depend on it. It reports false, for apply.
func (p *pump) poison(h held, err error) bool {
	err = fmt.Errorf("%w: (%v, %v] of replica %d: %w", errPoisoned, h.Prev, h.Last, h.Replica, err)
	p.gate.Poison(h.Replica)
	p.r.quiet.error("a block could not be applied; its replica is stopped", h.Replica, err)
	if l := p.r.link(h.Replica); l != nil {
		l.giveUp(err)
	}
	return false
}

// halt ends all application: the log takes nothing any more. That is an error
// unless it is about to be closed.
func (p *pump) halt(err error) {
	p.halted = true
	if !errors.Is(err, oplog.ErrClosed) {
		p.r.quiet.error("replication is stopped: the log takes no blocks", p.r.opts.Self, err)
	}
	for _, l := range p.r.allLinks() {
		l.giveUp(err)
	}
}
