package oplog

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Whoever asks how the log is does not wait while Pebble cannot write its manifest, for
// which it holds a lock: on a full disk, and for good after a failure.
func TestAsksWhileTheManifestWaits(t *testing.T) {
	for _, errno := range []error{syscall.ENOSPC, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) {
			var on atomic.Bool
			waits := make(chan struct{})
			begins := sync.OnceFunc(func() { close(waits) })
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if on.Load() && op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "MANIFEST") {
					begins()
					return &pathError{errno}
				}
				return nil
			}))
			o := testOptions(fs, 1)
			o.After = within(time.Second)
			l := mustOpen(t, o)
			writeOps(t, l, 5)
			on.Store(true)
			go l.store.db.Flush()
			<-waits
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				if s := l.Stats(); s.Ops != 5 || l.DiskBytes() == 0 {
					t.Error(s, l.DiskBytes())
				}
				if err := l.Replay(nil, func(*Block) error { return nil }); err != nil {
					t.Error(err)
				}
				if err := l.EachState(nil, nil, func(_, _ []byte) error { return nil }); err != nil {
					t.Error(err)
				}
			}()
			select {
			case <-asked:
			case <-time.After(10 * time.Second):
				t.Error("it waits for the manifest")
			}
			if err := l.Close(); err == nil {
				t.Error("it was closed")
			}
		})
	}
}
