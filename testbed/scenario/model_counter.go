package scenario

import (
	"fmt"
	"slices"
)

// maxSums bounds the sums that half of the increments of one counter may make
// after writes of unknown fate.
const maxSums = 1 << 22

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

// check judges the value that a counter shows. The sums that are possible
// are never listed all: the groups are shared out to two sides, and a value
// is possible if a sum of one side and a sum of the other make it.
func (c *counter) check(got int64) error {
	var sides [2][]int64
	sides[0], sides[1] = []int64{0}, []int64{0}
	for _, adds := range c.adds {
		for len(adds) > 0 {
			n := group(adds)
			small := 0
			if len(sides[1]) < len(sides[0]) {
				small = 1
			}
			sides[small] = spread(sides[small], adds[:n])
			if len(sides[small]) > maxSums {
				return fmt.Errorf("too many writes of unknown fate: more than %d sums possible on one of two sides", maxSums)
			}
			adds = adds[n:]
		}
	}
	if pairs(sides[0], sides[1], got) {
		return nil
	}
	return fmt.Errorf("shows %d, which no choice among %d times %d possible sums explains; the acknowledged increments alone make %d",
		got, len(sides[0]), len(sides[1]), c.acknowledged())
}

// pairs tells whether one of a and one of b add up to sum.
func pairs(a, b []int64, sum int64) bool {
	slices.Sort(b)
	for _, x := range a {
		if _, ok := slices.BinarySearch(b, sum-x); ok {
			return true
		}
	}
	return false
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
