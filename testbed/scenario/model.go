package scenario

import (
	"sync"
	"time"
)

// fate is what is known of a write.
type fate int

const (
	never   fate = iota // it was refused or never sent
	unknown             // its reply did not come
	sure                // it was acknowledged
	lossy               // acknowledged, but its node may have forgotten it
)

// write is one attempt to change something.
type write struct {
	region     string
	start, end time.Time
	fate       fate
	lost       time.Time // of a lossy one: the death of its node that it may not have survived
}

// Model is what the writers know of the writes they made.
type Model struct {
	// Skew is how far the regions' clocks may be apart: between regions, only a
	// write that came later by more is certainly newer. Set it before the load.
	Skew time.Duration

	mu       sync.Mutex
	counters map[place]*counter
	elements map[place]*element
	strings  map[string][]*stringWrite
	kills    []kill
}

// kill is the death of a region's node and how far back it may forget.
type kill struct {
	region      string
	since, dead time.Time
}

// place names a counter or an element: a key and, inside it, a member or
// field ("" for a string key).
type place struct{ key, member string }

// NewModel returns a model of an empty database.
func NewModel() *Model {
	return &Model{
		counters: map[place]*counter{},
		elements: map[place]*element{},
		strings:  map[string][]*stringWrite{},
	}
}

// Forgive says that a region's node was killed without having promised to
// keep everything: writes acknowledged since then may be gone. A writer may
// tell of such a write later still.
func (m *Model) Forgive(region string, since, dead time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := kill{region, since, dead}
	m.kills = append(m.kills, k)
	m.each(k.blur)
}

// blur marks a write that the killed node may have forgotten.
func (k kill) blur(w *write) {
	if w.region == k.region && w.fate == sure && !w.end.Before(k.since) && !w.start.After(k.dead) {
		w.fate, w.lost = lossy, k.dead // what survives this one is on disk
	}
}

// blurred is a write as it stands after all kills so far; for callers with
// the lock.
func (m *Model) blurred(w write) write {
	for _, k := range m.kills {
		k.blur(&w)
	}
	return w
}

// Count returns how many writes there were of each fate.
func (m *Model) Count() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := map[fate]string{never: "refused", unknown: "unknown", sure: "acknowledged", lossy: "maybe forgotten"}
	n := map[string]int{}
	m.each(func(w *write) { n[names[w.fate]]++ })
	return n
}

func (m *Model) each(f func(*write)) {
	for _, c := range m.counters {
		for _, adds := range c.adds {
			for i := range adds {
				f(&adds[i].write)
			}
		}
	}
	for _, e := range m.elements {
		f(&e.added)
		for i := range e.removed {
			f(&e.removed[i])
		}
	}
	for _, ws := range m.strings {
		for _, w := range ws {
			f(&w.write)
		}
	}
}
