package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"crdb/crdt"
	"crdb/oplog"
)

// TestTooLargeForAnOp: what would be one op that no block can hold is refused before
// anything is changed. The log could not be read again, neither here nor elsewhere.
func TestTooLargeForAnOp(t *testing.T) {
	const wall = 1_700_000_000_000
	n := newNode(t, 1, clockAt(wall))
	n.close()
	n.sizes.OpBytes = 8 << 10
	n.open()
	fillLarge(n.do, largeTypes, 1000)
	n.do(func(tx *Tx) {
		tx.Put([]byte("to"), []byte("old"), Expiry{})
		for i := range 1000 {
			if err := tx.HashSetDated([]byte("dated"), [][]byte{fmt.Appendf(nil, "field %d", i), []byte("v")}, []int64{wall + 1000}); err != nil {
				t.Fatal(err)
			}
		}
	})
	before := n.dump()
	refused := func(what string, tx *Tx, fn func()) {
		tx.LockAll(wall)
		defer func() {
			if cause := recover(); cause != ErrOpTooLarge {
				t.Errorf("%s: %v", what, cause)
			}
			tx.Unlock()
			same(t, "after "+what, before, n.dump())
		}()
		fn()
	}
	for _, typ := range append([]string{"dated"}, largeTypes...) {
		for _, ahead := range []bool{false, true} {
			tx, key, to := n.eng.NewTx(), []byte(typ), []byte("to")
			if ahead {
				tx.Draft(wall, key, true)
				tx.Draft(wall, key, false)
			}
			refused("RENAME of a "+typ, tx, func() { tx.Rename(key, to) })
			refused("COPY of a "+typ, tx, func() { tx.Copy(key, to, 0) })
			refused("MOVE of a "+typ, tx, func() { tx.Move(key, 1) })
			tx.DropDrafts()
		}
	}
	members := make([][]byte, 1000)
	for i := range members {
		members[i] = fmt.Appendf(nil, "member %d", i)
	}
	tx := n.eng.NewTx()
	refused("SADD", tx, func() { tx.SetAdd([]byte("new"), members) })
	refused("RPUSH", tx, func() { tx.ListPush([]byte("list"), false, members) })
	refused("SREM", tx, func() { tx.SetRemove([]byte("set"), setNames(tx)) })
	n.close()
	n.open()
	same(t, "after a restart", before, n.dump())
}

func setNames(tx *Tx) (names [][]byte) {
	_ = tx.SetEach([]byte("set"), func(m []byte) bool {
		names = append(names, append([]byte(nil), m...))
		return len(names) < 900
	})
	return names
}

// TestLargeStreamIsPutInPieces: a stream that no op can hold is put by several, and its
// groups have what is pending, and nothing that they would deliver again.
func TestLargeStreamIsPutInPieces(t *testing.T) {
	n, other := newNode(t, 1, clockAt(1_700_000_000_000)), newNode(t, 2, clockAt(1_700_000_000_000))
	n.close()
	n.sizes.OpBytes = 8 << 10
	n.open()
	const entries = 1000
	from := crdt.NewStream(crdt.StreamID{Ms: entries}, crdt.StreamID{}, entries)
	for i := range entries {
		from.Append(crdt.StreamID{Ms: uint64(i) + 1}, [][]byte{[]byte("field"), fmt.Append(nil, i)})
	}
	g := from.AppendGroup([]byte("g"), crdt.StreamID{Ms: 900}, 900)
	c, _ := g.AddConsumer([]byte("c"), 1)
	g.Assign(crdt.StreamID{Ms: 7}, c, 1, 1)
	n.do(func(tx *Tx) {
		if err := tx.StreamPut([]byte("s"), from); err != nil {
			t.Fatal(err)
		}
	})
	check := func(when string, n *node) {
		n.do(func(tx *Tx) {
			s, err := tx.Stream([]byte("s"))
			if err != nil || s == nil {
				t.Fatal(when, err)
			}
			if info := s.Info(); s.Entries() != entries || info.Added != entries || info.Last.Ms != entries || len(s.Groups()) != 1 {
				t.Errorf("%s: %d entries, %+v, %d groups", when, s.Entries(), info, len(s.Groups()))
			}
		})
	}
	check("here", n)
	n.do(func(tx *Tx) {
		s, _ := tx.Stream([]byte("s"))
		if g := s.Group([]byte("g")); g.Last.Ms != 900 || len(g.Consumers()) != 1 || g.Consumers()[0].Pending() != 1 {
			t.Errorf("group %+v", g.GroupState)
		}
	})
	other.pull(n)
	check("elsewhere", other)
	same(t, "digests", digests(n), digests(other))
	n.close()
	n.open()
	check("after a restart", n)
	same(t, "digests after a restart", digests(n), digests(other))
}

