package sim

import (
	"math/rand/v2"
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Disk is the disk of one node: a file system in memory that knows what was
// synced, and fails as it is told.
type Disk struct {
	vfs.FS
	mem *vfs.MemFS

	mu struct {
		sync.Mutex
		room   room
		broken bool   // every access to the medium fails
		lying  bool   // syncs do nothing: what no disk may do, for tests of the checkers
		syncs  int    // to go until onSync
		before bool   // call it before the sync, else behind it
		onSync func() // nil: none
	}
}

// room is what a disk still takes.
type room int

const (
	roomForAll   room = iota
	roomForNames      // files are made, but not written: many file systems have something left for that
	noRoom
)

// freeBytes is what an empty simulated disk has.
const freeBytes = 1 << 40

// NewDisk returns an empty disk.
func NewDisk() *Disk { return newDisk(vfs.NewCrashableMem()) }

func newDisk(mem *vfs.MemFS) *Disk {
	d := &Disk{FS: mem, mem: mem}
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: freeBytes, TotalBytes: 2 * freeBytes, UsedBytes: freeBytes})
	return d
}

// AfterCrash returns the disk as a power cut at this moment would leave it,
// with each unsynced block kept with a chance of percent. It is a disk of its own, and
// its faults are gone.
func (d *Disk) AfterCrash(percent int, rng *rand.Rand) *Disk {
	after := newDisk(d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
	d.mu.Lock()
	after.mu.lying = d.mu.lying
	d.mu.Unlock()
	return after
}

// SetRoom says what the disk takes from now on.
func (d *Disk) SetRoom(r room) {
	d.mu.Lock()
	d.mu.room = r
	d.mu.Unlock()
	u := vfs.DiskUsage{AvailBytes: freeBytes, TotalBytes: 2 * freeBytes, UsedBytes: freeBytes}
	if r != roomForAll {
		u.AvailBytes = 0
	}
	d.mem.TestingSetDiskUsage(u)
}

func (d *Disk) roomLeft() room {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.room
}

// lie makes syncs do nothing.
func (d *Disk) lie(on bool) {
	d.mu.Lock()
	d.mu.lying = on
	d.mu.Unlock()
}

// Break makes every access to the medium fail from now on.
func (d *Disk) Break() {
	d.mu.Lock()
	d.mu.broken = true
	d.mu.Unlock()
}

// AtSync has f called at the n-th sync from now, before or behind it, on the
// goroutine that syncs.
func (d *Disk) AtSync(n int, before bool, f func()) {
	d.mu.Lock()
	d.mu.syncs, d.mu.before, d.mu.onSync = n, before, f
	d.mu.Unlock()
}

// fault returns why an access fails now that needs at least so much room.
func (d *Disk) fault(least room) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.mu.broken:
		return syscall.EIO
	case d.mu.room > least:
		return syscall.ENOSPC
	}
	return nil
}

// sync frames a sync.
func (d *Disk) sync(do func() error) error {
	if err := d.fault(noRoom); err != nil {
		return err
	}
	d.mu.Lock()
	lying, before := d.mu.lying, d.mu.before
	var f func()
	if d.mu.onSync != nil {
		if d.mu.syncs--; d.mu.syncs <= 0 {
			f, d.mu.onSync = d.mu.onSync, nil
		}
	}
	d.mu.Unlock()
	if f != nil && before {
		f()
	}
	var err error
	if !lying {
		err = do()
	}
	if f != nil && !before {
		f()
	}
	return err
}

func (d *Disk) file(least room, open func() (vfs.File, error)) (vfs.File, error) {
	if err := d.fault(least); err != nil {
		return nil, err
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d}, nil
}

// Create implements vfs.FS.
func (d *Disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(roomForNames, func() (vfs.File, error) { return d.FS.Create(name, c) })
}

// Open implements vfs.FS.
func (d *Disk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.file(noRoom, func() (vfs.File, error) { return d.FS.Open(name, opts...) })
}

// OpenReadWrite implements vfs.FS.
func (d *Disk) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.file(roomForNames, func() (vfs.File, error) { return d.FS.OpenReadWrite(name, c, opts...) })
}

// OpenDir implements vfs.FS.
func (d *Disk) OpenDir(name string) (vfs.File, error) {
	return d.file(noRoom, func() (vfs.File, error) { return d.FS.OpenDir(name) })
}

// ReuseForWrite implements vfs.FS.
func (d *Disk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(roomForNames, func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, c) })
}

// Rename implements vfs.FS.
func (d *Disk) Rename(oldname, newname string) error {
	if err := d.fault(roomForNames); err != nil {
		return err
	}
	return d.FS.Rename(oldname, newname)
}

// Link implements vfs.FS.
func (d *Disk) Link(oldname, newname string) error {
	if err := d.fault(roomForNames); err != nil {
		return err
	}
	return d.FS.Link(oldname, newname)
}

// MkdirAll implements vfs.FS.
func (d *Disk) MkdirAll(dir string, perm os.FileMode) error {
	if err := d.fault(roomForNames); err != nil {
		return err
	}
	return d.FS.MkdirAll(dir, perm)
}

// Unwrap implements vfs.FS.
func (d *Disk) Unwrap() vfs.FS { return d.FS }

// diskFile is a file of a Disk.
type diskFile struct {
	vfs.File
	d *Disk
}

// Write implements vfs.File.
func (f *diskFile) Write(p []byte) (int, error) {
	if err := f.d.fault(roomForAll); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// WriteAt implements vfs.File.
func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.fault(roomForAll); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

// Read implements vfs.File.
func (f *diskFile) Read(p []byte) (int, error) {
	if err := f.d.fault(noRoom); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

// ReadAt implements vfs.File.
func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.d.fault(noRoom); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error { return f.d.sync(f.File.Sync) }

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error { return f.d.sync(f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(n int64) (full bool, err error) {
	err = f.d.sync(func() error {
		full, err = f.File.SyncTo(n)
		return err
	})
	return full, err
}
