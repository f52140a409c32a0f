package engine

import (
	"errors"
	"math"

	"crdb/crdt"
)

// ErrScoreNaN means that an increment would make a score no number.
var ErrScoreNaN = errors.New("ERR resulting score is not a number (NaN)")

// ScoreRule says which members ZADD changes: only new ones, only those there,
// only to a greater or to a lower score.
type ScoreRule struct{ NX, XX, GT, LT bool }

// allows reports whether a member may get a score; old is its score, if it has
// one.
func (r ScoreRule) allows(old float64, there bool, score float64) bool {
	switch {
	case !there:
		return !r.XX
	case r.NX, r.GT && score <= old, r.LT && score >= old:
		return false
	}
	return true
}

// readZSet returns the sorted set of a key, nil if the key does not exist.
func (t *Tx) readZSet(key []byte) (*crdt.ZSet, error) {
	n, err := t.read(key, crdt.TypeZSet)
	if n == nil {
		return nil, err
	}
	return n.load().ZSet(), nil
}

// ZSetLen returns the number of members; a missing key is an empty sorted set.
func (t *Tx) ZSetLen(key []byte) (int, error) {
	n, err := t.read(key, crdt.TypeZSet)
	switch {
	case n == nil:
		return 0, err
	case n.isFlat():
		return n.flatLen(), nil
	}
	return n.load().ZSet().Len(), nil
}

// ZSetScore returns the score of a member.
func (t *Tx) ZSetScore(key, member []byte) (score float64, ok bool, err error) {
	n, err := t.read(key, crdt.TypeZSet)
	switch {
	case n == nil:
		return 0, false, err
	case n.isFlat():
		score, ok = crdt.RecordScore(n.body(), member)
	default:
		score, ok = n.load().ZSet().Score(member)
	}
	return score, ok, nil
}

// ZSetRank returns how many members come before this one, and how many there
// are in all.
func (t *Tx) ZSetRank(key, member []byte) (rank, size int, ok bool, err error) {
	z, err := t.readZSet(key)
	if z == nil {
		return 0, 0, false, err
	}
	rank, ok = z.Rank(member)
	return rank, z.Len(), ok, nil
}

// ZSetFind returns the number of members at the beginning of the order for
// which before is true.
func (t *Tx) ZSetFind(key []byte, before func(score float64, member []byte) bool) (int, error) {
	z, err := t.readZSet(key)
	if z == nil {
		return 0, err
	}
	return z.Find(before), nil
}

// ZSetRange calls fn for the members with ranks in [from, to), backwards if
// asked, until it returns false. fn must not write.
func (t *Tx) ZSetRange(key []byte, from, to int, backwards bool, fn func(member []byte, score float64) bool) error {
	z, err := t.readZSet(key)
	if z != nil {
		z.Range(from, to, backwards, fn)
	}
	return err
}

// ZSetRandom returns a random member.
func (t *Tx) ZSetRandom(key []byte) (member []byte, score float64, ok bool, err error) {
	n, err := t.read(key, crdt.TypeZSet)
	switch {
	case n == nil:
		return nil, 0, false, err
	case n.isFlat():
		member = t.flatRandom(n)
		score, ok = crdt.RecordScore(n.body(), member)
		return member, score, ok, nil
	}
	z := n.load().ZSet()
	i := t.below(z.Len())
	z.Range(i, i+1, false, func(m []byte, s float64) bool {
		member, score, ok = m, s, true
		return true
	})
	return member, score, ok, nil
}

// ZSetScan calls fn for about count members from cursor on and returns the next
// cursor, 0 at the end.
func (t *Tx) ZSetScan(key []byte, cursor uint64, count int, fn func(member []byte, score float64)) (uint64, error) {
	z, err := t.readZSet(key)
	if z == nil {
		return 0, err
	}
	return z.Scan(cursor, count, fn), nil
}

// changeZSet readies an op on the sorted set of a key.
func (t *Tx) changeZSet(kind crdt.Kind, key []byte) (*entry, *crdt.ZSet, error) {
	n := t.change(key)
	t.op.Reset(kind, uint8(t.db), key)
	if err := n.obj.PrepareChange(&t.op, crdt.TypeZSet); err != nil {
		return nil, nil, ErrWrongType
	}
	return n, n.obj.ZSet(), nil
}

