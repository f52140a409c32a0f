package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"crdb/crdt"
)

// modelChecks is how many captures of a run are held against the model; those
// against the ledger are all.
const modelChecks = 6

// check holds all captures against the logs.
func (ps *proofs) check() {
	r := ps.r
	if len(r.mu.failures) > 0 {
		return
	}
	var all []*capture
	for _, c := range ps.mu.all {
		if !c.lost(r.history.end(c.i.id)) && !r.register.vanished(c.vector) {
			all = append(all, c)
		}
	}
	ps.digests(all)
	ps.models(all)
	if len(r.config.Ledger) > 0 {
		b := newBooks(r)
		b.survival()
		for _, c := range append(slices.Clone(all), ps.mu.restored...) {
			if !r.register.vanished(c.vector) {
				b.compare(c)
			}
		}
		if len(all) > 0 {
			b.order(all)
		}
	}
	ps.checked = len(all)
	ps.again = len(ps.mu.restored)
}

// digests: equal vectors, equal digests (S6).
func (ps *proofs) digests(all []*capture) {
	seen := map[string]*capture{}
	for _, c := range all {
		if c.i.lossy.Load() && ps.r.register.partly(c.vector) {
			continue // the member that had all of it
		}
		key := string(crdt.AppendVector(nil, c.vector))
		if old := seen[key]; old == nil {
			seen[key] = c
		} else if old.digest != c.digest {
			ps.r.fail("S6: at %v, %s at %v and %s at %v differ: %v", c.vector, old.i.p.n.name, old.at, c.i.p.n.name, c.at,
				differing(old.keys, c.keys))
		}
	}
}

// models: the digest at a vector is what crdt makes of the operations (S6).
func (ps *proofs) models(all []*capture) {
	rng := ps.r.rand("models")
	for i := range min(modelChecks, len(all)) {
		c := all[rng.IntN(len(all))]
		if i == 0 {
			c = all[len(all)-1]
		}
		ps.model(c, rng)
	}
}

func (ps *proofs) model(c *capture, rng *rand.Rand) {
	if ps.r.register.partly(c.vector) {
		return // what images had brought of it is in no log
	}
	m := newModel()
	if err := ps.r.history.replay(c.vector, rng.IntN, m.apply); err != nil {
		ps.r.fail("S5: %s at %v: %v", c.i.p.n.name, c.at, err)
		return
	}
	if bad := differing(c.keys, m.digests()); len(bad) > 0 {
		ps.r.fail("S6: %s at %v does not show what the operations up to %v make: %v", c.i.p.n.name, c.at, c.vector, bad)
	}
}

// differing are the keys whose digests differ.
func differing(a, b map[string]uint64) (bad []string) {
	for k, d := range a {
		if b[k] != d {
			bad = append(bad, k)
		}
	}
	for k := range b {
		if _, found := a[k]; !found {
			bad = append(bad, k)
		}
	}
	slices.Sort(bad)
	return bad
}

// books are the entries of the ledger with the dots that the logs give them.
type books struct {
	r       *run
	entries []*entry
	dots    map[string]crdt.Dot
}

func newBooks(r *run) *books { return &books{r, r.ledger.mu.entries, r.ledger.dots()} }

// survival: what was acknowledged is in a log, unless a crash may have taken it
// (S3), and what is in a log is everywhere in the end, unless its author was
// forced out or its disk put back before others had it (S9).
func (b *books) survival() {
	for _, e := range b.entries {
		if !e.acked {
			continue
		}
		d, found := b.dots[e.value]
		switch {
		case !found && !e.i.lossy.Load() && (b.r.config.Fsync == "always" || !e.i.p.crashed.Load()):
			b.r.fail("S3: %s %s, acknowledged at %s, is in no log", e.kind, e.value, e.i.p.n.name)
		case found && b.r.final != nil && !b.r.final.Covers(d) && !b.r.register.lost(d):
			b.r.fail("S9: %s %s, acknowledged at %s, is %v, and all end at %v", e.kind, e.value, e.i.p.n.name, d, b.r.final)
		}
	}
}

