package quiet

import (
	"math/bits"
	"sync"
)

// Most bounds the troubles that are remembered (U1); beyond it the counts start again.
const Most = 4096

// Counts is how often troubles came, each named by a key. The zero value has seen none. It
// is safe for concurrent use.
type Counts[K comparable] struct {
	mu   sync.Mutex
	seen map[K]uint
}

// Add counts a trouble once more, and returns how often it came and whether to show it.
func (c *Counts[K]) Add(trouble K) (times uint, show bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.seen[trouble]; c.seen == nil || !known && len(c.seen) >= Most {
		c.seen = map[K]uint{}
	}
	c.seen[trouble]++
	times = c.seen[trouble]
	return times, bits.OnesCount(times) == 1
}

// Forget starts the counts of those troubles again that over is true of.
func (c *Counts[K]) Forget(over func(trouble K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.seen {
		if over(t) {
			delete(c.seen, t)
		}
	}
}
