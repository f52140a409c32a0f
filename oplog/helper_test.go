package oplog

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

const testWall = 1_700_000_000_000

// testClock is a wall clock a test moves by hand.
type testClock struct{ ms atomic.Int64 }

func newClock() *testClock {
	c := &testClock{}
	c.ms.Store(testWall)
	return c
}

func (c *testClock) now() int64 { return c.ms.Load() }

// never is a timer that does not fire: the writer then pauses until somebody
// waits, which makes commits deterministic.
func never(time.Duration) <-chan time.Time { return nil }

func testOptions(fs vfs.FS, self crdt.ReplicaID) Options {
	return Options{
		FS: fs, Dir: "db", Wall: newClock().now, After: never,
		Identity:      Identity{Database: "0b5e", Name: "orders", Region: "us-east", Replica: self},
		MemTableBytes: 1 << 20,
	}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB, o Options) *Log {
	t.Helper()
	l := mustOpen(t, o)
	t.Cleanup(func() { l.Close() })
	return l
}

func sync_(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.Sync(ctx); err != nil {
		t.Fatal("sync:", err)
	}
}

// writeOps appends n ops named after their number and syncs.
func writeOps(t testing.TB, l *Log, n int) (dots []crdt.Dot) {
	t.Helper()
	for i := range n {
		dots = append(dots, l.Append(fmt.Appendf(nil, "op %d", i)))
	}
	sync_(t, l)
	return dots
}

// remote makes blocks as another replica would.
type remote struct {
	r    crdt.ReplicaID
	prev crdt.Timestamp
	t    crdt.Timestamp
}

func newRemote(r crdt.ReplicaID) *remote {
	return &remote{r: r, t: crdt.TimestampAt(testWall)}
}

func (m *remote) block(deps crdt.VersionVector, ops ...string) *Block {
	s := segment{first: m.t + 1}
	for i, op := range ops {
		m.t++
		s.add(m.t, false, op)
		_ = i
	}
	s.last = m.t
	b := seal(m.r, &s, m.prev, deps)
	m.prev = m.t
	return b
}

// add encodes one op, as Append does.
func (s *segment) add(t crdt.Timestamp, joins bool, op string) {
	if s.ops == 0 {
		s.first, s.last = t, t
	}
	head := uint64(len(op)) << 1
	if joins {
		head |= 1
	}
	s.buf = binary.AppendUvarint(s.buf, uint64(t-s.last))
	s.buf = binary.AppendUvarint(s.buf, head)
	s.buf = append(s.buf, op...)
	s.last = t
	s.ops++
}

func entries(t testing.TB, b *Block) (out []Entry) {
	t.Helper()
	if err := b.Each(func(e Entry) error { out = append(out, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// readAll reads the whole kept log of r.
func readAll(t testing.TB, l *Log, r crdt.ReplicaID, after crdt.Timestamp) (out []*Block) {
	t.Helper()
	for {
		blocks, err := l.Read(r, after, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(blocks) == 0 {
			return out
		}
		out = append(out, blocks...)
		after = blocks[len(blocks)-1].Last
	}
}
