package resp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// loopSlice is the time slice that an event loop asks for, in nanoseconds; the
// system's own is 1.4 ms or more.
const loopSlice = 100_000

// shortSlice ties the calling goroutine to its thread and asks the system for
// short time slices. A loop runs briefly and often: where every processor is
// busy, Linux (6.12 and later) lets a thread with a shorter slice run at once
// when it wakes, and others only when a slice ends. It gets no more time than
// before. Where that is not to be had, nothing is lost.
func shortSlice() {
	runtime.LockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return // somebody has chosen another policy
	}
	attr.Runtime = loopSlice
	_ = unix.SchedSetAttr(0, attr, 0)
}
