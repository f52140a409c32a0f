package resp

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The thread of a loop keeps its policy, and has the short slice and the
// niceness where the system knows of such things and allows them.
func TestFavoured(t *testing.T) {
	done := make(chan struct{})
	go func() { // its thread ends with it
		defer close(done)
		before, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Errorf("sched_getattr: %v", err)
			return
		}
		loop := favoured()
		now := func() *unix.SchedAttr {
			a, err := unix.SchedGetAttr(0, 0)
			if err != nil || a.Policy != before.Policy {
				t.Errorf("before %+v, now %+v, %v", before, a, err)
				return before
			}
			return a
		}
		if a := now(); a.Nice != before.Nice || a.Runtime != before.Runtime && a.Runtime != loopSlice {
			t.Errorf("before %+v, favoured %+v", before, a)
		}
		loop.nice(-3)
		allowed := unix.Setpriority(unix.PRIO_PROCESS, 0, int(max(-20, before.Nice-3))) == nil
		if a := now(); allowed && a.Nice != max(-20, before.Nice-3) || !allowed && a.Nice != before.Nice {
			t.Errorf("niceness %d, it was %d, lower is allowed: %v", a.Nice, before.Nice, allowed)
		}
		loop.nice(0)
		if a := now(); a.Nice != before.Nice {
			t.Errorf("niceness %d in the end, it was %d", a.Nice, before.Nice)
		}
	}()
	<-done
}
