package crdt

import (
	"encoding/binary"
	"fmt"
	"math"

	"crdb/crdt/dict"
)

// ZSet is a sorted set: an add-wins map from members to cells like a Hash, and
// an index of the live ones by score. The register of a member's cell holds
// doubles; the shares over it are binary Numbers, exact sums of doubles. The
// zero value is empty.
//
// A member's score is the newest sibling plus all shares, exactly, rounded to
// a double once; an infinite or lone sibling is the score as it is (K3).
type ZSet struct {
	members  dict.Dict // member -> encoded Cell whose siblings are 8 bytes each
	order    zindex    // the live members
	residue  int       // members that are not live and kept for removed shares only
	stales   int       // members that hold removed shares, live or not
	counters int       // members whose cell is more than one plain sibling
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
	c := mustCell(rec)
	if !c.Live() {
		return 0, false
	}
	return c.score(), true
}

// Len returns the number of members.
func (z *ZSet) Len() int { return z.order.len() }

func (z *ZSet) get(member []byte) (rec []byte, ok bool) {
	return z.members.Get(elemHash(member), member)
}

// Score returns the score of a member.
func (z *ZSet) Score(member []byte) (score float64, ok bool) {
	rec, ok := z.get(member)
	if !ok {
		return 0, false
	}
	return recScore(rec)
}

// Rank returns how many members come before this one.
func (z *ZSet) Rank(member []byte) (rank int, ok bool) {
	score, ok := z.Score(member)
	if !ok {
		return 0, false
	}
	return z.order.rank(score, member), true
}

// Find returns the number of members at the beginning for which before is true.
func (z *ZSet) Find(before func(score float64, member []byte) bool) int { return z.order.find(before) }

// Range calls fn for the members with ranks in [from, to), backwards if asked,
// until it returns false. A member is valid until the set changes.
func (z *ZSet) Range(from, to int, backwards bool, fn func(member []byte, score float64) bool) {
	z.order.walk(from, to, backwards, fn)
}

// Scan calls fn for about count members from cursor on and returns the next
// cursor, 0 at the end.
func (z *ZSet) Scan(cursor uint64, count int, fn func(member []byte, score float64)) uint64 {
	return z.members.Scan(cursor, count, func(member, rec []byte) {
		if score, ok := recScore(rec); ok {
			fn(member, score)
		}
	})
}

// change replaces the cell of a member by what fn makes of it.
func (z *ZSet) change(member []byte, fn func(c *Cell)) {
	hash := elemHash(member)
	c := &Cell{}
	was, live := 0.0, false
	if rec, ok := z.members.Get(hash, member); ok {
		c = mustCell(append([]byte(nil), rec...))
		z.tally(c, rec, -1)
		if live = c.Live(); live {
			was = c.score()
		}
	}
	fn(c)
	now := false
	if len(c.Siblings) == 0 && len(c.Shares) == 0 {
		z.members.Delete(hash, member)
	} else {
		rec := appendCell(nil, c)
		z.tally(c, rec, 1)
		z.members.Put(hash, member, rec)
		now = c.Live()
	}
	score := 0.0
	if now {
		score = c.score()
	}
	z.reorder(member, was, live, score, now)
}

// reorder moves a member in the index.
func (z *ZSet) reorder(member []byte, was float64, live bool, score float64, now bool) {
	if live && now && math.Float64bits(was) == math.Float64bits(score) {
		return
	}
	if live {
		z.order.delete(was, member)
	}
	if now {
		z.order.insert(score, member)
	}
}

// tally counts a member in or out.
func (z *ZSet) tally(c *Cell, rec []byte, n int) {
	if rec[0] == shapePlain {
		return
	}
	z.counters += n
	if c.stale() {
		z.stales += n
	}
	if !c.Live() {
		z.residue += n
	}
}

// put applies a write of a score.
func (z *ZSet) put(e *Elem, d Dot) {
	hash := elemHash(e.Name)
	rec, ok := z.members.Get(hash, e.Name)
	if ok && (rec[0] != shapePlain || !e.Seen.Covers(DotAt(rec[1:])) && DotAt(rec[1:]) != d) {
		z.change(e.Name, func(c *Cell) {
			c.clear(e.Seen, e.Shares, d)
			c.put(d, append([]byte(nil), e.Value...))
		})
		return
	}
	was := 0.0
	if ok {
		was = scoreAt(rec[plainHeader:])
	}
	b, _ := z.members.Reserve(hash, e.Name, plainHeader+scoreSize)
	b[0] = shapePlain
	AppendDot(b[1:1], d)
	copy(b[plainHeader:], e.Value)
	z.reorder(e.Name, was, ok, scoreAt(e.Value), true)
}

