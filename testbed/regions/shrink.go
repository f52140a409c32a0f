package regions

import (
	"slices"
	"time"
)

// shrinkTime bounds how long a failing schedule is cut down.
const shrinkTime = 3 * time.Minute

// shrink looks for a short schedule for which fails still says true: it drops
// ever smaller runs of steps, as long as it helps.
func shrink(s schedule, fails func(schedule) bool) schedule {
	end := time.Now().Add(shrinkTime)
	for size := (len(s) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(s) && time.Now().Before(end); {
			if rest := slices.Concat(s[:at], s[min(at+size, len(s)):]); fails(rest) {
				s = rest
			} else {
				at += size
			}
		}
	}
	return s
}
