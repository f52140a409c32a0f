package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"crdb/oplog"
)

// TestEditsMeetWrites: long strings are changed in place, so that the log tells edits,
// while other regions change them as well, and all else happens to their keys. All end
// with the same, also after restarts.
func TestEditsMeetWrites(t *testing.T) {
	told := 0
	regionsMeet(t, 12, 60, func(n *node) { told += edits(n) }, func(n *node, rnd *rand.Rand, name string) {
		for range 1 + rnd.IntN(6) {
			n.do(func(tx *Tx) { changeString(tx, rnd, name) })
		}
	})
	if told == 0 {
		t.Error("the log has told no edit")
	}
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

// changeString changes one of two strings, mostly in place.
func changeString(tx *Tx, rnd *rand.Rand, name string) {
	key, other := []byte("s1"), []byte("s2")
	if rnd.IntN(2) == 0 {
		key, other = other, key
	}
	old, _, err := tx.Get(key)
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
