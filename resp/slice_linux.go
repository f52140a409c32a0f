package resp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// loopSlice is the time slice that an event loop asks for, in nanoseconds; the
// system's own is 1.4 ms or more.
const loopSlice = 100_000

// A loopThread is the thread of an event loop; only its goroutine uses it.
type loopThread struct {
	attr  *unix.SchedAttr // nil: the system does not tell, or somebody has chosen another policy
	usual int32           // niceness
}

// favoured ties the calling goroutine to its thread and asks the system for
// short time slices. A loop runs briefly and often: where every processor is
// busy, Linux (6.12 and later) lets a thread with a shorter slice run at once
// when it wakes, and others only when a slice ends. It gets no more time than
// before. Where that is not to be had, nothing is lost.
func favoured() *loopThread {
	runtime.LockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return &loopThread{}
	}
	t := &loopThread{attr: attr, usual: attr.Nice}
	attr.Runtime = loopSlice
	_ = unix.SchedSetAttr(0, attr, 0)
	return t
}

// nice makes the niceness what it usually is and more, or less, if it is not yet.
// A loop that wakes twice in a moment has had its share of a processor and waits
// until the system's next look, some milliseconds, although its slice is short;
// with more weight its share is larger. Less than usual takes a privilege (root,
// CAP_SYS_NICE, RLIMIT_NICE); a refusal is not asked for again and again.
func (t *loopThread) nice(more int) {
	want := min(max(-20, t.usual+int32(more)), 19)
	if t.attr == nil || want == t.attr.Nice {
		return
	}
	t.attr.Nice = want
	_ = unix.SchedSetAttr(0, t.attr, 0)
}