// compare holds what a capture shows of the ledger against the entries that its
// vector covers (S5).
func (b *books) compare(c *capture) {
	want, perhaps := map[string][]*entry{}, map[string][]*entry{}
	for _, e := range b.entries {
		d, found := b.dots[e.value]
		switch {
		case !found || !c.vector.Covers(d):
		case b.r.register.lost(d):
			perhaps[e.kind] = append(perhaps[e.kind], e)
		default:
			want[e.kind] = append(want[e.kind], e)
		}
	}
	b.same(c, "set", c.set, want["set"], perhaps["set"])
	b.same(c, "list", c.list, want["list"], perhaps["list"])
	sum := int64(0)
	for _, e := range want["sum"] {
		n, _ := strconv.ParseInt(e.value, 10, 64)
		sum += n
	}
	if got, _ := strconv.ParseInt(c.sum, 10, 64); got != sum && len(perhaps["sum"]) == 0 {
		b.r.fail("S5: %s at %v shows the sum %d at %v, its operations add up to %d", c.i.p.n.name, c.at, got, c.vector, sum)
	}
	var newest *entry
	for _, e := range want["reg"] {
		if newest == nil || b.dots[e.value].Newer(b.dots[newest.value]) {
			newest = e
		}
	}
	isShown := func(e *entry) bool { return e.value == c.reg }
	if (newest != nil && c.reg != newest.value || newest == nil && c.reg != "") && !slices.ContainsFunc(perhaps["reg"], isShown) {
		b.r.fail("S5: %s at %v shows %q at %v, the newest is %v", c.i.p.n.name, c.at, c.reg, c.vector, newest)
	}
}

// same compares a collection with what should be in it, and with what may be.
func (b *books) same(c *capture, what string, got []string, want, perhaps []*entry) {
	var names []string
	for _, e := range want {
		names = append(names, e.value)
	}
	isPerhaps := func(v string) bool { return slices.ContainsFunc(perhaps, func(e *entry) bool { return e.value == v }) }
	shown := slices.DeleteFunc(slices.Clone(got), isPerhaps)
	slices.Sort(shown)
	slices.Sort(names)
	if !slices.Equal(shown, names) {
		b.r.fail("S5: the %s at %s at %v, %v: %s", what, c.i.p.n.name, c.at, c.vector, difference(shown, names))
	}
}

// difference says what is in one sorted list and not in the other.
func difference(got, want []string) string {
	var extra, missing []string
	for _, s := range got {
		if _, found := slices.BinarySearch(want, s); !found {
			extra = append(extra, s)
		}
	}
	for _, s := range want {
		if _, found := slices.BinarySearch(got, s); !found {
			missing = append(missing, s)
		}
	}
	return fmt.Sprintf("%d shown, %d expected; too much %v, missing %v", len(got), len(want), extra, missing)
}

// order: the list has one order, for everyone at any time, and in it an
// element comes behind those that its author had seen at the end.
func (b *books) order(all []*capture) {
	rank := map[string]int{}
	for i, v := range all[len(all)-1].list {
		rank[v] = i
	}
	for _, c := range all {
		list := slices.DeleteFunc(slices.Clone(c.list), func(v string) bool { // lost with its author; survival judges that
			_, found := rank[v]
			return !found
		})
		for i := 1; i < len(list); i++ {
			if rank[list[i-1]] >= rank[list[i]] {
				b.r.fail("S6: %s at %v has %s before %s, and later behind it", c.i.p.n.name, c.at, list[i-1], list[i])
			}
		}
	}
	for _, e := range b.entries {
		after, known := rank[e.after]
		if at, found := rank[e.value]; e.kind == "list" && e.after != "" && found && known && after >= at {
			b.r.fail("S2: %s of %s is in front of %s, which its author had seen", e.value, e.wrote, e.after)
		}
	}
}
