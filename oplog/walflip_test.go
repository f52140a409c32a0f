package oplog

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// A flipped bit in the newest write-ahead log, which a crash has left to be read. Before the
// last commit a start says which file is damaged. In what nothing synced follows, the damage looks as a torn write does: it is dropped, and no dot in it is given out again, so
// that peers that have the rest notice (D2).
func TestBitFlipInTheNewestWAL(t *testing.T) {
	mem := vfs.NewCrashableMem()
	o := testOptions(mem, 1)
	if err := mustOpen(t, o).Close(); err != nil { // the log of a new store does not say yet what was synced
		t.Fatal(err)
	}
	l := open(t, o)
	var dots []crdt.Dot
	for range 8 {
		dots = append(dots, writeOps(t, l, 3)...)
	}
	last := dots[len(dots)-1]
	data, name := newestWAL(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	refused, dropped := 0, 0
	for at := range data {
		disk := mem.CrashClone(vfs.CrashCloneCfg{})
		flipped := append([]byte{}, data...)
		flipped[at] ^= 0x10
		writeFile(t, disk, name, flipped)
		o.FS = disk
		again, err := Open(o)
		if err != nil {
			if refused++; !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		if have := again.Durable().Get(1); have < last.Time {
			if dropped++; have < dots[len(dots)-4].Time {
				t.Errorf("byte %d of %d: it has lost more than the last commit: %v of %v", at, len(data), have, last.Time)
			}
			if next := again.Append([]byte("new")); next.Time <= last.Time {
				t.Errorf("byte %d: dot %v is given out again", at, next)
			}
		}
		again.Close()
	}
	t.Logf("%d bytes: %d refused, %d dropped", len(data), refused, dropped)
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}

// newestWAL returns the write-ahead log with the highest number.
func newestWAL(t *testing.T, fs vfs.FS) (data []byte, name string) {
	t.Helper()
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if strings.HasSuffix(n, ".log") && "db/"+n > name {
			name = "db/" + n
		}
	}
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err = io.ReadAll(f); err != nil {
		t.Fatal(err)
	}
	return data, name
}

func writeFile(t *testing.T, fs vfs.FS, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
