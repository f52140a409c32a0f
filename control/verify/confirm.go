package verify

import (
	"context"
	"fmt"
	"slices"

	"crdb/control/api"
)

// suspect is a key that differed, and what the rounds have found (F1).
type suspect struct {
	key   api.KeyRef
	pairs []pair // one for each member but the first
}

// pair is a suspect at the first member and at another one.
type pair struct {
	a, b    uint64
	agreed  bool
	streak  int // rounds in a row with just this a and b
	differs bool
}

func (p *pair) decided() bool { return p.agreed || p.differs }

// round takes what the first member said before and after, and the other one
// in between.
func (p *pair) round(before, b, after uint64) {
	switch {
	case p.decided():
	case b == before || b == after:
		p.agreed = true
	case before != after:
		p.streak = 0 // it has changed meanwhile: nothing is known
	case p.streak > 0 && p.a == before && p.b == b:
		p.streak++
	default:
		p.a, p.b, p.streak = before, b, 1
	}
	p.differs = p.streak >= confirmations
}

func (s *suspect) decided() bool {
	for i := range s.pairs {
		if !s.pairs[i].decided() {
			return false
		}
	}
	return true
}

// confirm looks at keys in rounds and reports those that differ.
func (v *run) confirm(ctx context.Context, keys []api.KeyRef) error {
	open := make([]*suspect, 0, len(keys))
	for _, k := range keys {
		open = append(open, &suspect{key: k, pairs: make([]pair, len(v.members)-1)})
	}
	for range rounds {
		if err := v.round(ctx, open); err != nil {
			return err
		}
		left := open[:0]
		for _, s := range open {
			if s.decided() {
				v.conclude(s)
			} else {
				left = append(left, s)
			}
		}
		if open = left; len(open) == 0 {
			return nil
		}
		if v.opts.Pause != nil {
			v.opts.Pause(ctx, roundEvery)
		}
	}
	v.report.Changing += len(open)
	return nil
}

// round asks A, then all others once they have applied what A had, then A once
// it has applied what they had.
func (v *run) round(ctx context.Context, open []*suspect) error {
	q := &api.DigestQuery{}
	for _, s := range open {
		q.Keys = append(q.Keys, s.key)
	}
	before, err := v.ask(ctx, 0, q)
	if err != nil {
		return err
	}
	others := &run{members: v.members[1:]}
	between, err := others.all(ctx, &api.DigestQuery{Keys: q.Keys, After: [][]byte{before.Vector}})
	if err != nil {
		return err
	}
	last := &api.DigestQuery{Keys: q.Keys}
	for _, b := range between {
		last.After = append(last.After, b.Vector)
	}
	after, err := v.ask(ctx, 0, last)
	if err != nil {
		return err
	}
	for i, s := range open {
		for j, b := range between {
			s.pairs[j].round(before.Keys[i].Digest, b.Keys[i].Digest, after.Keys[i].Digest)
		}
	}
	return nil
}

// conclude reports a suspect if it differs anywhere.
func (v *run) conclude(s *suspect) {
	if !slices.ContainsFunc(s.pairs, func(p pair) bool { return p.differs }) {
		return
	}
	if len(v.report.Differing) == api.MaxDiffering {
		v.report.More = true
		return
	}
	d := api.KeyDifferent{KeyRef: s.key, Digests: map[string]string{}}
	for i, p := range s.pairs {
		if p.differs {
			d.Digests[v.members[0].Region] = fmt.Sprintf("%016x", p.a)
			d.Digests[v.members[i+1].Region] = fmt.Sprintf("%016x", p.b)
		}
	}
	v.report.Differing = append(v.report.Differing, d)
}
