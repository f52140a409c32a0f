package oplog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// A flipped bit in the newest write-ahead log, which a crash has left to be read. Before the
// last commit a start says which file is damaged. In the last one, the damage looks as a torn
// write does: it is dropped, and no dot in it is given out again, so that peers that have the
// rest notice (D2).
func TestBitFlipInTheNewestWAL(t *testing.T) {
	for _, c := range []struct {
		name          string
		commits, size int
		step          int // every which byte
	}{
		{"small commits", 8, 1, 1},
		{"commits that fill a quarter of a block", 24, 9000, 3001},
		{"commits over several blocks", 3, 70_000, 20_011}, // of more, Pebble would begin another log
	} {
		if c.step > 1 && testing.Short() { // Pebble looks for the bit, which takes a while in a large commit
			continue
		}
		t.Run(c.name, func(t *testing.T) { flipBits(t, c.commits, c.size, c.step) })
	}
}

func flipBits(t *testing.T, commits, size, step int) {
	mem := vfs.NewCrashableMem()
	o := testOptions(mem, 1)
	l := open(t, o)
	var last, before crdt.Dot // in the last commit, and in the one before
	for range commits {
		before = last
		last = l.Append(make([]byte, size))
		sync_(t, l)
	}
	data, name := newestWAL(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	refused, dropped := 0, 0
	for at := 0; at < len(data); at += step {
		disk := mem.CrashClone(vfs.CrashCloneCfg{})
		flipped := append([]byte{}, data...)
		flipped[at] ^= 0x10
		writeFile(t, disk, name, flipped)
		o.FS = disk
		again, err := Open(o)
		if err != nil {
			if refused++; !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		if have := again.Durable().Get(1); have < last.Time {
			if dropped++; have < before.Time {
				t.Fatalf("byte %d of %d: it has lost more than the last commit: %v of %v", at, len(data), have, last.Time)
			}
			if next := again.Append([]byte("new")); next.Time <= last.Time {
				t.Fatalf("byte %d: dot %v is given out again", at, next)
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
	return readFile(t, fs, name), name
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
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

// What a client has stored may look like commits: damage before it, in the last commit, is
// still a torn end.
func TestAForgedCommitInTheNewestWAL(t *testing.T) {
	mem := vfs.NewCrashableMem()
	o := testOptions(mem, 1)
	o.Rand = func() uint64 { return 1 << 50 }
	l := open(t, o)
	writeOps(t, l, 3)
	_, name := newestWAL(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "db/"), ".log"))
	if err != nil {
		t.Fatal(err)
	}
	var op []byte
	for n := range uint64(20) {
		op = append(op, forgedCommit(uint32(number), n)...)
	}
	l.Append(op)
	sync_(t, l)
	disk := mem.CrashClone(vfs.CrashCloneCfg{})
	data, _ := newestWAL(t, disk)
	if commitIn(op[len(op)/20:], uint32(number), 0) != 1 {
		t.Fatal("this is not how one is forged")
	}
	data[bytes.Index(data, op)-1] ^= 1
	writeFile(t, disk, name, data)
	o.FS = disk
	open(t, o)
}

func forgedCommit(log uint32, number uint64) []byte {
	payload := append(make([]byte, 12), 3, 8)
	payload = binary.LittleEndian.AppendUint64(payload, number)
	sealed := append(binary.LittleEndian.AppendUint32([]byte{5}, log), payload...)
	head := binary.LittleEndian.AppendUint32(nil, pebbleSum(sealed))
	head = binary.LittleEndian.AppendUint16(head, uint16(len(payload)))
	return append(head, sealed...)
}
