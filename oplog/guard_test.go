package oplog

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// partialFile takes only part of a write before it is full, several times.
type partialFile struct {
	vfs.File
	fails int
}

func (f *partialFile) Write(p []byte) (int, error) {
	if f.fails > 0 {
		f.fails--
		n, _ := f.File.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	}
	return f.File.Write(p)
}

// A write goes on where it was when the disk got full. However often it is
// tried, the disk is full once, and has space once.
func TestGuardResumesPartialWrite(t *testing.T) {
	mem := vfs.NewMem()
	now := make(chan time.Time)
	close(now)
	g := newGuard(mem, func(time.Duration) <-chan time.Time { return now })
	var stalls []bool
	g.onStall = func(why error) { stalls = append(stalls, why != nil) }
	g.opened.Store(true)
	f, err := mem.Create("f", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	gf := &guardedFile{File: &partialFile{f, 3}, g: g}
	if n, err := gf.Write([]byte("hello world")); n != 11 || err != nil {
		t.Fatal(n, err)
	}
	r, _ := mem.Open("f")
	got := make([]byte, 20)
	n, _ := r.Read(got)
	if string(got[:n]) != "hello world" || fmt.Sprint(stalls) != "[true false]" {
		t.Fatalf("%q %v", got[:n], stalls)
	}
}

// brokenFile cannot be read.
type brokenFile struct{ vfs.File }

func (brokenFile) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

// A read that fails fails the log, and pauses: Pebble's collector of table
// statistics, for one, reads a broken table again and again without any.
func TestFailedReadsPause(t *testing.T) {
	pauses, failed := 0, error(nil)
	now := make(chan time.Time)
	close(now)
	g := newGuard(vfs.NewMem(), func(time.Duration) <-chan time.Time { pauses++; return now })
	g.onFail = func(err error) { failed = err }
	g.opened.Store(true)
	if _, err := (&guardedFile{File: brokenFile{}, g: g}).ReadAt(nil, 0); err != syscall.EIO || failed != err || pauses != 1 {
		t.Fatal(err, failed, pauses)
	}
}

// poorFS cannot open files for a while, and then finds its directory gone.
type poorFS struct {
	vfs.FS
	fails int
	gone  bool
}

func (p *poorFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if p.fails > 0 {
		p.fails--
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	if p.gone {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	return p.FS.Create(name, c)
}

// ReuseForWrite renames and opens, as that of the operating system does.
func (p *poorFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := p.FS.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return p.OpenReadWrite(newname, c)
}

func (p *poorFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	if p.fails > 0 {
		p.fails--
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EMFILE}
	}
	return p.FS.OpenReadWrite(name, c, opts...)
}

// A log file is used again under another name although there was no descriptor
// to open it with after it was renamed.
func TestGuardReusesFilesWithoutDescriptors(t *testing.T) {
	now := make(chan time.Time)
	close(now)
	poor := &poorFS{FS: vfs.NewMem()}
	old, err := poor.Create("old", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	old.Write([]byte("kept"))
	old.Close()
	poor.fails = 3
	g := newGuard(poor, func(time.Duration) <-chan time.Time { return now })
	g.onStall = func(error) {}
	g.onFail = func(err error) { t.Fatal("failed:", err) } // which ends the test: the guard would park it
	g.opened.Store(true)
	f, err := g.ReuseForWrite("old", "new", vfs.WriteCategoryUnspecified)
	if err != nil || poor.fails != 0 {
		t.Fatalf("%v, %d failures to come", err, poor.fails)
	}
	got := make([]byte, 4)
	if _, err := f.ReadAt(got, 0); err != nil || string(got) != "kept" {
		t.Fatalf("%q %v", got, err)
	}
}

// Pebble panics when it cannot make its next log file: it waits for a file
// descriptor, and for good when the directory was removed.
func TestGuardOfMissingFiles(t *testing.T) {
	now := make(chan time.Time)
	close(now)
	poor := &poorFS{FS: vfs.NewMem(), fails: 2}
	g := newGuard(poor, func(time.Duration) <-chan time.Time { return now })
	failed := make(chan error, 1)
	g.onStall = func(error) {}
	g.onFail = func(err error) { failed <- err }
	g.opened.Store(true)
	if _, err := g.Create("a", vfs.WriteCategoryUnspecified); err != nil || poor.fails != 0 {
		t.Fatalf("with no descriptor for a while: %v", err)
	}
	poor.gone = true
	returned := make(chan struct{})
	go func() {
		_, _ = g.Create("b", vfs.WriteCategoryUnspecified)
		close(returned)
	}()
	if err := <-failed; !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("failed with %v", err)
	}
	select {
	case <-returned:
		t.Fatal("Pebble has seen the error")
	case <-time.After(10 * time.Millisecond):
	}
}
