package backup

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/engine"
)

var rewrite = flag.Bool("rewrite", false, "write testdata of the present format anew")

// small is a database with something in a checkpoint and something in the log.
func small(t *testing.T) *database {
	t.Helper()
	d := open(t)
	b := func(s string) []byte { return []byte(s) }
	d.tx.LockAll(now)
	d.tx.Select(0)
	d.tx.Put(b("string"), b("value"), engine.Expiry{At: now + 5000})
	d.tx.SetAdd(b("set"), [][]byte{b("a"), b("b")})
	d.tx.Incr(b("counter"), 7)
	d.tx.ListPush(b("list"), false, [][]byte{b("one"), b("two")})
	d.tx.Unlock()
	if err := d.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	d.tx.LockAll(now)
	d.tx.Select(3)
	d.tx.HashSet(b("hash"), [][]byte{b("f"), b("1"), b("g"), b("2")})
	d.tx.HashExpire(b("hash"), [][]byte{b("f")}, now+9000, func(int64) bool { return true })
	d.tx.Select(0)
	d.tx.Delete(b("counter"))
	d.tx.Put(b("late"), b("in the log"), engine.Expiry{})
	d.tx.Unlock()
	return d
}

// TestFormats: backups of every format that there has been are read, and the
// present one is what is written, byte for byte.
func TestFormats(t *testing.T) {
	users := []string{"user default on nopass ~* &* +@all", "user reader on #2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90 ~a:* resetchannels -@all +@read"}
	if *rewrite {
		os.RemoveAll("testdata/format4")
		snap, err := small(t).log.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		m := &Manifest{Database: "guid", Name: "shop", Version: "0.1", CreatedMS: now, Region: "here", Replica: 1}
		if err := Write(t.Context(), Options{FS: vfs.Default, Dir: "testdata/format4", Users: users}, snap, m); err != nil {
			t.Fatal(err)
		}
	}
	for format, want := range map[int][]string{1: nil, 2: users, 3: users, 4: users} {
		b, err := Open(vfs.Default, fmt.Sprint("testdata/format", format))
		if err == nil {
			err = b.Verify(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Users(); err != nil || !slices.Equal(got, want) || b.Manifest.Format != format {
			t.Errorf("format %d: users %q, %v", b.Manifest.Format, got, err)
		}
		list := ""
		if format > 3 { // the older ones were written without
			list = "0 list until 0, "
		}
		if got := keys(t, b); got != "0 late until 0, "+list+"0 set until 0, 0 string until 1700000005000, 3 hash until 0 with f until 1700000009000" {
			t.Errorf("format %d: %s", format, got)
		}
	}
	dir := t.TempDir() + "/b"
	snap, err := small(t).log.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	m := &Manifest{Database: "guid", Name: "shop", Version: "0.1", CreatedMS: now, Region: "here", Replica: 1}
	if err := Write(t.Context(), Options{FS: vfs.Default, Dir: dir, Users: users}, snap, m); err != nil {
		t.Fatal(err)
	}
	golden, _ := filepath.Glob("testdata/format4/*")
	for _, path := range golden {
		want, _ := os.ReadFile(path)
		if got, err := os.ReadFile(filepath.Join(dir, filepath.Base(path))); err != nil || string(got) != string(want) {
			t.Errorf("%s: %v\n%.4000s\nwant\n%.4000s", filepath.Base(path), err, got, want)
		}
	}
	if len(golden) != stateFiles+4 {
		t.Error(golden)
	}
}

// keys lists what a backup holds, with deadlines.
func keys(t *testing.T, b *Backup) string {
	t.Helper()
	var list []string
	f := engine.Frozen{Source: b, Seed: 42, Now: now}
	err := f.Each(func(tx *engine.Tx, key []byte, _ float64) error {
		at, _ := tx.Deadline(key)
		s := fmt.Sprintf("%d %s until %d", tx.DB(), key, at)
		if at, ok, err := tx.HashDeadline(key, []byte("f")); ok && err == nil {
			s += " with f until " + fmt.Sprint(at)
		}
		list = append(list, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// TestNobodyElseCanRead a backup (B5), whatever the umask says and whoever made
// the directory.
func TestNobodyElseCanRead(t *testing.T) {
	dir := t.TempDir()
	if err := small(t).take(vfs.Default, dir); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestManifestsThatAreRefused: each with what is wrong.
func TestManifestsThatAreRefused(t *testing.T) {
	fsys := vfs.NewMem()
	if err := small(t).take(fsys, "/b"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change  func(m *Manifest)
		damaged bool
		want    string
	}{
		{func(m *Manifest) { m.Format = Format + 1 }, false, "format 5; this program reads crdb's formats 1 to 4"},
		{func(m *Manifest) { m.Format = 0 }, false, "format 0; this"},
		{func(m *Manifest) { m.Program = "other" }, false, `of program "other"`},
		{func(m *Manifest) { m.Files = m.Files[1:] }, true, "names no file ranges"},
		{func(m *Manifest) {
			m.Files = slices.DeleteFunc(m.Files, func(f File) bool { return f.Name == usersFile })
		}, true, "names no file users"},
	} {
		b, err := Open(fsys, "/b")
		if err != nil {
			t.Fatal(err)
		}
		c.change(b.Manifest)
		data, err := b.Manifest.encode()
		if err != nil {
			t.Fatal(err)
		}
		good := readAll(t, fsys, "/b/MANIFEST")
		writeAll(t, fsys, "/b/MANIFEST", data)
		_, err = Open(fsys, "/b")
		if err == nil || !strings.Contains(err.Error(), "/b/MANIFEST") || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrDamaged) != c.damaged {
			t.Errorf("%v, want %s", err, c.want)
		}
		writeAll(t, fsys, "/b/MANIFEST", good)
	}
}
