package oplog

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// The budget is kept as far as the limit allows, the oldest going first.
func TestExcess(t *testing.T) {
	clock := newClock()
	o := testOptions(vfs.NewMem(), 1)
	o.Wall, o.RetentionBytes = clock.now, 20_000
	l := open(t, o)
	var ends []crdt.Timestamp
	for range 40 {
		clock.ms.Add(10)
		ends = append(ends, l.Append(make([]byte, 1000)).Time)
		sync_(t, l)
	}
	if !l.OverBudget() {
		t.Fatalf("%d bytes are within the budget", l.Bytes())
	}
	limit := crdt.VersionVector{{Replica: 1, Time: ends[4]}}
	cut, err := l.Excess(limit)
	if err != nil || !limit.Descends(cut) || cut.Get(1) != ends[4] {
		t.Fatalf("cut %v, limit %v, %v", cut, limit, err)
	}
	cut, err = l.Excess(crdt.VersionVector{{Replica: 1, Time: ends[39]}})
	if err != nil {
		t.Fatal(err)
	}
	l.Truncate(cut)
	if n := l.Bytes(); n > 20_000 || n < 17_000 {
		t.Errorf("%d bytes are left of a budget of 20000", n)
	}
	if _, err := l.Read(1, ends[30], 1<<20); err != nil {
		t.Errorf("the newest are gone: %v", err)
	}
	if n := l.KeptBehind(crdt.VersionVector{{Replica: 1, Time: ends[37]}}); n < 2000 || n > 3000 {
		t.Errorf("%d bytes are kept for who lacks two ops", n)
	}
}
