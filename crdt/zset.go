package crdt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// ZSet is a sorted set: an add-wins map from members to cells (cellMap), and an
// index of the live ones by score. The register of a member's cell holds
// doubles; the shares over it are binary Numbers, exact sums of doubles. The
// zero value is empty.
//
// A member's score is the newest sibling plus all shares, exactly, rounded to
// a double once; an infinite or lone sibling is the score as it is (K3).
type ZSet struct {
	cellMap        // siblings are 8 bytes each
	order   zindex // the live members
	late    bool   // order is empty, and made when it is needed: see sorted
}

// sorted returns the index of a set that may have been decoded from a record that is
// known: most of what happens to a few members asks for no order.
func (z *ZSet) sorted() *zindex {
	if z.late {
		z.late = false
		z.cells.All(func(name, rec []byte) {
			if score, ok := recScore(rec); ok {
				z.order.insert(score, name)
			}
		})
	}
	return &z.order
}

// scoreSize is the length of an encoded score: the bits of the double, big endian.
const scoreSize = 8

func appendScore(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(f))
}

func scoreAt(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }

// score returns what a live cell shows as a double.
func (c *Cell) score() float64 {
	base, sum, plain := c.scoreSum()
	if plain {
		return base
	}
	return sum.Double()
}

// scoreSum returns the exact score; plain is true when the register alone
// decides: no share is live, or it is infinite.
func (c *Cell) scoreSum() (base float64, sum Number, plain bool) {
	if len(c.Siblings) > 0 {
		if base = scoreAt(c.Siblings[0].Value); math.IsInf(base, 0) {
			return base, sum, true
		}
		sum = binaryNumber(base)
	}
	plain = true
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.removed() {
			sum, plain = sum.Add(s.Total.Sub(s.BaseTotal)), false
		}
	}
	return base, sum, plain
}

// recScore returns the score of an encoded cell; ok is false if it is not live.
func recScore(rec []byte) (score float64, ok bool) {
	if rec[0] == shapePlain {
		return scoreAt(rec[plainHeader:]), true
	}
	c := mustElement(rec)
	if !c.Live() {
		return 0, false
	}
	return c.score(), true
}

// Score returns the score of a member.
func (z *ZSet) Score(member []byte) (score float64, ok bool) {
	rec, ok := z.get(member)
	if !ok {
		return 0, false
	}
	return recScore(rec)
}

// ScoreFor is Score for an op that is being prepared for the member.
func (z *ZSet) ScoreFor(op *Op, member []byte) (score float64, ok bool) {
	if c := z.elementFor(op, member); c.Live() {
		return c.score(), true
	}
	return 0, false
}

// Rank returns how many members come before this one.
func (z *ZSet) Rank(member []byte) (rank int, ok bool) {
	score, ok := z.Score(member)
	if !ok {
		return 0, false
	}
	return z.sorted().rank(score, member), true
}

// Find returns the number of members at the beginning for which before is true.
func (z *ZSet) Find(before func(score float64, member []byte) bool) int {
	return z.sorted().find(before)
}

// Range calls fn for the members with ranks in [from, to), backwards if asked,
// until it returns false. A member is valid until the set changes.
func (z *ZSet) Range(from, to int, backwards bool, fn func(member []byte, score float64) bool) {
	z.sorted().walk(from, to, backwards, fn)
}

// Scan calls fn for about count members from cursor on and returns the next
// cursor, 0 at the end.
func (z *ZSet) Scan(cursor uint64, count int, fn func(member []byte, score float64)) uint64 {
	return z.cells.Scan(cursor, count, func(member, rec []byte) {
		if score, ok := recScore(rec); ok {
			fn(member, score)
		}
	})
}

// change is the changer of the set: it keeps the index.
func (z *ZSet) change(member []byte, fn func(e *element)) { z.changeIn(&work{}, member, fn) }

// changeIn is change with scratch space.
func (z *ZSet) changeIn(w *work, member []byte, fn func(e *element)) {
	z.cellMap.changeIn(w, member, func(e *element) {
		was, live := e.scoreIfLive()
		fn(e)
		score, now := e.scoreIfLive()
		z.reorder(member, was, live, score, now)
	})
}

func (e *element) scoreIfLive() (score float64, live bool) {
	if !e.Live() {
		return 0, false
	}
	return e.score(), true
}

// reorder moves a member in the index.
func (z *ZSet) reorder(member []byte, was float64, live bool, score float64, now bool) {
	if z.late || live && now && math.Float64bits(was) == math.Float64bits(score) {
		return
	}
	if live {
		z.order.delete(was, member)
	}
	if now {
		z.order.insert(score, member)
	}
}

// put applies a write of a score.
func (z *ZSet) put(op *Op, e *Elem, d Dot) {
	was := 0.0
	b, old, there, ok := z.fresh(e, d, scoreSize)
	if !ok {
		z.changeIn(op.scratch(), e.Name, func(c *element) { c.set(e.Seen, e.Shares, d, e.Value) })
		return
	}
	if there {
		was = scoreAt(old)
	}
	copy(b, e.Value)
	z.reorder(e.Name, was, there, scoreAt(e.Value), true)
}

// drop applies the removal of a member.
func (z *ZSet) drop(e *Elem, by Dot) {
	value, ok := z.plain(e)
	if !ok {
		z.remove(z.change, e, by)
		return
	}
	if !z.late {
		z.order.delete(scoreAt(value), e.Name)
	}
	z.cells.Delete(e.Name)
}

func (z *ZSet) apply(op *Op, d Dot) {
	op.expectIn(&z.cells, elementSize)
	for i := range op.Elems {
		e := &op.Elems[i]
		switch {
		case e.Of != TypeNone:
		case op.Kind == KindZSetAdd:
			z.put(op, e, d)
		case op.Kind == KindZSetRemove:
			z.drop(e, d)
		case op.Kind == KindZSetIncr:
			z.changeIn(op.scratch(), e.Name, func(c *element) { c.add(d, e.Total, e.Delta) })
		}
	}
}

func (z *ZSet) clear(seen VersionVector, elems []Elem, by Dot) {
	z.clearAll(z.change, TypeZSet, seen, elems, by)
}

func (z *ZSet) shares(op *Op) { z.addShares(op, TypeZSet) }

func (z *ZSet) forget(stable VersionVector, note func(name []byte)) {
	z.forgetAll(z.change, stable, note)
}

func (z *ZSet) merge(vv VersionVector, other collection, ovv VersionVector) {
	z.mergeAll(z.change, vv, &other.(*ZSet).cellMap, ovv)
}

func (z *ZSet) bytes() int { return z.cellMap.bytes() + z.order.bytes() }

func (z *ZSet) load(name, rec []byte) error {
	if len(rec) == plainHeader+scoreSize && !math.IsNaN(scoreAt(rec[plainHeader:])) && z.loadPlain(name, rec) {
		z.order.insert(scoreAt(rec[plainHeader:]), name)
		return nil
	}
	e := &element{}
	if err := decodeElement(e, rec); err != nil {
		return err
	}
	if err := e.countsFor(TypeZSet); err != nil {
		return err
	}
	if len(e.dates) > 0 {
		return fmt.Errorf("%w: deadline of a member", ErrCorrupt)
	}
	for i := range e.Siblings {
		if v := e.Siblings[i].Value; len(v) != scoreSize || math.IsNaN(scoreAt(v)) {
			return fmt.Errorf("%w: score", ErrCorrupt)
		}
	}
	z.change(name, func(old *element) { *old = *e })
	return nil
}
