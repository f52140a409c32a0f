package verify

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"crdb/control/api"
)

// Member is one instance. Digests may be called by several goroutines.
type Member struct {
	Region  string
	Digests func(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error)
}

const (
	firstBits = 10 // of the slices compared first
	stepBits  = 4  // a slice that differs is cut into 1<<stepBits
	lastBits  = 30
	listAt    = 500 // slices with at most as many keys are listed

	batch         = 64 // slices per query
	confirmations = 3  // rounds that must agree on a difference (F1)
	rounds        = 12 // after which a key counts as changing
	maxSuspects   = 10 * api.MaxDiffering
)

// Options of Compare.
type Options struct {
	// Pause waits between two rounds over the same keys; nil: none.
	Pause func(ctx context.Context, d time.Duration)
}

// roundEvery is the pause between rounds.
const roundEvery = 50 * time.Millisecond

// Compare compares the members, of which there are at least two, and fills in
// what it finds: Keys, Differing, More, Changing. An error names the member that
// did not answer.
func Compare(ctx context.Context, members []Member, o Options, report *api.VerifyReport) error {
	v := &run{members: members, opts: o, report: report}
	for from := uint64(0); from < 1<<firstBits; from += batch {
		var part []api.Slice
		for i := from; i < from+batch; i++ {
			part = append(part, api.Slice{Bits: firstBits, Prefix: i})
		}
		if err := v.descend(ctx, part); err != nil {
			return err
		}
		if report.More {
			return nil
		}
	}
	return nil
}

type run struct {
	members []Member
	opts    Options
	report  *api.VerifyReport
}

// MemberError is the failure of one member.
type MemberError struct {
	Region string
	Err    error
}

func (e *MemberError) Error() string { return fmt.Sprintf("region %s: %v", e.Region, e.Err) }

func (e *MemberError) Unwrap() error { return e.Err }

// descend compares slices, and the parts of those that differ.
func (v *run) descend(ctx context.Context, open []api.Slice) error {
	for len(open) > 0 && !v.report.More {
		n := min(batch, len(open))
		answers, err := v.all(ctx, &api.DigestQuery{Slices: open[:n]})
		if err != nil {
			return err
		}
		var smaller []api.Slice
		for i, s := range open[:n] {
			keys, same := compare(answers, i)
			if s.Bits == firstBits {
				v.report.Keys += keys
			}
			if same {
				continue
			}
			if last := s.Bits+stepBits > lastBits; last || keys <= listAt {
				whole, err := v.list(ctx, s, last)
				if err != nil {
					return err
				}
				if whole || last {
					continue
				}
			}
			for j := uint64(0); j < 1<<stepBits; j++ {
				smaller = append(smaller, api.Slice{Bits: s.Bits + stepBits, Prefix: s.Prefix<<stepBits | j})
			}
		}
		open = append(open[n:], smaller...)
	}
	return nil
}

// compare looks at the i-th slice of all answers.
func compare(answers []*api.DigestAnswer, i int) (keys int, same bool) {
	same = true
	for _, a := range answers {
		keys = max(keys, a.Slices[i].Keys)
		same = same && a.Slices[i] == answers[0].Slices[i]
	}
	return keys, same
}

// all asks every member at once.
func (v *run) all(ctx context.Context, q *api.DigestQuery) ([]*api.DigestAnswer, error) {
	answers := make([]*api.DigestAnswer, len(v.members))
	errs := make([]error, len(v.members))
	var wg sync.WaitGroup
	for i := range v.members {
		wg.Go(func() { answers[i], errs[i] = v.ask(ctx, i, q) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// ask asks one member and checks the form of its answer.
func (v *run) ask(ctx context.Context, i int, q *api.DigestQuery) (*api.DigestAnswer, error) {
	a, err := v.members[i].Digests(ctx, q)
	if err == nil && (!q.List && len(a.Slices) != len(q.Slices) || len(q.Keys) > 0 && len(a.Keys) != len(q.Keys)) {
		err = fmt.Errorf("it answered something else than it was asked")
	}
	if err != nil {
		return nil, &MemberError{v.members[i].Region, err}
	}
	return a, nil
}

// list finds the keys of a slice that differ right now, and looks at them. A
// slice whose names are too long to be listed whole is left to its parts, but
// for the last of them: there what is not listed counts as changing.
func (v *run) list(ctx context.Context, s api.Slice, last bool) (whole bool, err error) {
	answers, err := v.all(ctx, &api.DigestQuery{Slices: []api.Slice{s}, List: true})
	if err != nil {
		return false, err
	}
	whole = !slices.ContainsFunc(answers, func(a *api.DigestAnswer) bool { return a.More })
	if !whole && !last {
		return false, nil
	}
	if !whole {
		v.report.Changing++
	}
	type name struct {
		db  int
		key string
	}
	seen := map[name][]uint64{}
	for i, a := range answers {
		for _, k := range a.Keys {
			n := name{k.DB, string(k.Key)}
			if seen[n] == nil {
				seen[n] = make([]uint64, len(answers))
			}
			seen[n][i] = k.Digest
		}
	}
	var suspects []api.KeyRef
	for n, digests := range seen {
		for _, d := range digests {
			if d != digests[0] && len(suspects) < maxSuspects {
				suspects = append(suspects, api.KeyRef{DB: n.db, Key: []byte(n.key)})
				break
			}
		}
	}
	for len(suspects) > 0 {
		n := min(len(suspects), api.MaxDigestKeys/4)
		if err := v.confirm(ctx, suspects[:n]); err != nil {
			return false, err
		}
		suspects = suspects[n:]
	}
	return whole, nil
}
