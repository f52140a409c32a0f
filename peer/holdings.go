package peer

import (
	"slices"
	"sync"

	"crdb/crdt"
)

// holdings is what every other member is known to hold on disk, from its
// acknowledgements and from what others say of it. It answers WAIT, tells what
// may be dropped from the log, and what is causally stable. What a member
// holds never shrinks: one that loses its disk comes back under another
// replica ID (D2).
//
// With what it holds comes the configuration that a member runs on, the newest it
// has said: whoever has said that it holds something, and that it knew of no
// further member then, has it for all who join by its state.
type holdings struct {
	self crdt.ReplicaID

	mu struct {
		sync.RWMutex
		members []crdt.ReplicaID // others, sorted
		vectors []crdt.VersionVector
		configs []uint64
	}
}

// setMembers replaces the members, keeping what is known of those that stay.
func (h *holdings) setMembers(ids []crdt.ReplicaID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var members []crdt.ReplicaID
	var vectors []crdt.VersionVector
	var configs []uint64
	slices.Sort(ids)
	for _, id := range ids {
		if id == h.self {
			continue
		}
		var vv crdt.VersionVector
		var config uint64
		if i, ok := slices.BinarySearch(h.mu.members, id); ok {
			vv, config = h.mu.vectors[i], h.mu.configs[i]
		}
		members, vectors, configs = append(members, id), append(vectors, vv), append(configs, config)
	}
	h.mu.members, h.mu.vectors, h.mu.configs = members, vectors, configs
}

// raise notes that member m holds what vv covers, and runs on a configuration
// that it looked up after that. It reports whether more is held than was known.
func (h *holdings) raise(m crdt.ReplicaID, vv crdt.VersionVector, config uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, ok := slices.BinarySearch(h.mu.members, m)
	if !ok {
		return false
	}
	h.mu.configs[i] = max(h.mu.configs[i], config)
	if h.mu.vectors[i].Descends(vv) {
		return false
	}
	h.mu.vectors[i].Merge(vv)
	return true
}

// of returns what member m holds.
func (h *holdings) of(m crdt.ReplicaID) crdt.VersionVector {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if i, ok := slices.BinarySearch(h.mu.members, m); ok {
		return h.mu.vectors[i].Clone()
	}
	return nil
}

// at returns how much of replica r member m holds.
func (h *holdings) at(m, r crdt.ReplicaID) crdt.Timestamp {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if i, ok := slices.BinarySearch(h.mu.members, m); ok {
		return h.mu.vectors[i].Get(r)
	}
	return 0
}

// count returns how many members hold dot d.
func (h *holdings) count(d crdt.Dot) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := 0
	for _, vv := range h.mu.vectors {
		if vv.Covers(d) {
			n++
		}
	}
	return n
}

// common returns what here and every other member cover. It is nothing where a
// member runs on a newer configuration than is in force here, with members that
// are not known here.
func (h *holdings) common(here crdt.VersionVector, config uint64) crdt.VersionVector {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.mu.configs) > 0 && slices.Max(h.mu.configs) > config {
		return nil
	}
	var out crdt.VersionVector
	for _, e := range here {
		t := e.Time
		for _, vv := range h.mu.vectors {
			t = min(t, vv.Get(e.Replica))
		}
		if t > 0 {
			out.Set(e.Replica, t)
		}
	}
	return out
}

// others returns what is known of all members but one.
func (h *holdings) others(but crdt.ReplicaID) []row {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var rows []row
	for i, m := range h.mu.members {
		if m != but && len(h.mu.vectors[i]) > 0 {
			rows = append(rows, row{m, h.mu.vectors[i].Clone(), h.mu.configs[i]})
		}
	}
	return rows
}

// row is what one member holds.
type row struct {
	member  crdt.ReplicaID
	durable crdt.VersionVector
	config  uint64
}