// deletions are the ways in which keys go.
func deletions(wall int64, keys [][]byte) map[string]func(n *node) {
	return map[string]func(n *node){
		"DEL":   func(n *node) { n.do(func(tx *Tx) { tx.Delete(keys[0]); tx.Delete(keys[1]) }) },
		"flush": func(n *node) { n.do(func(tx *Tx) { tx.Flush() }) },
		"expiry": func(n *node) {
			n.do(func(tx *Tx) { tx.SetDeadline(keys[0], wall+1); tx.SetDeadline(keys[1], wall+1) })
			n.wall.Add(10)
			for i := range partitions {
				n.eng.NewTx().expirePartition(i)
			}
		},
		"eviction": func(n *node) {
			for range keys {
				n.eng.NewTx().Evict(wall, Eviction{Samples: 5})
			}
		},
	}
}

// TestLargeCountersAreDeletedInPieces: a delete names all that counts, which may be more than
// an op can hold. Others see the key go at once, with what they had told of it by then.
func TestLargeCountersAreDeletedInPieces(t *testing.T) {
	for _, tail := range []string{"", strings.Repeat("x", 400)} { // few of these fit into an op
		largeCountersAreDeleted(t, tail)
	}
}

func largeCountersAreDeleted(t *testing.T, tail string) {
	const wall, counters = 1_700_000_000_000, 1000
	open := func(id crdt.ReplicaID) *node {
		n := newNode(t, id, clockAt(wall))
		n.close()
		n.sizes.OpBytes = 8 << 10
		n.open()
		return n
	}
	keys := [][]byte{[]byte("hash"), []byte("zset")}
	count := func(n *node, from, to int) {
		n.do(func(tx *Tx) {
			for i := from; i < to; i++ {
				name := fmt.Appendf(nil, "counter %d%s", i, tail)
				if _, err := tx.HashIncr(keys[0], name, 1); err != nil {
					t.Fatal(err)
				}
				if _, _, err := tx.ZSetIncr(keys[1], name, 1.5, ScoreRule{}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for what, remove := range deletions(wall, keys) {
		a, b := open(1), open(2)
		count(a, 0, counters)
		b.pull(a)
		count(b, counters-1, counters+1) // which a has not seen
		var gone []string
		a.eng.Observe(func(c Change) {
			if c.Gone {
				gone = append(gone, string(c.Key))
			}
		})
		remove(a)
		b.pull(a)
		a.pull(b)
		same(t, what, a.dump(), b.dump())
		a.do(func(tx *Tx) {
			for _, key := range keys {
				fields, _ := tx.HashLen(key)
				members, _ := tx.ZSetLen(key)
				if fields+members != 2 {
					t.Errorf("%s: %d elements of %s are left", what, fields+members, key)
				}
			}
		})
		if len(gone) != len(keys) && what != "flush" {
			t.Errorf("%s: told that %q are gone", what, gone)
		}
		largest := 0
		blocks, err := a.log.Read(a.id, 0, 1<<30)
		for _, block := range blocks {
			err = errors.Join(err, block.Each(func(en oplog.Entry) error { largest = max(largest, len(en.Op)); return nil }))
		}
		if err != nil || len(blocks) == 0 || largest > a.sizes.OpBytes {
			t.Errorf("%s: %d blocks, an op of %d bytes, %v", what, len(blocks), largest, err)
		}
	}
}
