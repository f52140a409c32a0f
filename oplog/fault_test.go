package oplog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/crdt"
)

// faultFS fails chosen operations while on.
type faultFS struct {
	vfs.FS
	on   atomic.Bool
	hits atomic.Int32
}

func newFaultFS(fs vfs.FS, err error, kinds ...errorfs.OpKind) *faultFS {
	f := &faultFS{}
	f.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		for _, k := range kinds {
			if op.Kind == k && f.on.Load() {
				f.hits.Add(1)
				return &pathError{err}
			}
		}
		return nil
	}))
	return f
}

type pathError struct{ err error }

func (e *pathError) Error() string { return "injected: " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

var syncs = []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}

// An I/O error of write or sync refuses writes, loses nothing durable, keeps
// reads going and never ends the process (P1).
func TestIOErrorFails(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"write":  {errorfs.OpFileWrite},
		"sync":   syncs,
		"create": {errorfs.OpCreate, errorfs.OpReuseForWrite},
	} {
		t.Run(name, func(t *testing.T) {
			mem := vfs.NewCrashableMem()
			fs := newFaultFS(mem, syscall.EIO, kinds...)
			o := testOptions(fs, 1)
			o.CacheBytes, o.MemTableBytes = 1, 256<<10
			l := mustOpen(t, o)
			writeOps(t, l, 5)
			durable := l.Durable()
			told := make(chan struct{})
			tell := sync.OnceFunc(func() { close(told) })
			l.OnDurable(func() {
				if l.Err() != nil {
					tell()
				}
			})
			fs.on.Store(true)
			for i := 0; l.Admit(l.opts.Wall()) == nil; i++ { // create fails only when Pebble changes its log
				l.Append(make([]byte, 50<<10))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if err := l.Sync(ctx); err != nil && !errors.Is(err, ErrFailed) {
					t.Fatal(err)
				}
				cancel()
				if l.Admit(l.opts.Wall()) == nil {
					durable = l.Durable()
				}
			}
			checkFailed(t, l, durable)
			select {
			case <-told:
			case <-time.After(10 * time.Second):
				t.Error("who waits for the disk is not told")
			}
			if err := l.Close(); !errors.Is(err, ErrFailed) {
				t.Fatal("close:", err)
			}
			o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
			again := open(t, o)
			if !again.Durable().Descends(durable) {
				t.Fatal("lost ops", again.Durable(), durable)
			}
		})
	}
}

