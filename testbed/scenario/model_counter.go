package scenario

import (
	"fmt"
	"slices"
)

// maxSums bounds the sums that one counter may have after writes of unknown
// fate.
const maxSums = 1 << 20

// counter is the increments of one counter, per region in the order in which
// its one writer made them.
type counter struct{ adds map[string][]increment }

type increment struct {
	write
	delta int64
}

// Add tells of an increment.
func (m *Model) Add(key, member string, w write, delta int64) {
	if w.fate == never {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := place{key, member}
	c := m.counters[at]
	if c == nil {
		c = &counter{adds: map[string][]increment{}}
		m.counters[at] = c
	}
	c.adds[w.region] = append(c.adds[w.region], increment{m.blurred(w), delta})
}

// check judges the value that a counter shows.
func (c *counter) check(got int64) error {
	sums := []int64{0}
	for _, adds := range c.adds {
		for len(adds) > 0 {
			n := group(adds)
			sums = spread(sums, adds[:n])
			if len(sums) > maxSums {
				return fmt.Errorf("too many writes of unknown fate: more than %d sums possible", maxSums)
			}
			adds = adds[n:]
		}
	}
	if slices.Contains(sums, got) {
		return nil
	}
	return fmt.Errorf("shows %d, which no choice among %d possible sums explains; the acknowledged increments alone make %d",
		got, len(sums), c.acknowledged())
}

// group is the length of the run of increments at the front that share one
// fate: all happened, or one of which nobody knows, or a run of which a
// prefix survived the death of its node.
func group(adds []increment) int {
	first := adds[0].fate
	if first == unknown {
		return 1
	}
	n := 1
	for n < len(adds) && adds[n].fate == first && adds[n].lost.Equal(adds[0].lost) {
		n++
	}
	return n
}

// spread returns the sums that are possible after a group of increments.
func spread(sums []int64, adds []increment) []int64 {
	var total int64
	ends := []int64{0}
	for _, a := range adds {
		total += a.delta
		ends = append(ends, total)
	}
	if adds[0].fate == sure {
		ends = []int64{total}
	}
	var all []int64
	for _, s := range sums {
		for _, e := range ends {
			all = append(all, s+e)
		}
	}
	return all
}

func (c *counter) acknowledged() int64 {
	var total int64
	for _, adds := range c.adds {
		for _, a := range adds {
			if a.fate == sure {
				total += a.delta
			}
		}
	}
	return total
}
