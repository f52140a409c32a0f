package oplog

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A store that cannot flush what its last run has left is not opened, and says why: Pebble
// would try again without end, and a start would neither succeed nor stop. It is opened
// when the disk has room.
func TestOpenOnADiskThatTakesNoTable(t *testing.T) {
	for name, c := range map[string]struct {
		kinds []errorfs.OpKind
		path  string
		cause error
		want  error
	}{
		"full":     {[]errorfs.OpKind{errorfs.OpFileWrite}, ".sst", syscall.ENOSPC, ErrDiskFull},
		"rights":   {[]errorfs.OpKind{errorfs.OpCreate}, ".sst", os.ErrPermission, os.ErrPermission},
		"broken":   {syncs, ".sst", syscall.EIO, syscall.EIO},
		"manifest": {[]errorfs.OpKind{errorfs.OpFileWrite}, "MANIFEST", syscall.ENOSPC, ErrDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			var on atomic.Bool
			var hits atomic.Int32
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if on.Load() && slices.Contains(c.kinds, op.Kind) && strings.Contains(op.Path, c.path) {
					hits.Add(1)
					return &pathError{c.cause}
				}
				return nil
			}))
			o := testOptions(fs, 1)
			l := mustOpen(t, o)
			writeOps(t, l, 5)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			on.Store(true)
			failed := make(chan error, 1)
			go func() {
				l, err := Open(o)
				if err == nil {
					l.Close()
				}
				failed <- err
			}()
			select {
			case err := <-failed:
				if !errors.Is(err, c.want) || hits.Load() == 0 {
					t.Errorf("%v after %d failures, want %v", err, hits.Load(), c.want)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("still opening after %d failures", hits.Load())
			}
			on.Store(false)
			l = open(t, o)
			ops := 0
			if err := l.Replay(nil, func(b *Block) error { ops += b.Ops; return nil }); err != nil || ops != 5 {
				t.Errorf("%d ops are there, want 5: %v", ops, err)
			}
		})
	}
}
