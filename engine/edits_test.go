package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"crdb/crdt"
	"crdb/oplog"
)

// TestEditsMeetWrites: long strings are changed in place, so that the log tells edits,
// while other regions change them as well, and all else happens to their keys. All end
// with the same, also after restarts.
func TestEditsMeetWrites(t *testing.T) {
	told, strs := 0, keptStrings{}
	regionsMeet(t, 12, 60, func(n *node) { told += edits(n) }, func(n *node, rnd *rand.Rand, name string) {
		for range 1 + rnd.IntN(6) {
			n.do(func(tx *Tx) { strs.change(tx, rnd, name) })
		}
	})
	if told == 0 {
		t.Error("the log has told no edits")
	}
	strs.check(t)
}

// TestEditsMeetTransfers: as TestEditsMeetWrites, with state transfers, crashes and logs
// that are cut: an edit may meet a string that an image has brought further, or one that
// a checkpoint has, and that its base was skipped for.
func TestEditsMeetTransfers(t *testing.T) {
	strs := keptStrings{}
	for seed := range seeds(16) {
		m := newTransferModel(t, seed, sound)
		m.strs = &strs
		if err := m.run(150); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
	strs.check(t)
}

// keptStrings are what readers have kept of strings, by what they were.
type keptStrings struct {
	kept    map[string][]byte
	inPlace int
}

// edits counts the edits in a node's own log, if that is there from its beginning.
func edits(n *node) (count int) {
	const kindPutEdit = 24
	if err := n.log.Sync(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	blocks, err := n.log.Read(n.id, 0, 64<<20)
	if err != nil && !errors.Is(err, oplog.ErrTruncated) {
		n.t.Fatal(err)
	}
	for _, b := range blocks {
		_ = b.Each(func(e oplog.Entry) error {
			if e.Op[0] == kindPutEdit {
				count++
			}
			return nil
		})
	}
	return count
}

// change changes one of two strings, mostly in place.
func (s *keptStrings) change(tx *Tx, rnd *rand.Rand, name string) {
	key, other := []byte("s1"), []byte("s2")
	if rnd.IntN(2) == 0 {
		key, other = other, key
	}
	if here, _, err := tx.Peek(key); err == nil && tx.Editable() && rnd.IntN(4) > 0 {
		s.inPlace++
		at := len(here)
		if rnd.IntN(3) > 0 || len(here) > 3_000 {
			at = rnd.IntN(len(here))
		}
		tx.Edit(at, []byte(name))
		return
	}
	old, _, err := tx.Peek(key)
	if rnd.IntN(2) == 0 {
		old, _, err = tx.Get(key)
		if len(old) > maxFlat { // else it is a piece of the keyspace
			s.keep(old)
		}
	}
	if err != nil {
		tx.Delete(key)
		return
	}
	switch rnd.IntN(14) {
	case 0:
		tx.Put(key, make([]byte, 400+rnd.IntN(400)), Expiry{})
	case 1:
		tx.Delete(key)
	case 2:
		tx.Copy(key, other, 0)
	case 3:
		tx.Rename(key, other)
	case 4:
		tx.SetDeadline(key, tx.Now()+int64(rnd.IntN(40)))
	case 5:
		tx.PutGap(key, append(append([]byte(nil), old...), name...), len(old), 2_000, Expiry{Keep: true})
	case 6:
		_, _ = tx.SetAdd([]byte("s1"), [][]byte{[]byte(name)})
	default:
		at := rnd.IntN(900)
		val := append(make([]byte, 0, 1000), old...)
		for len(val) < at+len(name) {
			val = append(val, 0)
		}
		copy(val[at:], name)
		tx.PutEdited(key, val, at, len(name))
	}
}

// check looks at what readers have kept.
func (s *keptStrings) check(t *testing.T) {
	t.Helper()
	for was, now := range s.kept {
		if was != string(now) {
			t.Fatalf("a string that was kept has changed from %q to %q", was, now)
		}
	}
	if s.inPlace == 0 {
		t.Error("no string was changed in place")
	}
}

func (s *keptStrings) keep(v []byte) {
	if s.kept == nil {
		s.kept = map[string][]byte{}
	}
	s.kept[string(v)] = v
}

// TestWhatTheLogKeepsIsNotEdited: the log takes over a large string that is put whole, so
// nobody changes that one in place; one that it was told as an edit it does not have.
func TestWhatTheLogKeepsIsNotEdited(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.close()
	n.largeOp = 600
	n.open()
	n.do(func(tx *Tx) {
		tx.Atomic()                                       // in one block
		for i, want := range []bool{false, false, true} { // the first is none that edits name
			tx.PutEdited([]byte("k"), make([]byte, 2_000), 7, 1)
			if tx.Peek([]byte("k")); tx.Editable() != want {
				t.Errorf("put %d: may be changed in place: %v", i, !want)
			}
		}
		tx.Edit(5, []byte("x"))
		if v, _, _ := tx.Get([]byte("k")); v[5] != 'x' || tx.Editable() {
			t.Error("what Get has returned may be changed in place")
		}
		tx.PutEdited([]byte("k"), make([]byte, 2_000), 7, 1)
		tx.SetDeadline([]byte("k"), tx.Now()+1)
		tx.PutEdited([]byte("k"), make([]byte, 2_000), 7, 1)
		tx.now += 2
		if _, ok, _ := tx.Peek([]byte("k")); ok || tx.Editable() {
			t.Error("what is past its deadline may be changed in place")
		}
	})
	for _, patch := range []int{1, 1_500} { // in another block, an edit; and what is told whole
		n.do(func(tx *Tx) {
			tx.Atomic()
			for range 2 {
				tx.PutEdited([]byte("k"), make([]byte, 2_000), 7, 1)
			}
		})
		if err := n.log.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.do(func(tx *Tx) {
			if tx.Peek([]byte("k")); !tx.Editable() {
				t.Error("a string that the log has as an edit may not be changed in place")
			}
			tx.Edit(5, make([]byte, patch))
			if tx.Peek([]byte("k")); tx.Editable() {
				t.Error("the log was given the whole string, and it may be changed in place")
			}
		})
	}
}

// TestEditThatMakesAKeyFlat: an edit that, unlike all that are written here, gives the key
// another deadline may leave it so small that it is no object any more. Once that was a nil
// pointer, at each start anew, for the block was on disk.
func TestEditThatMakesAKeyFlat(t *testing.T) {
	a, b := idlePair(t, clockAt(1_700_000_000_000))
	value, base := make([]byte, crdt.MinEdit), crdt.Timestamp(0)
	a.log.BeginGroup()
	for _, flags := range []crdt.Flags{crdt.KeepDeadline, crdt.KeepDeadline, 0} {
		op, edit := crdt.Op{Kind: crdt.KindPut, Key: []byte("k"), Flags: flags}, []byte(nil)
		if base != 0 {
			op.Clear = crdt.VersionVector{{Replica: 1, Time: base}}
			edit = crdt.AppendEdit(nil, &op, crdt.Edit{Base: base, At: 5, Bytes: []byte("y")})
			value[5] = 'y'
		}
		d, _ := a.log.AppendString(a.wall.Load(), crdt.AppendOpHead(nil, &op), value, base, edit)
		base = d.Time
	}
	a.log.EndGroup()
	b.pull(a)
	b.do(func(tx *Tx) {
		if v, _, _ := tx.Get([]byte("k")); string(v) != string(value) {
			t.Errorf("the string is %q", v)
		}
	})
}
