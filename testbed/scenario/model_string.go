package scenario

import (
	"fmt"
	"time"
)

// clockSlack is how much later a write of another region must begin to be
// certainly newer: timestamps have milliseconds.
const clockSlack = 5 * time.Millisecond

type stringWrite struct {
	write
	value string
}

// Set tells of a string that was set to a value nobody else ever writes.
func (m *Model) Set(key, value string, w write) {
	if w.fate == never {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.strings[key] = append(m.strings[key], &stringWrite{m.blurred(w), value})
}

// follows says whether w came certainly after the other write ended, where the
// regions' clocks are apart by skew.
func (w *stringWrite) follows(other *stringWrite, skew time.Duration) bool {
	if other.fate == unknown {
		return false // it may have happened at any time
	}
	if w.region == other.region {
		return w.start.After(other.end)
	}
	return w.start.After(other.end.Add(clockSlack + skew))
}

// checkString judges the value that a string shows; there is false when the
// key does not exist.
func checkString(writes []*stringWrite, got string, there bool, skew time.Duration) error {
	var shown *stringWrite
	for _, w := range writes {
		if there && w.value == got {
			shown = w
		}
	}
	if there && shown == nil {
		return fmt.Errorf("shows %q, which nobody wrote", got)
	}
	for _, w := range writes {
		if w.fate != sure {
			continue
		}
		if !there {
			return fmt.Errorf("is not there, but %s wrote %q", w.region, w.value)
		}
		if w.follows(shown, skew) {
			return fmt.Errorf("shows %q of %s, but %s wrote %q %v later",
				got, shown.region, w.region, w.value, w.start.Sub(shown.end))
		}
	}
	return nil
}
