package oplog

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// openToFailLate opens a log of which chosen operations fail once its writer has ended:
// what is left then is what Pebble does when it is closed.
func openToFailLate(t *testing.T, fault error, kinds ...errorfs.OpKind) (l *Log, mem vfs.FS) {
	mem = vfs.NewMem()
	var opened atomic.Pointer[Log] // Pebble asks in goroutines of its own, and does so before it is there
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		for _, k := range kinds {
			if log := opened.Load(); op.Kind == k && log != nil {
				select {
				case <-log.done:
					return &pathError{fault}
				default:
				}
			}
		}
		return nil
	}))
	o := testOptions(fs, 1)
	o.After = within(10 * stallRetry)
	l = mustOpen(t, o)
	opened.Store(l)
	return l, mem
}

// A disk that fails while the store is closed is told; nobody waits for it for ever.
func TestCloseOfFailingStore(t *testing.T) {
	for name, c := range map[string]struct {
		fault error
		kinds []errorfs.OpKind
		want  error
	}{
		"write": {syscall.EIO, []errorfs.OpKind{errorfs.OpFileWrite}, ErrFailed},
		"sync":  {syscall.EIO, syncs, ErrFailed},
		"full":  {syscall.ENOSPC, []errorfs.OpKind{errorfs.OpFileWrite}, ErrDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			l, mem := openToFailLate(t, c.fault, c.kinds...)
			d := writeOps(t, l, 5)[4]
			ended := make(chan error, 1)
			go func() { ended <- l.Close() }()
			select {
			case err := <-ended:
				if !errors.Is(err, c.want) {
					t.Fatal(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("it waits for ever")
			}
			again := open(t, testOptions(mem, 1)) // the directory is free again
			if again.DurableOwn() != d.Time {
				t.Error("lost ops", again.DurableOwn(), d.Time)
			}
		})
	}
}
