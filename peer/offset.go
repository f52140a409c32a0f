package peer

import (
	"sync"
	"time"
)

// offsetEstimate estimates how far a peer's wall clock is ahead of this one,
// as NTP does: of the last few exchanges, the one with the shortest way is the
// most exact.
type offsetEstimate struct {
	mu struct {
		sync.Mutex
		samples [8]offsetSample
		n       int
	}
}

type offsetSample struct{ offset, rtt int64 } // milliseconds

// add notes an exchange: sent and received are readings of this clock, remote
// is the peer's clock when it answered, held how long it had waited with that.
func (o *offsetEstimate) add(sent, received, remote, held int64) {
	rtt := received - sent - held
	if rtt < 0 { // a clock was set
		return
	}
	o.mu.Lock()
	o.mu.samples[o.mu.n%len(o.mu.samples)] = offsetSample{remote + rtt/2 - received, rtt}
	o.mu.n++
	o.mu.Unlock()
}

// get returns the estimate and the round trip it is based on. ok is false if
// there is none yet.
func (o *offsetEstimate) get() (offset, rtt time.Duration, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(o.mu.n, len(o.mu.samples))
	if n == 0 {
		return 0, 0, false
	}
	best := o.mu.samples[0]
	for _, s := range o.mu.samples[1:n] {
		if s.rtt < best.rtt {
			best = s
		}
	}
	return time.Duration(best.offset) * time.Millisecond, time.Duration(best.rtt) * time.Millisecond, true
}
