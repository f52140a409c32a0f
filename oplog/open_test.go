package oplog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(string, ...any) {}

func wantError(t *testing.T, o Options, want error, texts ...string) {
	t.Helper()
	l, err := Open(o)
	if err == nil {
		l.Close()
		t.Fatal("opened")
	}
	if want != nil && !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func TestIdentity(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	mustOpen(t, o).Close()
	for _, f := range []func(*Identity){
		func(id *Identity) { id.Database = "ffff" },
		func(id *Identity) { id.Region = "eu-west" },
		func(id *Identity) { id.Replica = 2 },
	} {
		other := o
		f(&other.Identity)
		wantError(t, other, ErrForeign, "db belongs to", `database "orders" (0b5e), region us-east, replica 1`, "expected was "+other.Identity.String())
	}
	renamed := o
	renamed.Identity.Name = "sales"
	mustOpen(t, renamed).Close() // a database may be renamed
	l := mustOpen(t, o)
	wantError(t, o, ErrLocked, "db is open in")
	l.Close()
}

func TestFormat(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	l := mustOpen(t, o)
	v, _ := l.store.get(keyIdentity)
	binary.BigEndian.PutUint16(v, FormatVersion+1)
	l.store.db.Set(keyIdentity, v, pebble.Sync)
	l.Close()
	wantError(t, o, ErrFormat, "directory db", fmt.Sprintf("version %d, this program knows 1 to %d", FormatVersion+1, FormatVersion))
}

// TestOlderFormat: a store of the first version is opened, and then is one of this
// version, which an older program refuses.
func TestOlderFormat(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	l := mustOpen(t, o)
	v, _ := l.store.get(keyIdentity)
	binary.BigEndian.PutUint16(v, 1)
	l.store.db.Set(keyIdentity, v, pebble.Sync)
	l.Close()
	l = mustOpen(t, o)
	defer l.Close()
	if v, _ := l.store.get(keyIdentity); binary.BigEndian.Uint16(v) != FormatVersion {
		t.Errorf("opened, the store is of version %d", binary.BigEndian.Uint16(v))
	}
}

func TestForeignDirectories(t *testing.T) {
	mem := vfs.NewMem()
	mem.MkdirAll("db", 0o755)
	f, _ := mem.Create("db/dump.rdb", vfs.WriteCategoryUnspecified)
	f.Close()
	wantError(t, testOptions(mem, 1), ErrForeign, `db holds "dump.rdb"`)

	mem = vfs.NewMem()
	db, err := pebble.Open("db", &pebble.Options{FS: mem, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	db.Set([]byte("x"), nil, pebble.Sync)
	db.Close()
	wantError(t, testOptions(mem, 1), ErrForeign, "without a crdb identity")
}

// An Open that crashed half-way can be repeated.
func TestOpenAfterHalfOpen(t *testing.T) {
	mem := vfs.NewMem()
	db, err := pebble.Open("db", &pebble.Options{FS: mem, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	open(t, testOptions(mem, 1))
}

func TestOnRealDisk(t *testing.T) {
	o := testOptions(nil, 1)
	o.Dir = filepath.Join(t.TempDir(), "a", "b")
	l := mustOpen(t, o)
	writeOps(t, l, 10)
	wantError(t, o, ErrLocked)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, o)
	if len(readAll(t, l, 1, 0)) == 0 {
		t.Fatal("nothing there")
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	o.Dir = filepath.Join(file, "db")
	wantError(t, o, nil, "cannot create data directory "+o.Dir)
	if os.Getuid() != 0 {
		o.Dir = t.TempDir()
		os.Chmod(o.Dir, 0o500)
		wantError(t, o, nil, "cannot write")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	for _, f := range []func(*Options){
		func(o *Options) { o.Dir = "" },
		func(o *Options) { o.Wall = nil },
		func(o *Options) { o.Identity.Replica = 0 },
		func(o *Options) { o.Identity.Database = "" },
		func(o *Options) { o.Identity.Region = "" },
	} {
		bad := o
		f(&bad)
		wantError(t, bad, nil)
	}
}

// H1: a clock set back an hour refuses writes until it has caught up.
func TestClockSetBack(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall = clock.now
	l := mustOpen(t, o)
	d := writeOps(t, l, 1)[0]
	l.Close()
	clock.ms.Add(-3600_000)
	l = mustOpen(t, o)
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "1h0m0s behind") {
		t.Fatal(err)
	}
	if e := l.Append([]byte("an op that is not asked")); e.Time <= d.Time {
		t.Fatal("dots went back")
	}
	clock.ms.Add(3600_000 - 500)
	if err := l.Admit(l.opts.Wall()); err != nil {
		t.Fatal("caught up:", err)
	}
	l.Close()
}

// A store of which the marker was lost, or not copied since it is an empty file, looks new
// to Pebble, which would remove all tables.
func TestStoreWithoutItsMarker(t *testing.T) {
	mem := vfs.NewMem()
	o := testOptions(mem, 1)
	l := mustOpen(t, o)
	writeOps(t, l, 1)
	if err := errors.Join(l.store.db.Flush(), l.Close()); err != nil {
		t.Fatal(err)
	}
	list := func() []string {
		names, err := mem.List(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		return names
	}
	for _, name := range list() {
		if strings.HasPrefix(name, "marker.manifest.") {
			if err := mem.Remove(mem.PathJoin(o.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := list()
	if l, err := Open(o); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "marker.manifest") {
		t.Error(err)
		if err == nil {
			l.Close()
		}
	}
	if after := list(); !slices.Equal(before, after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
}

// A wall clock that is ahead when the log is opened, as before a machine has heard the
// time, is no reason to refuse writes later, when nothing was stamped by it.
func TestClockAheadAtOpen(t *testing.T) {
	mem, clock := vfs.NewCrashableMem(), newClock()
	o := testOptions(mem, 1)
	o.Wall = clock.now
	year := (365 * 24 * time.Hour).Milliseconds()
	clock.ms.Add(year)
	l := open(t, o)
	clock.ms.Add(-year)
	writeOps(t, l, 1)
	last := l.Issued().Time
	o.FS = mem.CrashClone(vfs.CrashCloneCfg{})
	l = open(t, o)
	if err := l.Admit(clock.now()); err != nil {
		t.Error(err)
	}
	if d := l.Append([]byte("x")); d.Time <= last {
		t.Errorf("%v after %v", d, last)
	}
}

// Nor is it where nobody has written since, and the node crashes.
func TestClockAheadAtOpenOfAnIdleLog(t *testing.T) {
	mem, clock := vfs.NewCrashableMem(), newClock()
	o := testOptions(mem, 1)
	o.Wall = clock.now
	tick := make(chan time.Time)
	o.After = func(time.Duration) <-chan time.Time { return tick }
	year := (365 * 24 * time.Hour).Milliseconds()
	clock.ms.Add(year)
	l := open(t, o)
	clock.ms.Add(-year)
	var err error
	for range 100 {
		select {
		case tick <- time.Time{}: // a second later
		case <-time.After(10 * time.Second):
			t.Fatal("nobody looks")
		}
		after := o
		after.FS, after.After = mem.CrashClone(vfs.CrashCloneCfg{}), never
		again := mustOpen(t, after)
		err = again.Admit(clock.now())
		again.Close()
		if err == nil {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
	writeOps(t, l, 1)
}

// H1: the logical counter carries into the milliseconds, and running ahead of
// the wall clock by it is refused as well.
func TestCounterOverflow(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall = clock.now
	l := open(t, o)
	setClock := func(t crdt.Timestamp) {
		l.mu.Lock()
		l.mu.clock = t
		l.mu.Unlock()
	}
	setClock(crdt.TimestampAt(testWall) | 0xffff)
	if d := l.Append(nil); d.Time != crdt.TimestampAt(testWall+1) {
		t.Fatal(d)
	}
	setClock(crdt.TimestampAt(testWall+500) | 0xffff)
	if err := l.Admit(l.opts.Wall()); err != nil {
		t.Fatal(err)
	}
	l.Append(nil)
	if err := l.Admit(l.opts.Wall()); !errors.Is(err, ErrClock) {
		t.Fatal(err)
	}
	clock.ms.Add(1)
	if err := l.Admit(l.opts.Wall()); err != nil {
		t.Fatal(err)
	}
	if l.ClockAhead(crdt.TimestampAt(testWall+501)) || !l.ClockAhead(crdt.TimestampAt(testWall+502)) {
		t.Fatal("ClockAhead")
	}
}

func TestForbid(t *testing.T) {
	o := testOptions(vfs.NewMem(), 1)
	l := open(t, o)
	l.Forbid(errors.New("the region leaves"))
	if err := l.Admit(o.Wall()); !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), "the region leaves") {
		t.Fatal(err)
	}
	l.Append([]byte("admitted before"))
	sync_(t, l)
	l.Forbid(nil)
	if err := l.Admit(o.Wall()); err != nil {
		t.Fatal(err)
	}
}
