package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// testClock is a clock that is ahead of the machine's, or behind it, by what a
// file says, in milliseconds: several nodes of one machine can so have clocks of
// their own. It exists for tests (--test-clock).
type testClock struct {
	file  string
	ahead atomic.Int64 // nanoseconds
	next  atomic.Int64 // when to look at the file again, by mono
}

// clockEvery is how often the file is read.
const clockEvery = 50 * time.Millisecond

// now reads the clock. Whoever comes when it is time looks at the file; what
// cannot be read changes nothing.
func (c *testClock) now() time.Time {
	if at, due := mono(), c.next.Load(); at >= due && c.next.CompareAndSwap(due, at+int64(clockEvery)) {
		if b, err := os.ReadFile(c.file); err == nil {
			if ms, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
				c.ahead.Store(int64(time.Duration(ms) * time.Millisecond))
			}
		}
	}
	return time.Now().Add(time.Duration(c.ahead.Load()))
}
