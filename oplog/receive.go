package oplog

import (
	"fmt"

	"crdb/crdt"
)

// Receive queues a block of another replica for the next commit and raises the
// clock and the deps of future own blocks. It must return before the block's
// application begins (D4). It waits while MaxReceive bytes are queued.
//
// A block already here is ErrDuplicate; one that does not continue its
// replica's log, or depends on ops never received, is ErrGap; one stamped too
// far ahead is ErrClock: hold it and come back (H1); one that there is no room for
// after Quit is ErrClosed.
func (l *Log) Receive(b *Block) error {
	if b.Replica == l.self {
		return fmt.Errorf("%w: a block of replica %d, which is this one", ErrForeign, b.Replica)
	}
	m := &l.mu
	m.Lock()
	err := l.roomLocked(len(b.data))
	if err == nil {
		err = l.receiveLocked(b)
	}
	m.Unlock()
	if err == nil {
		l.kick()
	}
	return err
}

// roomLocked waits until so many bytes fit what is received and not on disk (B1).
func (l *Log) roomLocked(size int) error {
	m := &l.mu
	for m.queued > 0 && m.queued+size > l.opts.MaxReceive {
		if err := l.stopped(); err != nil {
			return err
		}
		if l.quitting.Load() {
			return ErrClosed
		}
		l.Hurry()
		m.room.Wait()
	}
	return nil
}

// Quit is called before those who call Receive and ReceiveImage are stopped, and
// Close after that: nobody waits for room any more, which on a full disk may never
// come, and what there is none for is not taken.
func (l *Log) Quit() {
	l.quitting.Store(true)
	l.wakeAll()
}

func (l *Log) receiveLocked(b *Block) error {
	m := &l.mu
	if err := l.stopped(); err != nil {
		return err
	}
	at := m.received.Get(b.Replica)
	switch {
	case b.Last <= at:
		return ErrDuplicate
	case b.Prev != at:
		return fmt.Errorf("%w: replica %d is here up to %v, the block comes after %v", ErrGap, b.Replica, at, b.Prev)
	case l.ClockAhead(b.Last):
		return fmt.Errorf("%w: replica %d's block of %v is ahead of this wall clock", ErrClock, b.Replica, b.Last)
	}
	for _, e := range b.Deps {
		here := m.received.Get(e.Replica)
		if e.Replica == l.self {
			here = l.issuedLocked().Time
		}
		if here < e.Time {
			return fmt.Errorf("%w: it depends on replica %d up to %v, here is %v", ErrGap, e.Replica, e.Time, here)
		}
	}
	m.received.Set(b.Replica, b.Last)
	m.clock = max(m.clock, b.Last)
	l.newest.Store(uint64(m.clock))
	m.queue = append(m.queue, b)
	m.queued += len(b.data)
	return nil
}

// Received returns, per other replica, the last dot given to Receive, in this
// run or an earlier one.
func (l *Log) Received() crdt.VersionVector {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.received.Clone()
}

// stopped returns why nothing can be committed any more, or nil.
func (l *Log) stopped() error {
	if r := l.refusing.Load() & (refuseClosed | refuseFailed); r != 0 {
		return l.whyRefused(r)
	}
	return nil
}