func checkFailed(t *testing.T, l *Log, durable crdt.VersionVector) {
	t.Helper()
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Fatal("admit:", err)
	}
	if err := l.Receive(newRemote(2).block(nil, "x")); !errors.Is(err, ErrFailed) {
		t.Fatal("receive:", err)
	}
	if err := l.PutMeta("a", nil); !errors.Is(err, ErrFailed) {
		t.Fatal("meta:", err)
	}
	cp := l.NewCheckpoint()
	cp.Put([]byte("k"), nil)
	cp.SetVector(1, durable)
	if err := cp.Commit(); !errors.Is(err, ErrFailed) {
		t.Fatal("checkpoint:", err)
	}
	if !l.Durable().Equal(durable) {
		t.Fatal("durable moved", l.Durable(), durable)
	}
	last := crdt.Timestamp(0)
	for _, b := range readAll(t, l, 1, 0) {
		last = b.Last
	}
	if last != durable.Get(1) {
		t.Fatal("reads end at", last, "durable is", durable)
	}
	if err := l.Replay(nil, func(*Block) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// A failing reader of the store must not be caught in a panic either.
func TestFailureDuringCheckpoint(t *testing.T) {
	fs := newFaultFS(vfs.NewMem(), syscall.EIO, errorfs.OpFileWrite)
	o := testOptions(fs, 1)
	o.MemTableBytes = 256 << 10
	l := mustOpen(t, o)
	writeOps(t, l, 5)
	fs.on.Store(true)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				cp := l.NewCheckpoint()
				cp.Put(fmt.Appendf(nil, "%d", i), make([]byte, 100<<10))
				cp.SetVector(RangeID(w), nil)
				if err := cp.Commit(); err != nil {
					if !errors.Is(err, ErrFailed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	if err := l.Close(); !errors.Is(err, ErrFailed) {
		t.Fatal(err)
	}
}

// A full disk stops writes until space returns, and so does a process without a file
// descriptor left; then everything goes on and nothing is lost. Clients hear which it is.
func TestDiskFullRecovers(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		says string
	}{
		"full":           {syscall.ENOSPC, "oplog: disk full: db"},
		"no descriptors": {syscall.EMFILE, "oplog: a write waits: injected: too many open files"},
	} {
		t.Run(name, func(t *testing.T) { diskFullRecovers(t, c.err, c.says) })
	}
}

func diskFullRecovers(t *testing.T, fault error, says string) {
	fs := newFaultFS(vfs.NewMem(), fault, errorfs.OpFileWrite, errorfs.OpCreate, errorfs.OpReuseForWrite)
	o := testOptions(fs, 1)
	tick := make(chan time.Time)
	o.After = func(d time.Duration) <-chan time.Time {
		if d == stallRetry {
			return tick
		}
		return nil
	}
	l := open(t, o)
	writeOps(t, l, 5)
	fs.on.Store(true)
	d := l.Append([]byte("waits for space"))
	l.Hurry()
	<-l.store.guard.stalling()
	tick <- time.Time{} // tries again, still full
	var err error
	for !errors.Is(err, ErrDiskFull) {
		err = l.Admit(l.opts.Wall())
	}
	if err.Error() != says {
		t.Errorf("says %q", err)
	}
	if l.DurableOwn() >= d.Time {
		t.Fatal("durable on a full disk")
	}
	if n := len(readAll(t, l, 1, 0)); n == 0 {
		t.Fatal("no reads on a full disk")
	}
	fs.on.Store(false)
	go func() {
		for {
			select {
			case tick <- time.Time{}:
			case <-t.Context().Done():
				return
			}
		}
	}()
	sync_(t, l)
	if l.DurableOwn() != d.Time {
		t.Fatal(l.DurableOwn())
	}
	for l.Admit(l.opts.Wall()) != nil {
	}
	writeOps(t, l, 5)
}

// logToFill opens a log whose disk is full while fs.on is set, and whose timers up to
// wait end soon.
func logToFill(t *testing.T, wait time.Duration) (l *Log, fs *faultFS) {
	fs = newFaultFS(vfs.NewMem(), syscall.ENOSPC, errorfs.OpFileWrite)
	o := testOptions(fs, 1)
	o.After = within(wait)
	return mustOpen(t, o), fs
}

// A checkpoint does not wait for space to return: a stop waits for it.
func TestCheckpointOnFullDisk(t *testing.T) {
	l, fs := logToFill(t, 10*stallRetry)
	t.Cleanup(func() { l.Close() })
	writeOps(t, l, 5)
	fs.on.Store(true)
	d := l.Append([]byte("waits for space"))
	l.Hurry()
	<-l.store.guard.stalling()
	c := l.NewCheckpoint()
	c.Put([]byte("key"), []byte("value"))
	c.SetVector(0, crdt.VersionVector{{Replica: 1, Time: d.Time}})
	ended := make(chan error, 1)
	go func() { ended <- c.Commit() }()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for space")
	}
}

// Who tries again and again on a full disk does not leave a commit behind each time.
func TestFewCommitsWaitForSpace(t *testing.T) {
	l, fs := logToFill(t, 10*stallRetry)
	t.Cleanup(func() { l.Close() })
	fs.on.Store(true)
	l.Append([]byte("waits for space"))
	l.Hurry()
	<-l.store.guard.stalling()
	before := runtime.NumGoroutine()
	for i := range 50 {
		if err := l.PutMeta("name", []byte{byte(i)}); !errors.Is(err, ErrDiskFull) {
			t.Fatal(err)
		}
	}
	if n := runtime.NumGoroutine() - before; n > 10 {
		t.Errorf("%d goroutines more", n)
	}
	fs.on.Store(false)
	for end := time.Now().Add(10 * time.Second); ; {
		err := l.PutMeta("name", []byte("new"))
		if err == nil {
			break
		}
		if !errors.Is(err, ErrDiskFull) || time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if v, err := l.GetMeta("name"); err != nil || string(v) != "new" {
		t.Errorf("%q, %v", v, err)
	}
}

// Close on a full disk gives up what is not durable and says so.
func TestCloseOnFullDisk(t *testing.T) {
	l, fs := logToFill(t, 10*stallRetry)
	writeOps(t, l, 5)
	fs.on.Store(true)
	l.Append([]byte("lost"))
	l.Hurry()
	if err := l.Close(); !errors.Is(err, ErrDiskFull) {
		t.Fatal(err)
	}
	fs.on.Store(false)
	l, err := Open(testOptions(fs, 1))
	for end := time.Now().Add(10 * time.Second); errors.Is(err, ErrLocked) && time.Now().Before(end); { // a write may be at the disk for a moment
		l, err = Open(testOptions(fs, 1))
	}
	if err == nil {
		err = l.Close() // the directory was free again
	}
	if err != nil {
		t.Error(err)
	}
}

// within is a timer for which up to d all time passes in a millisecond, and no more ever.
func within(d time.Duration) func(time.Duration) <-chan time.Time {
	return func(x time.Duration) <-chan time.Time {
		if x > d {
			return nil
		}
		return time.After(time.Millisecond)
	}
}

// A write that waits for space when Close is called finds it if it is there.
func TestCloseWhenThereIsSpaceAgain(t *testing.T) {
	l, fs := logToFill(t, stallRetry)
	fs.on.Store(true)
	l.Append([]byte("late"))
	l.Hurry()
	<-l.store.guard.stalling()
	fs.on.Store(false)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// spaceFS says how much is free, until the directory is gone.
type spaceFS struct {
	vfs.FS
	free atomic.Uint64
	gone atomic.Bool
}

func (f *spaceFS) GetDiskUsage(dir string) (vfs.DiskUsage, error) {
	if f.gone.Load() {
		return vfs.DiskUsage{}, &os.PathError{Op: "statfs", Path: dir, Err: syscall.ENOENT}
	}
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: 1 << 40}, nil
}

func TestReserve(t *testing.T) {
	fs := &spaceFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 30)
	o := testOptions(fs, 1)
	o.DiskReserve = 1 << 20
	l := open(t, o)
	fs.free.Store(1<<20 - 1)
	l.checkSpace()
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "db has less than 1048576 bytes free") {
		t.Fatal(err)
	}
	fs.free.Store(1<<20 + 1)
	l.checkSpace()
	if l.Admit(l.opts.Wall()) == nil {
		t.Fatal("recovers only with a margin")
	}
	fs.free.Store(2 << 20)
	l.checkSpace()
	if err := l.Admit(l.opts.Wall()); err != nil {
		t.Fatal(err)
	}
}

