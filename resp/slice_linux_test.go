package resp

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The thread of a loop keeps its policy and its niceness, and has the short
// slice where the system knows of such things.
func TestShortSlice(t *testing.T) {
	done := make(chan struct{})
	go func() { // its thread ends with it
		defer close(done)
		before, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Errorf("sched_getattr: %v", err)
			return
		}
		shortSlice()
		after, err := unix.SchedGetAttr(0, 0)
		if err != nil || after.Policy != before.Policy || after.Nice != before.Nice {
			t.Errorf("before %+v, after %+v, %v", before, after, err)
		}
		if r := after.Runtime; r != before.Runtime && r != loopSlice {
			t.Errorf("a slice of %d ns", r)
		}
	}()
	<-done
}