// ZSetAdd gives scores to members as far as the rule allows. It returns how
// many are new and how many of the others have another score now. A member
// named twice gets its scores one after the other.
func (t *Tx) ZSetAdd(key []byte, members [][]byte, scores []float64, rule ScoreRule) (added, changed int, err error) {
	n, z, err := t.changeZSet(crdt.KindZSetAdd, key)
	if err != nil {
		return 0, 0, err
	}
	names := crdt.NamesOf(len(members))
	index := make([]int, 0, len(members)) // by the place of a name, what it has been given; -1: nothing yet
	given := make([]float64, 0, len(members))
	t.op.Expect(len(members), false)
	for i, m := range members {
		place, again := names.Place(m)
		if !again {
			index = append(index, -1)
		}
		j, old, there := index[place], 0.0, true
		if j >= 0 {
			old = given[j]
		} else {
			old, there = z.Score(m)
		}
		if !rule.allows(old, there, scores[i]) {
			continue
		}
		if !there {
			added++
		} else if old != scores[i] {
			changed++
		}
		if j >= 0 {
			given[j] = scores[i]
			t.op.SetScore(t.own(j), scores[i])
			continue
		}
		index[place] = len(given)
		given = append(given, scores[i])
		z.PrepareAdd(&t.op, m, scores[i])
	}
	if len(given) > 0 {
		n.quiet = added+changed == 0
		t.issue(n)
	}
	return added, changed, nil
}

// own returns the index among the elements of the op of the i-th that is not
// one of another type.
func (t *Tx) own(i int) int {
	for j := range t.op.Elems {
		if t.op.Elems[j].Of != crdt.TypeNone {
			i++
			continue
		}
		break // those of other types come first
	}
	return i
}

// ZSetIncr adds to the score of a member, which need not be there, and returns
// the new one; ok is false if the rule forbids it.
func (t *Tx) ZSetIncr(key, member []byte, incr float64, rule ScoreRule) (score float64, ok bool, err error) {
	n, z, err := t.changeZSet(crdt.KindZSetIncr, key)
	if err != nil {
		return 0, false, err
	}
	old, there := z.ScoreFor(&t.op, member)
	if !rule.allows(old, there, old+incr) && (!there || rule.NX || !math.IsNaN(old+incr)) {
		return 0, false, nil
	}
	if score, err = z.PrepareIncr(&t.op, t.e.self, member, incr); err != nil {
		return 0, false, ErrScoreNaN
	}
	n.quiet = there && old == score
	t.issue(n)
	return score, true, nil
}

// ZSetRemove removes members and returns how many were there.
func (t *Tx) ZSetRemove(key []byte, members [][]byte) (int, error) {
	n, z, err := t.changeZSet(crdt.KindZSetRemove, key)
	if err != nil || !n.shows(t.now) {
		return 0, err
	}
	removed := z.PrepareRemove(&t.op, members)
	if removed > 0 {
		t.issue(n)
	}
	return removed, nil
}

// ZSetCut removes the members with ranks in [from, to) as one op, passing them
// to fn first, unless that is nil, backwards if asked. fn must not write.
func (t *Tx) ZSetCut(key []byte, from, to int, backwards bool, fn func(member []byte, score float64)) (int, error) {
	if from >= to {
		return 0, nil
	}
	n, z, err := t.changeZSet(crdt.KindZSetRemove, key)
	if err != nil || !n.shows(t.now) {
		return 0, err
	}
	removed := z.PrepareCut(&t.op, from, to, backwards, fn)
	if removed > 0 {
		t.issue(n)
	}
	return removed, nil
}

// ZSetStore replaces whatever dst holds by a sorted set; no members deletes it.
// It reports whether dst held something.
func (t *Tx) ZSetStore(dst []byte, members [][]byte, scores []float64) (was bool) {
	return t.Replace(dst, func() error {
		if len(members) == 0 {
			return nil
		}
		_, _, err := t.ZSetAdd(dst, members, scores, ScoreRule{})
		return err
	})
}
