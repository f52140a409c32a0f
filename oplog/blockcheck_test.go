package oplog

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// A flipped bit in a large block is found at once, and the file is named, whether it holds
// ops or state.
func TestABitInALargeBlock(t *testing.T) {
	const size = 1 << 20
	for _, kind := range []string{".blob", ".sst"} {
		t.Run(kind, func(t *testing.T) {
			mem := vfs.NewMem()
			o := testOptions(mem, 1)
			o.CacheBytes, o.After = 1, time.After
			l := mustOpen(t, o)
			dot := l.Append(make([]byte, size))
			sync_(t, l)
			c := l.NewCheckpoint()
			c.Put([]byte("state"), make([]byte, size))
			c.SetVector(0, crdt.VersionVector{{Replica: 1, Time: dot.Time}})
			if err := errors.Join(c.Commit(), l.store.db.Flush(), l.Close()); err != nil {
				t.Fatal(err)
			}
			name := flipInLarge(t, mem, o.Dir, kind, size)

			begin := time.Now()
			l, err := Open(o) // it reads the last block
			if err == nil {
				err = l.EachState(nil, nil, func(_, _ []byte) error { return nil })
				if failed := l.Close(); failed == nil || strings.Contains(failed.Error(), "\n") {
					t.Errorf("not one line: %v", failed)
				}
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s is damaged: %v", name, err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Error("it took", took)
			}
		})
	}
}

// flipInLarge flips a bit in the middle of the file of a kind that is larger than size.
func flipInLarge(t *testing.T, fs vfs.FS, dir, kind string, size int64) (name string) {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if info, err := fs.Stat(fs.PathJoin(dir, n)); err == nil && strings.HasSuffix(n, kind) && info.Size() > size {
			name = fs.PathJoin(dir, n)
		}
	}
	data := readFile(t, fs, name)
	data[len(data)/2] ^= 4
	writeFile(t, fs, name, data)
	return name
}
