package peer

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"crdb/crdt"
)

// Catching up takes all the time there is: reading, packing and applying a
// million ops keeps a processor busy for seconds, at both sides. Go's scheduler
// and the system's know nothing of what is urgent, so a command may find every
// processor taken, and then it waits for the end of a time slice: 4 ms of the
// system, 10 ms of Go.
//
// A thread with a low priority is no way out. The thread that holds a lock, or
// that the garbage collector waits for, would be the one that does not get to
// run, and everybody would wait for it.
//
// So such work is done in short steps while clients are served. Between two the
// goroutine yields, and when it has worked for easeEvery it sleeps for about as
// long as it has worked.
//
// On a machine that is too busy for that, pauses get shorter, so that easeFloor
// is reached if it can be. They do not end: where processors are short, clients
// need some of them most.
//
// Only what is old is eased: fresh blocks pass at once. And falling behind for
// good is worse than a slow command, so a stream whose backlog grows is not
// eased for a while.

const (
	// easeEvery is how much work is done between two pauses.
	easeEvery = 500 * time.Microsecond
	// easeMost bounds one pause: work that was itself interrupted looks long.
	easeMost = 5 * time.Millisecond
	// easeFloor is the speed of catching up, in ops a second, below which pauses
	// are an easeLeast-th as long, and easeShort by how much it is remembered that
	// it was missed or surpassed.
	easeFloor = 220_000
	easeLeast = 4
	easeShort = 50 * time.Millisecond
	// easeServed is how long after their last command clients count as served.
	easeServed = 100 * time.Millisecond
	// easeOld is the age from which a block is one that was missed, not one that
	// is under way, in milliseconds.
	easeOld = 1000
	// easeRush is for how long a growing backlog ends easing.
	easeRush = 5 * time.Second
	// easeSlack is what a backlog may grow by, in bytes, between two heartbeats.
	easeSlack = 256 << 10
)

// easing makes one goroutine's work leave room for clients. The zero one does
// nothing.
type easing struct {
	r     *Replicator
	rush  *atomic.Int64 // Mono until which nothing is eased
	began int64         // Mono
	debt  time.Duration // work not yet followed by a pause
	due   int64         // Mono at which easeFloor would have done as much

	seen   uint64 // what Served said last
	seenAt int64  // Mono, when it had risen
}

func (e *easing) on() bool { return e.r != nil }

// old reports whether a block is one of those that were missed.
func (e *easing) old(last crdt.Timestamp) bool {
	return e.on() && e.r.opts.Wall()-last.Millis() > easeOld
}

// begin marks the beginning of a step of work.
func (e *easing) begin() {
	if e.on() {
		e.began = e.r.opts.Mono()
	}
}

// worked marks the end of a step.
func (e *easing) worked() {
	if e.on() {
		e.debt = min(e.debt+time.Duration(e.r.opts.Mono()-e.began), easeMost)
	}
}

// step ends a step and begins another, after a pause if one is due. ops is how
// many ops it was for; 0: there is no telling, and no floor. No lock is held.
func (e *easing) step(ctx context.Context, ops int) error {
	e.worked()
	if !e.serving() {
		e.debt = 0
		e.begin()
		return nil
	}
	e.r.opts.Eased()
	slept := e.r.opts.Mono()
	pause := e.pauseAt(slept, ops)
	if e.debt < easeEvery || pause <= 0 {
		if e.debt >= easeEvery {
			e.debt = 0
		}
		runtime.Gosched()
		e.begin()
		return nil
	}
	err := sleep(ctx, pause)
	e.begin()
	// A short sleep takes a millisecond: what it was too long is not lost.
	e.debt = max(min(e.debt-time.Duration(e.began-slept), 0), -easeEvery)
	return err
}

// pauseAt is how long the pause is that is due at a time of Mono, after a step
// for so many ops.
func (e *easing) pauseAt(now int64, ops int) time.Duration {
	if ops <= 0 {
		return e.debt
	}
	e.due = max(e.due, now-int64(easeShort)) + int64(ops)*int64(time.Second)/easeFloor
	e.due = min(e.due, now+int64(easeShort))
	return min(e.debt, max(time.Duration(e.due-now), e.debt/easeLeast))
}

// serving reports whether there are clients to leave room for.
func (e *easing) serving() bool {
	if !e.on() {
		return false
	}
	now := e.r.opts.Mono()
	if n := e.r.opts.Served(); n != e.seen {
		e.seen, e.seenAt = n, now
	}
	return now-e.seenAt < int64(easeServed) && now >= e.rush.Load()
}

// backlog compares what a stream is behind with what it was before, which 0
// leaves open: it begins.
func (r *Replicator) backlog(rush *atomic.Int64, before, now uint64) {
	if before != 0 && now > before+easeSlack {
		rush.Store(r.opts.Mono() + int64(easeRush))
	}
}
