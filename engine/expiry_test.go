package engine

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// idlePair are two members whose expirers only run when a test says so.
func idlePair(t *testing.T, wall *atomic.Int64) (a, b *node) {
	a = &node{t: t, fs: vfs.NewMem(), id: 1, wall: wall, idle: true}
	b = &node{t: t, fs: vfs.NewMem(), id: 2, wall: wall, idle: true}
	for _, n := range []*node{a, b} {
		n.open()
		t.Cleanup(n.close)
	}
	a.all, b.all = []*node{a, b}, []*node{a, b}
	return a, b
}

// expire runs one round of the node's expirer and returns what it deleted.
func (n *node) expire() (deleted int) {
	tx := n.eng.NewTx()
	for i := range partitions {
		deleted += tx.expirePartition(i)
	}
	return deleted
}

func (n *node) has(key string) (is bool) {
	n.do(func(tx *Tx) { is = tx.Exists([]byte(key)) })
	return is
}

func TestDeadlineIsEnforcedByItsOwner(t *testing.T) { // X1
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{At: 1_000_100}) })
	b.pull(a)
	if !a.has("k") || !b.has("k") {
		t.Fatal("the key is gone before its deadline")
	}

	wall.Store(1_000_101)
	issued := b.log.Issued()
	if a.has("k") || b.has("k") {
		t.Error("the key shows past its deadline")
	}
	if n := b.expire(); n != 0 || b.log.Issued() != issued {
		t.Errorf("replica 2 has deleted %d keys of replica 1's deadline", n)
	}
	if n := a.expire(); n != 1 {
		t.Errorf("the owner has deleted %d keys, want 1", n)
	}
	b.pull(a)
	if d := b.eng.Digest(); d != 0 || a.eng.Digest() != 0 {
		t.Errorf("digest %x after the owner's delete", d)
	}
}

func TestWriteToHiddenKeyDeletesItFirst(t *testing.T) { // X1
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	a.do(func(tx *Tx) { tx.SetAdd([]byte("s"), [][]byte{[]byte("old")}); tx.SetDeadline([]byte("s"), 1_000_100) })
	b.pull(a)

	wall.Store(1_000_101)
	b.do(func(tx *Tx) { tx.SetAdd([]byte("s"), [][]byte{[]byte("new")}) })
	a.pull(b)
	want := []string{"0 s set [new] 0"}
	same(t, "at the writer", b.dump(), want)
	same(t, "at the owner", a.dump(), want)
	if n := a.expire() + b.expire(); n != 0 {
		t.Errorf("%d keys expired again", n)
	}
	same(t, "after the expirer", a.dump(), b.dump())
}

func TestAnybodyExpiresAfterTheGracePeriod(t *testing.T) { // X1
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{At: 1_000_100}) })
	b.pull(a)
	grace := b.eng.opts.ExpiryGrace.Milliseconds()

	wall.Store(1_000_100 + grace)
	if n := b.expire(); n != 0 {
		t.Errorf("%d keys expired within the grace period of %d ms", n, grace)
	}
	wall.Store(1_000_101 + grace)
	if n := b.expire(); n != 1 {
		t.Errorf("%d keys expired after the grace period, want 1", n)
	}
	if n := a.expire(); n != 1 { // it has not heard of it: both deletes are the same
		t.Errorf("the owner expired %d keys, want 1", n)
	}
	a.pull(b)
	b.pull(a)
	if a.eng.Digest() != 0 || b.eng.Digest() != 0 {
		t.Error("the key is still there")
	}
}

// X1: what a member that is away has not told yet may be a later deadline.
func TestDeadlinesOfAMemberThatIsAwayAreItsOwn(t *testing.T) {
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("f", "v"))
		tx.SetDeadline([]byte("h"), 1_000_100)
		tx.HashSet([]byte("g"), words("f", "v", "kept", "v"))
		tx.HashExpire([]byte("g"), words("f"), 1_000_100, always)
	})
	b.pull(a)
	away := true
	b.eng.opts.Member = func(id crdt.ReplicaID) bool { return away && id == 1 }
	a.do(func(tx *Tx) {
		tx.SetDeadline([]byte("h"), 2_000_000)
		tx.HashExpire([]byte("g"), words("f"), 2_000_000, always)
	})
	wall.Store(1_500_000)
	if n := b.expire(); n != 0 || b.has("h") {
		t.Errorf("%d deleted, shown %v", n, b.has("h"))
	}
	b.pull(a)
	if !b.has("h") {
		t.Error("what was kept alive is gone")
	}
	same(t, "at both", a.dump(), b.dump())
	wall.Store(2_500_000)
	if away = false; b.expire() != 2 {
		t.Error("nobody deletes for one that is no member")
	}
}

