package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"crdb/crdt"
)

// streamParts is what all regions must agree on of a stream.
func streamParts(tx *Tx, key []byte) (parts []string) {
	s, _ := tx.Stream(key)
	s.Range(crdt.StreamID{}, crdt.MaxStreamID, false, func(e *crdt.StreamEntry) bool {
		text := fmt.Sprint("entry ", e.ID)
		e.Each(func(f, v []byte) { text += fmt.Sprintf(" %s=%s", f, v) })
		parts = append(parts, text)
		return true
	})
	for _, g := range s.Groups() {
		parts = append(parts, "group "+string(g.Name))
	}
	return append(parts, fmt.Sprint(s.Info().Last, s.Info().Removed, s.Info().Added))
}

func randomStreamOp(tx *Tx, rnd *rand.Rand, key, group, val []byte) {
	id := crdt.StreamID{Ms: uint64(rnd.IntN(40)), Seq: 1}
	s, _ := tx.Stream(key)
	var g *crdt.Group
	if s != nil {
		g = s.Group(group)
	}
	switch rnd.IntN(11) {
	case 9:
		for range 12 {
			tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{[]byte("f"), val}})
		}
	case 10:
		tx.StreamTrim(key, crdt.StreamTrim{Max: rnd.IntN(8)})
	case 0, 1:
		tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{[]byte("f"), val}})
	case 2:
		trim := crdt.StreamTrim{Max: rnd.IntN(6), Approx: rnd.IntN(2) == 0}
		tx.StreamAdd(key, &StreamAdd{ID: id, Fields: [][]byte{val, val, val, nil}, Trim: &trim})
	case 3:
		tx.StreamAdd(key, &StreamAdd{ID: id, Fields: [][]byte{val, val}})
	case 4:
		if s != nil {
			var top crdt.StreamID
			s.Range(top, crdt.MaxStreamID, rnd.IntN(2) == 0, func(e *crdt.StreamEntry) bool { top = e.ID; return false })
			tx.StreamDelete(key, []crdt.StreamID{id, top})
		}
	case 5:
		tx.StreamTrim(key, crdt.StreamTrim{ByMin: true, Min: id})
	case 6:
		if s == nil || g == nil {
			tx.GroupCreate(key, group, crdt.StreamID{}, crdt.NoEntriesRead, s == nil)
		} else if rnd.IntN(4) == 0 {
			tx.GroupDestroy(key, group)
		}
	case 7:
		readSome(tx, s, g, key)
	case 8:
		if g != nil && g.PendingLen() > 0 {
			first, last := g.PendingEdges()
			ack(tx, key, group, first, last)
		}
	}
}

func ack(tx *Tx, key, group []byte, ids ...crdt.StreamID) {
	tx.GroupAck(key, group, func() ([]crdt.StreamID, bool) { return ids, true })
}

func readSome(tx *Tx, s *crdt.Stream, g *crdt.Group, key []byte) {
	if g == nil {
		return
	}
	c, _ := g.AddConsumer([]byte("c"), tx.Now())
	for _, id := range s.Next(g, 3) {
		s.Delivered(g, id)
		g.Assign(id, c, tx.Now(), 1)
	}
	tx.GroupChanged(key, g.Name)
}

// TestACheckpointSavesAGroupOnce: however many deliveries and acknowledgements
// there were, the pending entries are in a checkpoint once.
func TestACheckpointSavesAGroupOnce(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	key, group := []byte("x"), []byte("g")
	const entries = 9000
	n.do(func(tx *Tx) {
		for i := range entries {
			tx.StreamAdd(key, &StreamAdd{ID: crdt.StreamID{Ms: uint64(i + 1)}, Fields: [][]byte{key, group}})
		}
		tx.GroupCreate(key, group, crdt.StreamID{}, crdt.NoEntriesRead, false)
	})
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	before := n.eng.Stats().CheckpointBytes
	for i := range entries / 3 {
		n.do(func(tx *Tx) {
			s, _ := tx.Stream(key)
			readSome(tx, s, s.Group(group), key)
			ack(tx, key, group, crdt.StreamID{Ms: uint64(i + 1)})
		})
	}
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if wrote := n.eng.Stats().CheckpointBytes - before; wrote > 200*entries {
		t.Errorf("the checkpoint wrote %d bytes", wrote)
	}
	n.close()
	n.open()
	n.do(func(tx *Tx) {
		s, _ := tx.Stream(key)
		if g := s.Group(group); g.PendingLen() != entries-entries/3 {
			t.Errorf("%d pending", g.PendingLen())
		}
	})
}

// TestGroupsSurviveRestart: what was read before a checkpoint is known after it.
func TestGroupsSurviveRestart(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	n := newNode(t, 1, wall)
	key, group := []byte("x"), []byte("g")
	n.do(func(tx *Tx) {
		for i := range 5 {
			tx.StreamAdd(key, &StreamAdd{ID: crdt.StreamID{Ms: uint64(i + 1)}, Fields: [][]byte{key, group}})
		}
		tx.GroupCreate(key, group, crdt.StreamID{}, crdt.NoEntriesRead, false)
	})
	for range 2 {
		if err := n.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		n.do(func(tx *Tx) {
			s, _ := tx.Stream(key)
			readSome(tx, s, s.Group(group), key)
		})
	}
	n.do(func(tx *Tx) { ack(tx, key, group, crdt.StreamID{Ms: 2}) })
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	n.close()
	n.open()
	n.do(func(tx *Tx) {
		s, _ := tx.Stream(key)
		g := s.Group(group)
		if g.PendingLen() != 4 || g.Last.Ms != 5 || g.Consumer([]byte("c")) == nil || len(s.Next(g, 0)) != 0 {
			t.Errorf("%d pending, last %v", g.PendingLen(), g.Last)
		}
	})
}

