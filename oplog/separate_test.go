package oplog

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// TestKindsInTablesOfTheirOwn: the pieces of a checkpoint, flushed one after the
// other beside blocks, lie side by side. A table with keys of two kinds would
// overlap with those of all other pieces.
func TestKindsInTablesOfTheirOwn(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	const pieces = 6 // fewer than make Pebble compact
	for i := range pieces {
		writeOps(t, l, 3)
		sync_(t, l)
		c := l.NewCheckpoint()
		for j := range 3 {
			c.Put([]byte{0, byte(3*i + j), 'k'}, bytes.Repeat([]byte{'v'}, 2*separateBytes))
			c.SetVector(RangeID(3*i+j), crdt.VersionVector{})
		}
		if err := c.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := l.store.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	levels, err := l.store.db.SSTables()
	if err != nil {
		t.Fatal(err)
	}
	tables := map[byte]int{}
	for _, level := range levels {
		for i := range level {
			lo, hi := level[i].Smallest.UserKey, level[i].Largest.UserKey
			if lo[0] != hi[0] {
				t.Errorf("a table from %q to %q", lo, hi)
			}
			tables[lo[0]]++
		}
	}
	if tables[kindState] != pieces || tables[kindVector] != pieces || tables[kindBlock] != pieces {
		t.Errorf("tables by kind: %v", tables)
	}
}