// Keys that are others' to delete do not stand before the own ones for ever.
func TestManyDeadlinesOfOthers(t *testing.T) {
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	put := func(tx *Tx, key string, at int64) { tx.Put([]byte(key), []byte("v"), Expiry{At: at}) }
	a.do(func(tx *Tx) {
		for i := range 3 * expireLooks {
			put(tx, fmt.Sprintf("{same}%d", i), 1_000_100)
		}
	})
	b.pull(a)
	b.do(func(tx *Tx) { put(tx, "{same}own", 1_000_200) })
	b.eng.opts.Member = func(crdt.ReplicaID) bool { return true }
	wall.Store(1_500_000)
	deleted := 0
	for range 64 * 3 * expireLooks / expireLooks {
		deleted += b.expire()
	}
	if deleted != 1 {
		t.Errorf("%d own keys deleted, want 1", deleted)
	}
}

func TestLongerDeadlineFromElsewhereWins(t *testing.T) { // X1
	wall := clockAt(1_000_000)
	a, b := idlePair(t, wall)
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{}) })
	b.pull(a)
	a.do(func(tx *Tx) { tx.SetDeadline([]byte("k"), 1_000_100) })
	b.do(func(tx *Tx) { tx.SetDeadline([]byte("k"), 1_005_000) })
	a.pull(b)
	b.pull(a)

	wall.Store(1_000_101)
	if !a.has("k") || !b.has("k") || a.expire()+b.expire() != 0 {
		t.Error("the shorter of two concurrent deadlines was enforced")
	}
	wall.Store(1_005_001)
	if a.expire() != 0 || b.expire() != 1 {
		t.Error("the longer deadline was not enforced by its owner")
	}
}

// D2: where writes are forbidden the expirer writes nothing either. It asks under
// the lock of each partition, so that nothing of it is under way once all have
// been locked.
func TestExpirerWritesNothingWhereWritesAreForbidden(t *testing.T) {
	wall := clockAt(1_000_000)
	a, _ := idlePair(t, wall)
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{At: 1_000_100}) })
	wall.Store(1_000_101)
	a.log.Forbid(errors.New("its disk was put back"))
	issued := a.log.Issued()
	a.eng.forgetResidues(a.eng.NewTx())
	if n := a.expire(); n != 0 || a.log.Issued() != issued {
		t.Errorf("%d keys were deleted, the log ends at %v, before at %v", n, a.log.Issued(), issued)
	}
	a.log.Forbid(nil)
	if n := a.expire(); n != 1 {
		t.Errorf("%d keys were deleted, want 1", n)
	}
}

// A flush of one database does nothing to the deadlines of the others, however many
// these are: it holds everything meanwhile.
func TestFlushLeavesDeadlinesOfOthersAlone(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.do(func(tx *Tx) {
		for i := range 20_000 {
			tx.Put(fmt.Appendf(nil, "k%d", i), nil, Expiry{At: n.wall.Load() + 1000})
		}
	})
	allocs := testing.AllocsPerRun(1, func() {
		n.do(func(tx *Tx) {
			tx.Select(1)
			for i := range 300 { // in every partition
				tx.Put(fmt.Appendf(nil, "k%d", i), nil, Expiry{At: n.wall.Load() + 1000})
			}
			if err := tx.Flush(); err != nil || tx.Len() != 0 {
				t.Error(err, tx.Len())
			}
		})
	})
	if allocs > 10_000 {
		t.Errorf("%v allocations", allocs)
	}
	if got := n.eng.NewTx().ExpiresOf(0); got != 20_000 {
		t.Errorf("%d deadlines are left", got)
	}
}
