package oplog

import (
	"errors"
	"fmt"
	"time"

	"crdb/crdt"
)

// Reasons to refuse writes: bits of Log.refusing. Admit is on the path of
// every write, so the healthy case is one atomic load.
const (
	refuseClock uint32 = 1 << iota
	refuseBacklog
	refuseSpace // free space below the reserve
	refuseStall // a write waits for space
	refuseFailed
	refuseClosed
	refuseForbidden // by Forbid
)

func (l *Log) refuse(bit uint32) {
	if l.refusing.Load()&bit == 0 {
		l.refusing.Or(bit)
	}
}

func (l *Log) allow(bit uint32) {
	if l.refusing.Load()&bit != 0 {
		l.refusing.And(^bit)
	}
}

// Forbid makes Admit refuse with ErrForbidden and why, until it is called with
// nil. What was admitted before may still be appended: its caller asks Admit under the
// lock of a key, and holds that until it is.
func (l *Log) Forbid(why error) {
	if why == nil {
		l.allow(refuseForbidden)
		return
	}
	why = fmt.Errorf("%w: %w", ErrForbidden, why)
	l.forbidden.Store(&why)
	l.refuse(refuseForbidden)
}

// Forbidden returns why Forbid lets nobody write, nil if it does.
func (l *Log) Forbidden() error {
	if l.refusing.Load()&refuseForbidden == 0 {
		return nil
	}
	return *l.forbidden.Load()
}

// Admit is asked before a client's write, with the wall clock in unix
// milliseconds. It returns nil, or why the write must be refused now:
// ErrClosed, ErrFailed, ErrForbidden, ErrDiskFull, ErrClock, ErrBacklog.
func (l *Log) Admit(wall int64) error {
	if ahead := crdt.Timestamp(l.newest.Load()).Millis() - wall; ahead > l.maxDrift && ahead > l.drift(wall) {
		l.refuse(refuseClock)
	}
	r := l.refusing.Load()
	if r == 0 {
		return nil
	}
	return l.whyRefused(r)
}

// Refusal is why a write that was admitted once must not be made, of what Admit says
// now: a log that is only behind takes it.
func Refusal(admit error) error {
	if errors.Is(admit, ErrBacklog) {
		return nil
	}
	return admit
}

func (l *Log) whyRefused(r uint32) error {
	switch {
	case r&refuseClosed != 0:
		return ErrClosed
	case r&refuseFailed != 0:
		return l.failure()
	case r&refuseForbidden != 0:
		return *l.forbidden.Load()
	case r&refuseStall != 0:
		return l.full()
	case r&refuseSpace != 0:
		return fmt.Errorf("%w: %s has less than %d bytes free", ErrDiskFull, l.opts.Dir, l.opts.DiskReserve)
	case r&refuseClock != 0:
		if err := l.checkClock(); err != nil {
			return err
		}
	}
	if r&refuseBacklog != 0 {
		l.Hurry()
		return ErrBacklog
	}
	return nil
}

// checkClock decides H1 anew: the wall clock may have caught up.
func (l *Log) checkClock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	wall := l.opts.Wall()
	ahead, allowed := l.mu.clock.Millis()-wall, l.drift(wall)
	if ahead > allowed {
		l.refuse(refuseClock)
		return fmt.Errorf("%w: the wall clock is %v behind the last timestamp seen, at most %v is allowed; writes are refused until it catches up",
			ErrClock, time.Duration(ahead)*time.Millisecond, time.Duration(allowed)*time.Millisecond)
	}
	l.allow(refuseClock)
	return nil
}

// ClockAhead reports whether t is more than MaxClockDrift ahead of the wall
// clock: a block stamped so must be held until time catches up (H1).
func (l *Log) ClockAhead(t crdt.Timestamp) bool {
	wall := l.opts.Wall()
	return t.Millis()-wall > l.drift(wall)
}
