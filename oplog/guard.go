package oplog

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guard stands between Pebble and the disk, because Pebble answers a failed
// write of its log with a fatal error or a panic under its locks, and a failed
// flush with an endless busy retry.
//
// So Pebble never sees a write fail once the log is open (before, one that fails ends
// the opening, see there):
//
//   - No space, or no file descriptor: the write waits and is tried again until there is one. Writes
//     queue up behind it, Admit refuses, reads go on; nothing is lost.
//   - Anything else, and every failed sync (what a failed fsync has dropped a
//     second one does not bring back): the log fails, this and all later writes
//     are parked for good. Reads go on. Close abandons the store.
//
// A failed read fails the log too, since a store that cannot read cannot
// compact, but the error is returned, after a pause.
type guard struct {
	vfs.FS
	opened  atomic.Bool // before, errors are returned to Open
	fenced  atomic.Bool // failed: nothing reaches the disk any more
	onFail  func(error) // must set fenced before it returns
	onStall func(error) // waiting for what the error says began; nil: it ended
	after   func(time.Duration) <-chan time.Time
	running atomic.Int64 // writes at the disk right now
	left    atomic.Bool  // the directory is released when there are none
	lock    *dirLock     // of the directory

	stall struct {
		sync.Mutex
		waiting int
		why     error         // the first error that one of them met
		wait    chan struct{} // closed while waiting > 0
	}
}

const stallRetry = 100 * time.Millisecond

func newGuard(fs vfs.FS, after func(time.Duration) <-chan time.Time) *guard {
	g := &guard{FS: fs, after: after}
	g.stall.wait = make(chan struct{})
	return g
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// dirLock is the lock of the directory, released once, whoever is the first to.
type dirLock struct {
	release func() error
}

func (d *dirLock) Close() error { return d.release() }

// Lock implements vfs.FS. Pebble locks nothing but the directory.
func (g *guard) Lock(name string) (io.Closer, error) {
	c, err := g.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	g.lock = &dirLock{sync.OnceValue(c.Close)}
	return g.lock, nil
}

// park never returns: Pebble must not see the error.
func park() { select {} }

// do runs a write that may be repeated.
func (g *guard) do(write func() error) error {
	err := g.once(write)
	if err == nil || !g.opened.Load() {
		return err
	}
	if exhausted(err) {
		g.stalled(1, err)
		for exhausted(err) {
			<-g.after(stallRetry)
			err = g.once(write)
		}
		g.stalled(-1, nil)
	}
	return g.judge(err)
}

// once runs a write, unless the fence is up.
func (g *guard) once(write func() error) error {
	g.running.Add(1)
	if g.fenced.Load() && g.opened.Load() {
		g.ended()
		park()
	}
	err := write()
	g.ended()
	return err
}

// ended says that a write is not at the disk any more.
func (g *guard) ended() {
	if g.running.Add(-1) == 0 && g.left.Load() {
		g.lock.Close()
	}
}

// leave releases the directory, which is fenced, as soon as no write is at the disk, which
// could hit files of a later Open.
func (g *guard) leave() {
	g.left.Store(true)
	if g.running.Load() == 0 {
		g.lock.Close() // Pebble may hold it still, or not any more
	}
}

// judge parks the caller on an error that must not be seen. That a file is
// missing is one: somebody has removed the directory.
func (g *guard) judge(err error) error {
	if err == nil || !g.opened.Load() || errors.Is(err, fs.ErrExist) {
		return err
	}
	g.onFail(err)
	park()
	return nil
}

func (g *guard) stalled(d int, why error) {
	g.stall.Lock()
	before := g.stall.waiting
	g.stall.waiting += d
	now := g.stall.waiting
	if before == 0 && now > 0 {
		g.stall.why = why
		close(g.stall.wait)
	} else if before > 0 && now == 0 {
		g.stall.wait = make(chan struct{})
	}
	g.stall.Unlock()
	if (before == 0) != (now == 0) {
		g.onStall(why)
	}
}

// stalledBy returns what writes wait for, or waited for last.
func (g *guard) stalledBy() error {
	g.stall.Lock()
	defer g.stall.Unlock()
	return g.stall.why
}

// stalling returns a channel that is closed once a write waits for space.
func (g *guard) stalling() <-chan struct{} {
	g.stall.Lock()
	defer g.stall.Unlock()
	return g.stall.wait
}

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// exhausted reports whether an error is of something that may come back.
func exhausted(err error) bool {
	return noSpace(err) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func (g *guard) file(open func() (vfs.File, error)) (f vfs.File, err error) {
	err = g.do(func() error {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: f, g: g}, nil
}

// Create implements vfs.FS.
func (g *guard) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := g.settleMarker(name); err != nil {
		return nil, err
	}
	return g.file(func() (vfs.File, error) { return g.FS.Create(name, c) })
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return g.file(func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, opts...) })
}

