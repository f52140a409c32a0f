package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"crdb/crdt"
)

// TestLargeStringsInPieces writes strings of all sizes, some of two regions at the
// same time, and makes checkpoints in between: what is recovered is what was there,
// siblings that do not show among it, and no record is larger than a piece, however
// large the string.
func TestLargeStringsInPieces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	a, b := idlePair(t, clockAt(1_700_000_000_000)) // an owner that removed its deadline by itself would be ahead of the other
	for round := range 6 {
		for range 8 {
			for _, n := range []*node{a, b} {
				n.do(func(tx *Tx) { changeLargeString(tx, rnd, round) })
			}
			if rnd.IntN(3) == 0 {
				if err := a.eng.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range []*node{a, b} {
				n.eng.forgetResidues(n.eng.NewTx())
			}
			a.pull(b)
			b.pull(a)
		}
		if err := a.eng.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		err := a.log.EachState(nil, nil, func(key, value []byte) error {
			if len(value) > testSizes.PieceBytes {
				return fmt.Errorf("a record of %d bytes", len(value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		before := digests(a)
		a.close()
		a.open()
		same(t, fmt.Sprintf("after restart %d", round), before, digests(a))
		b.pull(a)
		same(t, "in the other region", digests(b), digests(a))
	}
}

// changeLargeString does something with one of a few keys.
func changeLargeString(tx *Tx, rnd *rand.Rand, round int) {
	key := fmt.Appendf(nil, "%d", rnd.IntN(6))
	largeString, stringPiece := testSizes.ApartBytes, testSizes.PieceBytes
	sizes := []int{0, 100, maxFlat + 1, largeString - 1, largeString, stringPiece, stringPiece + 1, 3*stringPiece - 7}
	value := bytes.Repeat([]byte{byte('a' + rnd.IntN(26))}, sizes[rnd.IntN(len(sizes))])
	switch rnd.IntN(10) {
	case 0:
		tx.Delete(key)
	case 1:
		tx.SetDeadline(key, tx.Now()+1_000_000)
	case 2:
		tx.Delete(key)
		_, _ = tx.SetAdd(key, [][]byte{[]byte("member")})
	case 3:
		if round%3 == 0 {
			tx.FlushAll()
		}
	default:
		tx.Put(key, value, Expiry{})
	}
}

// digests tells the state of every key, of what does not show as well.
func digests(n *node) (out []string) {
	n.do(func(tx *Tx) {
		for i := range n.eng.parts {
			for db, ks := range n.eng.parts[i].dbs {
				if ks == nil {
					continue
				}
				ks.keys.Each(func(key, _ []byte) bool {
					var e entry
					e.find(n.eng, db, key)
					o := e.load()
					if sum := o.Digest(); sum != 0 { // else what is kept until it is stable
						out = append(out, fmt.Sprintf("%d %s %v %x", db, key, o.Type(), sum))
					}
					return true
				})
			}
		}
	})
	return out
}

// TestDamagedPieces: what no checkpoint writes is an error, and costs no memory.
func TestDamagedPieces(t *testing.T) {
	largeString := testSizes.ApartBytes
	var o crdt.Object
	var op crdt.Op
	op.Reset(crdt.KindPut, 0, []byte("k"))
	op.Value = bytes.Repeat([]byte("x"), 2*largeString)
	o.Apply(&op, crdt.Dot{Time: 1, Replica: 1})
	left, parts := o.AppendHeaderApart(nil, largeString)
	rec := appendApart(left, parts)
	name := func(at byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, at} }

	j, err := newJoiner(rec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.header(); err == nil {
		t.Error("a header without its string")
	}
	if j.piece(name(1), []byte("x")) == nil || j.piece(name(0), make([]byte, 2*largeString+1)) == nil {
		t.Error("a piece that does not belong there")
	}
	if err := j.piece(name(0), op.Value); err != nil {
		t.Fatal(err)
	}
	if whole, err := j.header(); err != nil || !bytes.Equal(whole, o.AppendHeader(nil)) {
		t.Errorf("the header is another one, %v", err)
	}
	for cut := range len(rec) - 1 {
		if j, err := newJoiner(rec[:1+cut]); err == nil {
			for i := range j.parts {
				if j.parts[i].At > cut {
					t.Errorf("%d bytes of a record: a string at %d", 1+cut, j.parts[i].At)
				}
			}
		}
	}
	if _, err := newJoiner([]byte{formApart, 1, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}); err == nil {
		t.Error("a string without an end")
	}
}
