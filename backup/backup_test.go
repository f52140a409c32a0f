package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/engine"
	"crdb/oplog"
)

const now = 1_700_000_000_000

// database is an engine over a log in memory.
type database struct {
	log *oplog.Log
	eng *engine.Engine
	tx  *engine.Tx
}

func open(t *testing.T) *database {
	t.Helper()
	var clock atomic.Int64
	clock.Store(now)
	log, err := oplog.Open(oplog.Options{FS: vfs.NewMem(), Dir: "db", Wall: clock.Load, DiskReserve: -1,
		Identity: oplog.Identity{Database: "guid", Region: "here", Replica: 1}})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.Open(engine.Options{Log: log, Seed: 42, Replica: 1, Wall: clock.Load, Rand: rand.Uint64})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		eng.Close()
		log.Close()
	})
	return &database{log, eng, eng.NewTx()}
}

// write makes random writes; each transfer moves a unit from one counter to
// another in one transaction, so that every consistent state sums up to 0.
func (d *database) write(rnd *rand.Rand, n int) {
	for range n {
		key := fmt.Appendf(nil, "k%d", rnd.IntN(400))
		d.tx.LockAll(now)
		d.tx.Select(rnd.IntN(3))
		switch rnd.IntN(5) {
		case 0:
			d.tx.Put(key, fmt.Appendf(nil, "v%d", rnd.IntN(1000)), engine.Expiry{})
		case 1:
			d.tx.SetAdd(key, [][]byte{fmt.Appendf(nil, "m%d", rnd.IntN(1000))})
		case 2:
			d.tx.Delete(key)
		default:
			d.tx.Select(9)
			d.tx.Incr(fmt.Appendf(nil, "c%d", rnd.IntN(50)), 1)
			d.tx.Incr(fmt.Appendf(nil, "c%d", rnd.IntN(50)), -1)
		}
		d.tx.Unlock()
	}
}

