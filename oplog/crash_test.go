package oplog

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// crashRun is one random history of a log on a file system that can crash.
type crashRun struct {
	t       *testing.T
	rng     *rand.Rand
	fs      *vfs.MemFS
	o       Options
	l       *Log
	ops     map[crdt.Dot]string // every op ever issued or received
	issued  crdt.Timestamp
	clock   *testClock
	remotes []*crashRemote
	n       int
}

type crashRemote struct {
	remote
	blocks []*Block
}

// TestCrash crashes at many moments, with none, some or all of the unsynced
// data on disk. After each: every op reported durable is there, Durable was
// never ahead of the disk (D1), the log is causally closed (D4), a checkpoint
// is not ahead of the log (D3), and no dot is issued again.
func TestCrash(t *testing.T) {
	seeds, steps := 12, 150
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			c := &crashRun{t: t, rng: rand.New(rand.NewPCG(uint64(seed), 7)), fs: vfs.NewCrashableMem(), ops: map[crdt.Dot]string{}}
			c.clock = newClock()
			c.o = testOptions(c.fs, 1)
			c.o.Wall = c.clock.now
			c.o.After, c.o.Pace, c.o.CacheBytes = time.After, 50*time.Microsecond, 2000
			c.l = mustOpen(t, c.o)
			for r := range 3 {
				c.remotes = append(c.remotes, &crashRemote{remote: *newRemote(crdt.ReplicaID(r + 2))})
			}
			for range steps {
				c.step()
			}
			if err := c.l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (c *crashRun) step() {
	switch k := c.rng.IntN(20); {
	case k < 9:
		c.append()
	case k < 10:
		c.l.BeginGroup()
		for range 1 + c.rng.IntN(4) {
			c.append()
		}
		c.l.EndGroup()
	case k < 15:
		c.receive()
	case k < 16:
		c.checkpoint()
	case k < 17:
		sync_(c.t, c.l)
	case k < 18:
		if c.rng.IntN(4) == 0 {
			c.l.Truncate(c.l.Durable())
		}
	default:
		c.crash(c.rng.IntN(4) == 0)
	}
}

func (c *crashRun) append() {
	c.n++
	op := fmt.Sprintf("op %d", c.n)
	d := c.l.Append([]byte(op))
	c.ops[d], c.issued = op, d.Time
}

// receive hands in the next block of some remote, which depends on whatever of
// the others is here and on own durable ops.
func (c *crashRun) receive() {
	m := c.remotes[c.rng.IntN(len(c.remotes))]
	at := c.l.Received().Get(m.r)
	var b *Block
	for _, old := range m.blocks { // after a crash it comes again
		if old.Prev == at {
			b = old
		}
	}
	if b == nil {
		deps := c.l.Received()
		if own := c.l.DurableOwn(); own != 0 {
			deps.Raise(crdt.Dot{Time: own, Replica: 1})
		}
		deps = without(deps, m.r)
		for _, e := range deps {
			m.t = max(m.t, e.Time)
		}
		c.n++
		b = m.block(deps, fmt.Sprint("remote ", c.n), "second")
		m.blocks = append(m.blocks, b)
		for _, e := range entries(c.t, b) {
			c.ops[e.Dot] = string(e.Op)
		}
	}
	if err := c.l.Receive(b); err != nil && c.l.Received().Descends(b.Deps) {
		c.t.Fatal(err)
	}
}

func without(vv crdt.VersionVector, r crdt.ReplicaID) (out crdt.VersionVector) {
	for _, e := range vv {
		if e.Replica != r {
			out = append(out, e)
		}
	}
	return out
}

// checkpoint writes a range at the vector of all that was issued and received.
func (c *crashRun) checkpoint() {
	vv := c.l.Received()
	vv.Raise(c.l.Issued())
	if c.l.Issued().IsZero() {
		return
	}
	cp := c.l.NewCheckpoint()
	cp.Put([]byte("vector"), crdt.AppendVector(nil, vv))
	cp.SetVector(5, vv)
	if err := cp.Commit(); err != nil {
		c.t.Fatal(err)
	}
}

// crash clones the disk as a power cut would leave it and checks the clone.
// With restart the run goes on from there.
func (c *crashRun) crash(restart bool) {
	reported := c.l.Durable()
	percent := []int{0, 0, 30, 70, 100}[c.rng.IntN(5)]
	o := c.o
	fs := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng})
	o.FS = fs
	c.clock.ms.Add(1) // a restart takes time
	l, err := Open(o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.check(l, reported, restart)
	if !restart {
		l.Close()
		return
	}
	c.l.Close()
	c.l, c.fs, c.o = l, fs, o
	c.clock.ms.Add(200)
	c.append()
	sync_(c.t, l) // dots after an idle time are past the bound until a commit
}

func (c *crashRun) check(l *Log, reported crdt.VersionVector, restart bool) {
	t, durable := c.t, l.Durable()
	if !durable.Descends(reported) {
		t.Fatalf("lost: %v was reported durable, %v is there", reported, durable)
	}
	floor := crdt.VersionVector{}
	for _, b := range l.Bounds() {
		if b.Prev != 0 {
			floor.Set(b.Replica, b.Prev)
		}
	}
	have := floor.Clone()
	err := l.Replay(floor, func(b *Block) error {
		if have.Get(b.Replica) != b.Prev || !have.Descends(b.Deps) {
			t.Fatalf("replay out of order: %+v at %v", b, have)
		}
		for _, e := range entries(t, b) {
			if op, ok := c.ops[e.Dot]; !ok || op != string(e.Op) {
				t.Fatalf("op %v is %q, was %q", e.Dot, e.Op, op)
			}
		}
		have.Set(b.Replica, b.Last)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !have.Equal(durable) {
		t.Fatalf("replay reached %v of %v", have, durable)
	}
	vectors, err := l.RangeVectors()
	if err != nil || !durable.Descends(vectors[5]) {
		t.Fatalf("state at %v, log at %v (D3), %v", vectors[5], durable, err)
	}
	l.EachState(nil, nil, func(k, v []byte) error {
		if vv, _, _ := crdt.DecodeVector(nil, v); !vv.Equal(vectors[5]) {
			t.Fatalf("records at %v under vector %v", vv, vectors[5])
		}
		return nil
	})
	if d := l.Append([]byte("clone")); d.Time <= c.issued {
		t.Fatalf("dot %v issued again, up to %v were out", d, c.issued)
	} else if restart {
		c.ops[d], c.issued = "clone", d.Time
	}
}

// An own op that saw a received block is in the same commit or a later one,
// never in an earlier one: the disk is closed after every single commit (D4).
func TestEveryCommitIsClosed(t *testing.T) {
	fs := vfs.NewCrashableMem()
	o := testOptions(fs, 1)
	l := open(t, o)
	writeOps(t, l, 1) // the writer now pauses until somebody waits
	var commits atomic.Int64
	l.OnDurable(func() {
		commits.Add(1)
		clone := o
		clone.FS = fs.CrashClone(vfs.CrashCloneCfg{})
		c, err := Open(clone)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		if err := c.Replay(nil, func(*Block) error { return nil }); err != nil {
			t.Error(err)
		}
	})
	m := newRemote(2)
	for range 20 {
		if err := l.Receive(m.block(nil, "r")); err != nil {
			t.Fatal(err)
		}
		l.Append([]byte("saw r"))
		sync_(t, l)
	}
	if commits.Load() == 0 {
		t.Fatal("no commits")
	}
}
