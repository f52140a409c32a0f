package crdt

import "math"

// PrepareAdd names a member, its new score and what is seen of it.
func (z *ZSet) PrepareAdd(op *Op, member []byte, score float64) {
	z.see(op, member)
	op.SetScore(len(op.Elems)-1, score)
}

// SetScore changes the score that PrepareAdd has given to the i-th element.
func (op *Op) SetScore(i int, score float64) {
	op.Elems[i].Value = appendScore(op.Elems[i].Value[:0], score+0) // no minus zero
}

// PrepareRemove names those of the members that are live and what is seen of
// them. The result is their number; with none there is nothing to issue. When
// none stays behind the op becomes a delete of the key, as in Redis.
func (z *ZSet) PrepareRemove(op *Op, members [][]byte) (removed int) {
	done := NamesOf(len(members))
	op.Expect(min(len(members), z.Len()), true)
	for _, m := range members {
		if done.again(m) {
			continue
		}
		if z.see(op, m) {
			removed++
		} else {
			op.Elems = op.Elems[:len(op.Elems)-1]
		}
	}
	if removed > 0 && removed == z.Len() {
		op.empty()
	}
	return removed
}

// PrepareCut is PrepareRemove for the members with ranks in [from, to). They are
// passed to fn, unless that is nil, backwards if asked.
func (z *ZSet) PrepareCut(op *Op, from, to int, backwards bool, fn func(member []byte, score float64)) (removed int) {
	all := from <= 0 && to >= z.Len()
	if fn != nil && (all || backwards && to-from > 1) { // not in the order, or not the way, of the op
		z.Range(from, to, backwards, func(member []byte, score float64) bool {
			fn(member, score)
			return true
		})
		fn = nil
	}
	if all {
		op.empty()
		return z.Len()
	}
	op.Expect(min(to, z.Len())-max(from, 0), true)
	z.Range(from, to, false, func(member []byte, score float64) bool {
		if fn != nil {
			fn(member, score)
		}
		first := len(op.names)
		op.names = append(op.names, member...) // the index moves its own
		z.see(op, op.names[first:len(op.names):len(op.names)])
		removed++
		return true
	})
	return removed
}

// PrepareIncr prepares adding incr to the score of a member for replica r and
// returns the new score, which is what Redis's addition of doubles gives; a sum
// that is no number is ErrNaN.
//
// The share grows by incr itself, if the exact sum then still rounds to the new
// score, else by the exact difference to it: so a single writer sees Redis's
// doubles, and what is left of an increment whose base was removed elsewhere is
// nearly always the increment. An infinite score, which no sum of finite
// doubles shows, is written to the register instead: then the op is an add.
func (z *ZSet) PrepareIncr(op *Op, r ReplicaID, member []byte, incr float64) (score float64, err error) {
	c := z.elementFor(op, member)
	base, sum, plain := c.scoreSum()
	switch score = incr; {
	case !c.Live():
	case plain:
		score += base
	default:
		score += sum.Double()
	}
	switch {
	case math.IsNaN(score):
		return 0, ErrNaN
	case plain && math.IsInf(base, 0) && !math.IsInf(incr, 0):
		sum = Number{} // the share does not show
	case math.IsInf(score, 0):
		op.Kind = KindZSetAdd
		z.PrepareAdd(op, member, score)
		return score, nil
	}
	e := op.addElem(member)
	if e.Delta = binaryNumber(incr); !math.IsInf(score, 0) && sum.Add(e.Delta).Double() != score {
		e.Delta = binaryNumber(score).Sub(sum)
	}
	e.Total = c.prepareIncr(r, e.Delta)
	return score, nil
}