// contents lists what a source holds.
func contents(t *testing.T, src engine.Source) (list []string) {
	t.Helper()
	sum := int64(0)
	f := engine.Frozen{Source: src, Seed: 42, Now: now}
	err := f.Each(func(tx *engine.Tx, key []byte, _ float64) error {
		v, ok, err := tx.Get(key)
		if err != nil { // a set
			var members []string
			tx.SetEach(key, func(m []byte) bool { members = append(members, string(m)); return true })
			slices.Sort(members)
			v = []byte(strings.Join(members, ","))
		}
		if ok && tx.DB() == 9 {
			var n int64
			fmt.Sscan(string(v), &n)
			sum += n
		}
		list = append(list, fmt.Sprintf("%d %s=%s", tx.DB(), key, v))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum != 0 {
		t.Errorf("a transaction is in the backup in part: the sum is %d", sum)
	}
	slices.Sort(list)
	return list
}

// take writes a backup of the database.
func (d *database) take(fs vfs.FS, dir string) error {
	snap, err := d.log.Snapshot(context.Background())
	if err != nil {
		return err
	}
	defer snap.Close()
	return Write(context.Background(), Options{FS: fs, Dir: dir, Users: []string{"user default on", "user bob off"}}, snap, &Manifest{Database: "guid", Name: "test"})
}

// TestBackupIsTheSnapshot: with and without a checkpoint, with log above it, a
// backup reads as the snapshot that it was made of, whatever is written
// meanwhile (B2).
func TestBackupIsTheSnapshot(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		d := open(t)
		for round := range 3 {
			d.write(rnd, rnd.IntN(2000))
			if round > 0 {
				if err := d.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
				d.write(rnd, rnd.IntN(1000))
			}
			fs := vfs.NewMem()
			snap, err := d.log.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			d.write(rnd, 500)
			d.eng.Checkpoint()
			if err := Write(t.Context(), Options{FS: fs, Dir: "/b"}, snap, &Manifest{}); err != nil {
				t.Fatal(err)
			}
			want := contents(t, snap)
			snap.Close()
			b, err := Open(fs, "/b")
			if err == nil {
				err = b.Verify(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := contents(t, b); !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("seed %d, round %d: %d keys, want %d", seed, round, len(got), len(want))
			}
		}
	}
}

// TestEveryDamageIsFound: a changed byte, a missing end, a missing file, of
// every file (B3).
func TestEveryDamageIsFound(t *testing.T) {
	d := open(t)
	rnd := rand.New(rand.NewPCG(1, 1))
	d.write(rnd, 2000)
	d.eng.Checkpoint()
	d.write(rnd, 500)
	fs := vfs.NewMem()
	if err := d.take(fs, "/b"); err != nil {
		t.Fatal(err)
	}
	files, _ := fs.List("/b")
	if len(files) != stateFiles+4 {
		t.Fatal(files)
	}
	check := func(what, name string) {
		t.Helper()
		b, err := Open(fs, "/b")
		if err == nil {
			err = b.Verify(t.Context())
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of %s: %v", what, name, err)
		}
	}
	for _, name := range files {
		path := "/b/" + name
		good := readAll(t, fs, path)
		for range 8 {
			bad := slices.Clone(good)
			bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
			writeAll(t, fs, path, bad)
			check("a changed byte", name)
		}
		for _, n := range []int{0, 4, len(good) / 2, len(good) - 1} {
			writeAll(t, fs, path, good[:n])
			check("a missing end", name)
		}
		writeAll(t, fs, path, append(slices.Clone(good), 0))
		check("a longer end", name)
		fs.Remove(path)
		check("the absence", name)
		writeAll(t, fs, path, good)
	}
	b, err := Open(fs, "/b")
	if err == nil {
		err = b.Verify(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

func readAll(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeAll(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// smallFS has room for so many bytes.
type smallFS struct {
	vfs.FS
	room  int
	avail uint64
}

type smallFile struct {
	vfs.File
	fs *smallFS
}

func (s *smallFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	return &smallFile{f, s}, err
}

func (s *smallFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: s.avail}, nil
}

func (f *smallFile) Write(b []byte) (int, error) {
	if f.fs.room -= len(b); f.fs.room < 0 {
		return 0, syscall.ENOSPC
	}
	return f.File.Write(b)
}

// TestAFullDiskLeavesNothing, wherever it becomes full (B1, B4).
func TestAFullDiskLeavesNothing(t *testing.T) {
	d := open(t)
	d.write(rand.New(rand.NewPCG(2, 2)), 1000)
	d.eng.Checkpoint()
	whole := &smallFS{vfs.NewMem(), 1 << 30, 1 << 40}
	if err := d.take(whole, "/b"); err != nil {
		t.Fatal(err)
	}
	size := 1<<30 - whole.room
	for room := 0; room < size; room += size/40 + 1 {
		fs := &smallFS{vfs.NewMem(), room, 1 << 40}
		err := d.take(fs, "/b")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("room for %d of %d bytes: %v", room, size, err)
		}
		if left, _ := fs.List("/"); len(left) > 0 {
			t.Errorf("room for %d bytes: %v is left", room, left)
		}
	}
	err := d.take(&smallFS{vfs.NewMem(), 1 << 30, reserve - 1}, "/b")
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Error(err)
	}
}

func TestDirectoryMustBeEmpty(t *testing.T) {
	d, fs := open(t), vfs.NewMem()
	if err := fs.MkdirAll("/b", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.take(fs, "/b"); err != nil {
		t.Error(err)
	}
	if err := d.take(fs, "/b"); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Error(err)
	}
	if err := fs.MkdirAll("/mine", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := d.take(&smallFS{fs, 1 << 30, reserve - 1}, "/mine"); err == nil {
		t.Error("a full disk takes a backup")
	}
	if list, err := fs.List("/mine"); err != nil || len(list) > 0 {
		t.Errorf("a directory that was there is left with %q, %v", list, err)
	}
	if _, err := Open(fs, "/c"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "it is no backup") {
		t.Error(err)
	}
}
