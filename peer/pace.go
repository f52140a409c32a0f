package peer

import (
	"context"
	"time"
)

// pace keeps a stream of bytes below a rate: after each portion it waits until
// the portion's time is over. What was not used is not saved up.
type pace struct {
	rate int   // bytes per second; 0: no limit
	next int64 // Mono, as all times here
}

// took notes that n bytes went and waits until more may go.
func (p *pace) took(ctx context.Context, n int, now int64) error {
	if p.rate <= 0 {
		return nil
	}
	p.next = max(p.next, now) + int64(float64(n)/float64(p.rate)*float64(time.Second))
	return sleep(ctx, time.Duration(p.next-now))
}

// sleep waits, but not longer than ctx lives.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