func (z *ZSet) apply(op *Op, d Dot) {
	for i := range op.Elems {
		e := &op.Elems[i]
		switch {
		case e.Of != TypeNone:
		case op.Kind == KindZSetAdd:
			z.put(e, d)
		case op.Kind == KindZSetRemove:
			if _, ok := z.get(e.Name); ok {
				z.change(e.Name, func(c *Cell) { c.clear(e.Seen, e.Shares, d) })
			}
		case op.Kind == KindZSetIncr:
			z.change(e.Name, func(c *Cell) { c.add(d, e.Total, e.Delta) })
		}
	}
}

// clear removes what seen covers of every member, and the named parts of shares.
func (z *ZSet) clear(seen VersionVector, elems []Elem, by Dot) {
	for i := range elems {
		if elems[i].Of != TypeZSet {
			continue
		}
		if _, ok := z.get(elems[i].Name); ok {
			z.change(elems[i].Name, func(c *Cell) { c.clear(nil, elems[i].Shares, by) })
		}
	}
	names := z.names(func(rec []byte) bool { return rec[0] != shapePlain || seen.Covers(DotAt(rec[1:])) })
	for _, m := range names {
		z.change(m, func(c *Cell) { c.clear(seen, nil, by) })
	}
}

// names copies the names of the members whose record passes.
func (z *ZSet) names(pass func(rec []byte) bool) (names [][]byte) {
	z.members.Each(func(member, rec []byte) bool {
		if pass(rec) {
			names = append(names, append([]byte(nil), member...))
		}
		return true
	})
	return names
}

// shares adds to op an element for each member with live shares.
func (z *ZSet) shares(op *Op) {
	if z.counters == 0 {
		return
	}
	z.members.Each(func(member, rec []byte) bool {
		if rec[0] != shapePlain {
			if _, resets := mustCell(rec).Seen(nil, nil); len(resets) > 0 {
				e := op.addElem(member)
				e.Of, e.Shares = TypeZSet, resets
			}
		}
		return true
	})
}

// forget drops the removed shares whose removal is stable.
func (z *ZSet) forget(stable VersionVector) {
	if z.stales == 0 {
		return
	}
	for _, m := range z.names(func(rec []byte) bool { return rec[0] == shapeGeneral && mustCell(rec).stale() }) {
		z.change(m, func(c *Cell) { c.forget(stable) })
	}
}

// newest returns the newest live dot.
func (z *ZSet) newest() (d Dot) {
	z.members.Each(func(_, rec []byte) bool {
		x := Dot{}
		if rec[0] == shapePlain {
			x = DotAt(rec[1:])
		} else {
			x = mustCell(rec).Newest()
		}
		if x.Newer(d) {
			d = x
		}
		return true
	})
	return d
}

// merge joins o into z, member by member.
func (z *ZSet) merge(vv VersionVector, other collection, ovv VersionVector) {
	o := other.(*ZSet)
	names := z.names(func([]byte) bool { return true })
	o.members.Each(func(member, _ []byte) bool {
		if _, ok := z.get(member); !ok {
			names = append(names, append([]byte(nil), member...))
		}
		return true
	})
	for _, m := range names {
		theirs := &Cell{}
		if rec, ok := o.get(m); ok {
			theirs = mustCell(rec)
		}
		z.change(m, func(c *Cell) { *c = c.Merge(vv, theirs, ovv) })
	}
}

// digest sums the hashes of the live members.
func (z *ZSet) digest() (sum uint64) {
	z.members.Each(func(member, rec []byte) bool {
		if c := mustCell(rec); c.Live() {
			sum += dict.Hash(dict.Hash(digestSeed, member), c.canonical(nil))
		}
		return true
	})
	return sum
}

func (z *ZSet) kept() int    { return z.members.Len() }
func (z *ZSet) counts() bool { return z.counters > 0 }
func (z *ZSet) stale() bool  { return z.stales > 0 }
func (z *ZSet) bytes() int   { return z.members.Bytes() + z.order.bytes() }

func (z *ZSet) each(fn func(name, rec []byte)) {
	z.members.Each(func(name, rec []byte) bool { fn(name, rec); return true })
}

func (z *ZSet) record(name []byte) (rec []byte, ok bool) { return z.get(name) }

func (z *ZSet) load(name, rec []byte) error {
	c := &Cell{}
	if err := decodeCell(c, rec); err != nil {
		return err
	}
	for i := range c.Siblings {
		if v := c.Siblings[i].Value; len(v) != scoreSize || math.IsNaN(scoreAt(v)) {
			return fmt.Errorf("%w: score", ErrCorrupt)
		}
	}
	z.change(name, func(old *Cell) { *old = *c })
	return nil
}
