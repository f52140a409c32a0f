package host

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/backup"
	"crdb/control/api"
	"crdb/engine"
)

// slowFS does something before the first file of a backup is there.
type slowFS struct {
	vfs.FS
	first func()
}

func (s *slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if do := s.first; do != nil && strings.HasPrefix(name, "/b/") {
		s.first = nil
		do()
	}
	return s.FS.Create(name, c)
}

// TestTwoBackupsIntoOneDirectory: of two that begin at the same time one is refused; else
// the files of one would be called those of the other.
func TestTwoBackupsIntoOneDirectory(t *testing.T) {
	fs := &slowFS{FS: vfs.NewMem()}
	inst := openedOn(t, fs)
	inst.Forbid(nil)
	take := func(dir string) error {
		_, err := inst.Backup(t.Context(), dir, &api.Database{}, nil)
		return err
	}
	fs.first = func() {
		if err := take("/b/"); !errors.Is(err, backup.ErrDirectory) {
			t.Errorf("the second one: %v", err)
		}
	}
	if err := take("/b"); err != nil {
		t.Fatal(err)
	}
	b, err := backup.Open(fs, "/b")
	if err == nil {
		err = b.Verify(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
	if err := take("/c"); err != nil {
		t.Errorf("into another one: %v", err)
	}
}

// TestRestoreBelowClients: who has waited for the new database writes as soon as it is
// there, before its first key is. That stays, and the rest is restored.
func TestRestoreBelowClients(t *testing.T) {
	inst := openedOn(t, vfs.NewMem())
	inst.Forbid(nil)
	tx := inst.(*instance).engine.NewTx()
	put := func(key, val string) {
		tx.LockKey(1, []byte(key))
		defer tx.Unlock()
		tx.Put([]byte(key), []byte(val), engine.Expiry{})
	}
	put("kept", "old")
	put("lost", "old")
	if _, err := inst.Backup(t.Context(), "/b", &api.Database{}, nil); err != nil {
		t.Fatal(err)
	}
	put("kept", "new")
	tx.LockKey(1, []byte("lost"))
	tx.Delete([]byte("lost"))
	tx.Unlock()
	moved, err := inst.Restore(t.Context(), "/b", func(api.Moved, float64) {})
	if err != nil || moved.Keys != 1 || moved.Kept != 1 {
		t.Errorf("restored %+v, %v", moved, err)
	}
	for key, want := range map[string]string{"kept": "new", "lost": "old"} {
		tx.LockKey(1, []byte(key))
		if val, _, _ := tx.Get([]byte(key)); string(val) != want {
			t.Errorf("%s is %q, want %q", key, val, want)
		}
		tx.Unlock()
	}
}
