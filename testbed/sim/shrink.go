package sim

import (
	"slices"
	"strings"

	"crdb/engine"
)

// shrink looks for a smaller configuration that fails in the same way. try runs
// one; it is called at most budget times. A smaller one is tried several times
// before it is given up, since what runs first is left to chance.
func shrink(failed Result, budget int, try func(Config) Result) Result {
	const attempts = 3
	fails := func(c Config) (res Result, bad bool) {
		for i := 0; i < attempts && budget > 0; i++ {
			budget--
			if res = try(c); len(res.Failures) > 0 && kindOf(res) == kindOf(failed) {
				return res, true
			}
		}
		return res, false
	}
	for smaller := true; smaller && budget > 0; {
		smaller = false
		for _, c := range candidates(failed.Config) {
			if res, bad := fails(c); bad {
				failed, smaller = res, true
				break
			}
		}
	}
	return failed
}

// kindOf is the invariant that a run has broken.
func kindOf(res Result) string {
	kind, _, _ := strings.Cut(res.Failures[0], ":")
	return kind
}

// candidates are the configurations that are a step smaller, the largest steps
// first.
func candidates(c Config) (all []Config) {
	add := func(f func(*Config)) {
		s := c
		f(&s)
		all = append(all, s)
	}
	if c.Ops > 20 {
		add(func(s *Config) { s.Ops /= 2 })
	}
	if c.Regions > 2 {
		add(func(s *Config) { s.Regions-- })
	}
	if c.Clients > 1 {
		add(func(s *Config) { s.Clients = 1 })
	}
	if c.Sizes != (engine.Sizes{}) || c.LargeOp != 0 {
		add(func(s *Config) { s.Sizes, s.LargeOp = engine.Sizes{}, 0 })
	}
	without := func(list []string, least int, set func(*Config, []string)) {
		if half := len(list) / 2; half > 1 {
			add(func(s *Config) { set(s, slices.Clone(list[:half])) })
			add(func(s *Config) { set(s, slices.Clone(list[half:])) })
		}
		for i := range list {
			if len(list) > least {
				add(func(s *Config) { set(s, slices.Delete(slices.Clone(list), i, i+1)) })
			}
		}
	}
	without(c.Faults, 0, func(s *Config, l []string) { s.Faults = l })
	without(c.Families, 1, func(s *Config, l []string) { s.Families = l })
	without(c.Ledger, 0, func(s *Config, l []string) { s.Ledger = l })
	return all
}