// TestLateEntriesSurviveRestart: an entry that came behind the position of a group
// is delivered after a restart, too, although nobody has read or acknowledged
// anything since.
func TestLateEntriesSurviveRestart(t *testing.T) {
	all := members(t, 1, 2)
	a, b := all[0], all[1]
	key, group := []byte("x"), []byte("g")
	add := func(n *node, ms uint64) {
		n.do(func(tx *Tx) {
			if _, _, err := tx.StreamAdd(key, &StreamAdd{ID: crdt.StreamID{Ms: ms}, Fields: [][]byte{key, group}}); err != nil {
				t.Fatal(err)
			}
		})
	}
	add(a, 100)
	a.do(func(tx *Tx) {
		tx.GroupCreate(key, group, crdt.StreamID{}, 0, false)
		s, _ := tx.Stream(key)
		readSome(tx, s, s.Group(group), key)
	})
	add(b, 90)
	for _, arrives := range []bool{false, true} { // the first checkpoint has all of the key
		if arrives {
			a.pull(b)
		}
		if err := a.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	a.close()
	a.open()
	a.do(func(tx *Tx) {
		s, _ := tx.Stream(key)
		if ids := s.Next(s.Group(group), 0); len(ids) != 1 || ids[0].Ms != 90 {
			t.Errorf("to be delivered: %v", ids)
		}
	})
}

// TestMadeStreamIDs: IDs that regions make never collide; one that is alone
// makes Redis's.
func TestMadeStreamIDs(t *testing.T) {
	wall := clockAt(1_700_000_000_000)
	alone := false
	seen := map[crdt.StreamID]bool{}
	for r := range crdt.ReplicaID(3) {
		n := newNode(t, r+1, wall)
		n.eng.opts.Alone = func() bool { return alone }
		for mode := range StreamIDMode(3) {
			key := fmt.Appendf(nil, "x%d", mode)
			for i := range 20 {
				n.do(func(tx *Tx) {
					a := &StreamAdd{Auto: i%2 == 0, AutoSeq: i%2 == 1, Mode: mode, Fields: [][]byte{key, key}}
					a.ID.Ms = uint64(tx.Now())
					id, _, err := tx.StreamAdd(key, a)
					if err != nil || mode == 0 && seen[id] {
						t.Errorf("%v %v", id, err)
					}
					if mode == 0 {
						seen[id] = true
					}
				})
			}
		}
		alone = true
		n.do(func(tx *Tx) {
			for seq := range uint64(3) {
				id, _, _ := tx.StreamAdd([]byte("y"), &StreamAdd{Auto: true, Fields: [][]byte{nil, nil}})
				if id != (crdt.StreamID{Ms: uint64(tx.Now()), Seq: seq}) {
					t.Errorf("alone: %v", id)
				}
			}
		})
		alone = false
	}
}

// TestDeliveriesCount: what a group has delivered is memory, though no operation says
// so.
func TestDeliveriesCount(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	key, group := []byte("x"), []byte("g")
	const entries = 1000
	n.do(func(tx *Tx) {
		for i := range entries {
			tx.StreamAdd(key, &StreamAdd{ID: crdt.StreamID{Ms: uint64(i + 1)}, Fields: [][]byte{key, group}})
		}
		tx.GroupCreate(key, group, crdt.StreamID{}, crdt.NoEntriesRead, false)
	})
	before := n.eng.DataBytes()
	n.do(func(tx *Tx) {
		for range entries {
			s, _ := tx.Stream(key)
			readSome(tx, s, s.Group(group), key)
		}
	})
	after := n.eng.DataBytes()
	if after < before+entries*48 {
		t.Errorf("%d pending entries count for %d bytes", entries, after-before)
	}
	n.do(func(tx *Tx) { tx.StreamSetID(key, crdt.StreamID{Ms: 1 << 20}, nil, nil) }) // any change
	if late := n.eng.DataBytes(); late != after {
		t.Errorf("the next change of the key finds %d bytes more", late-after)
	}
}

// TestCopiedDeliveriesCount: with a copy of a stream goes what its groups have
// delivered, which counts like the rest of it.
func TestCopiedDeliveriesCount(t *testing.T) {
	for _, entries := range []int{1, 1000} { // copied at once, and by a draft
		n := newNode(t, 1, clockAt(1_700_000_000_000))
		key, group := []byte("x"), []byte("g")
		n.do(func(tx *Tx) {
			for i := range entries {
				tx.StreamAdd(key, &StreamAdd{ID: crdt.StreamID{Ms: uint64(i + 1)}, Fields: [][]byte{key, group}})
			}
			tx.GroupCreate(key, group, crdt.StreamID{}, crdt.NoEntriesRead, false)
			for range entries {
				s, _ := tx.Stream(key)
				readSome(tx, s, s.Group(group), key)
			}
			tx.Copy(key, []byte("y"), 0)
		})
		after := n.eng.DataBytes()
		n.do(func(tx *Tx) { tx.StreamSetID([]byte("y"), crdt.StreamID{Ms: 1 << 20}, nil, nil) }) // any change
		if late := n.eng.DataBytes(); late != after {
			t.Errorf("%d entries: the next change of the copy finds %d bytes more", entries, late-after)
		}
	}
}
