package host

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/backup"
	"crdb/control/api"
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