// ReuseForWrite implements vfs.FS. It is a rename and an open: where the open found
// no file descriptor, the old name is gone when it is tried again.
func (g *guard) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	again := false
	return g.file(func() (vfs.File, error) {
		f, err := g.FS.ReuseForWrite(oldname, newname, c)
		if again && errors.Is(err, fs.ErrNotExist) {
			if _, missing := g.FS.Stat(newname); missing == nil {
				f, err = g.FS.OpenReadWrite(newname, c)
			}
		}
		again = true
		return f, err
	})
}

// Open implements vfs.FS.
func (g *guard) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := g.FS.Open(name, opts...)
	if err != nil {
		return nil, g.readError(err)
	}
	return &guardedFile{File: f, g: g, read: true, name: name}, nil
}

// OpenDir implements vfs.FS.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, g.readError(err)
	}
	return &guardedFile{File: f, g: g, read: true}, nil
}

// Link implements vfs.FS.
func (g *guard) Link(oldname, newname string) error {
	return g.do(func() error { return g.FS.Link(oldname, newname) })
}

// Rename implements vfs.FS.
func (g *guard) Rename(oldname, newname string) error {
	return g.do(func() error { return g.FS.Rename(oldname, newname) })
}

// Remove implements vfs.FS. A file that cannot be removed costs only space.
func (g *guard) Remove(name string) error {
	if err := g.settleMarker(name); err != nil {
		return err
	}
	return g.once(func() error { return g.FS.Remove(name) })
}

// settleMarker makes durable what the directory was told before a marker comes or goes. In
// a marker's name Pebble says which manifest counts; it syncs the directory afterwards
// only. A power failure before that may keep the marker and not the manifest, or
// neither the old marker nor the new one, and then the store looks empty.
func (g *guard) settleMarker(name string) error {
	if !strings.HasPrefix(g.PathBase(name), "marker.") {
		return nil
	}
	dir, err := g.file(func() (vfs.File, error) { return g.FS.OpenDir(g.PathDir(name)) })
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// RemoveAll implements vfs.FS.
func (g *guard) RemoveAll(name string) error {
	return g.once(func() error { return g.FS.RemoveAll(name) })
}

// MkdirAll implements vfs.FS.
func (g *guard) MkdirAll(dir string, perm os.FileMode) error {
	return g.do(func() error { return g.FS.MkdirAll(dir, perm) })
}

// GetDiskUsage implements vfs.FS. Pebble goes on without it, but reports it as it does a
// flush that failed.
func (g *guard) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	u, err := g.FS.GetDiskUsage(path)
	if err != nil {
		err = vfs.ErrUnsupported
	}
	return u, err
}

// readError fails the log on an error of the disk or damage, not on a missing file. It
// takes its time: some of what Pebble reads in the background it reads again at
// once, and for ever.
func (g *guard) readError(err error) error {
	if err != nil && (errors.Is(err, syscall.EIO) || errors.Is(err, ErrCorrupt)) && g.opened.Load() {
		g.onFail(err)
		<-g.after(stallRetry)
	}
	return err
}

// guardedFile guards one file.
type guardedFile struct {
	vfs.File
	g    *guard
	read bool   // nothing is written to it
	name string // if read
}

// Write implements vfs.File. What a full disk has already taken is not
// written again.
func (f *guardedFile) Write(p []byte) (int, error) {
	done := 0
	err := f.g.do(func() error {
		n, err := f.File.Write(p[done:])
		done += max(n, 0)
		return err
	})
	return done, err
}

// WriteAt implements vfs.File.
func (f *guardedFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.g.do(func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

// Preallocate implements vfs.File. It is only a hint.
func (f *guardedFile) Preallocate(off, n int64) error {
	if err := f.g.once(func() error { return f.File.Preallocate(off, n) }); !f.g.opened.Load() {
		return err
	}
	return nil
}

// Sync implements vfs.File.
func (f *guardedFile) Sync() error { return f.g.judge(f.g.once(f.File.Sync)) }

// SyncData implements vfs.File.
func (f *guardedFile) SyncData() error { return f.g.judge(f.g.once(f.File.SyncData)) }

// SyncTo implements vfs.File.
func (f *guardedFile) SyncTo(n int64) (full bool, err error) {
	err = f.g.judge(f.g.once(func() error {
		full, err = f.File.SyncTo(n)
		return err
	}))
	return full, err
}

// Close implements vfs.File. Reads go on when the log has failed, and end.
func (f *guardedFile) Close() error {
	if f.read {
		return f.File.Close()
	}
	return f.g.judge(f.g.once(f.File.Close))
}

// Read implements vfs.File.
func (f *guardedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, f.g.readError(err)
}

// ReadAt implements vfs.File.
func (f *guardedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if err == nil {
		err = checkBlock(f.name, p, off)
	}
	return n, f.g.readError(err)
}
