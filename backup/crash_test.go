package backup

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestABackupOutlivesACrash (B1): what Write has called complete is there after the
// machine has lost its power, with every directory that was made for it.
func TestABackupOutlivesACrash(t *testing.T) {
	d := open(t)
	d.write(rand.New(rand.NewPCG(1, 0)), 100)
	fs := vfs.NewCrashableMem()
	if err := d.take(fs, "/of/today"); err != nil {
		t.Fatal(err)
	}
	b, err := Open(fs.CrashClone(vfs.CrashCloneCfg{}), "/of/today")
	if err == nil {
		err = b.Verify(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

// watchedFS looks at what a crash would leave at certain moments.
type watchedFS struct {
	vfs.FS
	creating, removed func(name string)
	noSync            bool // of directories
}

func (w *watchedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if w.creating != nil {
		w.creating(w.PathBase(name))
	}
	return w.FS.Create(name, c)
}

func (w *watchedFS) Remove(name string) error {
	err := w.FS.Remove(name)
	if w.removed != nil {
		w.removed(w.PathBase(name))
	}
	return err
}

func (w *watchedFS) OpenDir(name string) (vfs.File, error) {
	if w.noSync {
		return nil, errors.New("input/output error")
	}
	return w.FS.OpenDir(name)
}

// TestTheManifestIsLast (B1): when it is made the names of the other files are on
// disk, and a backup that fails loses it first.
func TestTheManifestIsLast(t *testing.T) {
	d := open(t)
	mem := vfs.NewCrashableMem()
	fs := &watchedFS{FS: mem}
	fs.creating = func(name string) {
		if name != manifestName {
			return
		}
		if list, _ := mem.CrashClone(vfs.CrashCloneCfg{}).List("/b"); len(list) != stateFiles+3 {
			t.Errorf("when the manifest is made a crash would leave %q", list)
		}
		fs.noSync = true
	}
	fs.removed = func(string) {
		if _, err := mem.Stat("/b/" + manifestName); err == nil {
			t.Error("the manifest is there when a file is not any more")
		}
	}
	if err := d.take(fs, "/b"); err == nil {
		t.Error("no error of the directory")
	}
}