// Files that nobody will find again take writes as before.
func TestTheDirectoryIsRemoved(t *testing.T) {
	fs := &spaceFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 30)
	o := testOptions(fs, 1)
	o.DiskReserve = 1 << 20
	l := open(t, o)
	writeOps(t, l, 5)
	fs.gone.Store(true)
	l.checkSpace()
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "db is not there any more") {
		t.Error(err)
	}
	if err := l.Replay(nil, func(*Block) error { return nil }); err != nil {
		t.Error("reads:", err)
	}
}

// Errors while opening are returned, not parked.
func TestOpenErrors(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpMkdirAll, errorfs.OpList} {
		fs := newFaultFS(vfs.NewMem(), syscall.ENOSPC, kind)
		fs.on.Store(true)
		if l, err := Open(testOptions(fs, 1)); err == nil {
			l.Close()
			if fs.hits.Load() > 0 {
				t.Errorf("%v: no error", kind)
			}
		}
	}
}

func TestCorruptBlockOnDisk(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	o.CacheBytes = 1
	l := open(t, o)
	dots := writeOps(t, l, 1)
	writeOps(t, l, 1)
	bad := bytes.Repeat([]byte{1}, 200)
	if err := l.store.db.Set(blockKey(1, dots[0].Time), bad, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(1, 0, 1000); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	if err := l.Replay(nil, func(*Block) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

func TestFatalfDoesNotExit(t *testing.T) {
	var out bytes.Buffer
	o := testOptions(vfs.NewMem(), 1)
	o.Logger = slog.New(slog.NewTextHandler(&out, nil))
	l := mustOpen(t, o)
	(&pebbleLogger{l: l}).Fatalf("bad %d", 1)
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "store: bad 1") {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "the log has failed") {
		t.Fatal(out.String())
	}
	l.Close()
}
