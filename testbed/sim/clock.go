package sim

import (
	"sync"
	"time"
)

// wallClock is the wall clock of one node: virtual time, and what a bad one
// makes of it.
type wallClock struct {
	mu struct {
		sync.Mutex
		offset time.Duration
		frozen time.Time // zero: it runs
		rate   float64   // of drift: 0 is none
		since  time.Time // of the drift
	}
}

// now returns unix milliseconds.
func (c *wallClock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked().UnixMilli()
}

func (c *wallClock) nowLocked() time.Time {
	if !c.mu.frozen.IsZero() {
		return c.mu.frozen
	}
	now := time.Now()
	if c.mu.rate != 0 {
		now = now.Add(time.Duration(c.mu.rate * float64(now.Sub(c.mu.since))))
	}
	return now.Add(c.mu.offset)
}

// set makes the clock wrong by d.
func (c *wallClock) set(d time.Duration) {
	c.mu.Lock()
	c.mu.offset = d
	c.mu.Unlock()
}

// freeze stops the clock.
func (c *wallClock) freeze() {
	c.mu.Lock()
	c.mu.frozen = c.nowLocked()
	c.mu.Unlock()
}

// drift makes the clock run fast or slow by a part of the time that passes.
func (c *wallClock) drift(rate float64) {
	c.mu.Lock()
	c.mu.offset += c.nowLocked().Sub(time.Now().Add(c.mu.offset))
	c.mu.rate, c.mu.since = rate, time.Now()
	c.mu.Unlock()
}

// mend sets the clock right.
func (c *wallClock) mend() {
	c.mu.Lock()
	c.mu.offset, c.mu.frozen, c.mu.rate = 0, time.Time{}, 0
	c.mu.Unlock()
}
