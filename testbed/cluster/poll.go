package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type permanent struct{ error }

// Permanent marks an error that polling again cannot mend.
func Permanent(err error) error { return permanent{err} }

// Poll calls f until it returns nil, with pauses in between, and gives up
// with f's last error when the context ends or the error is Permanent.
func Poll(ctx context.Context, pause time.Duration, f func() error) error {
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		err := f()
		var p permanent
		switch {
		case err == nil:
			return nil
		case errors.As(err, &p):
			return p.error
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (gave up: %v)", err, context.Cause(ctx))
		}
	}
}
