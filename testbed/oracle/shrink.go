package oracle

import "slices"

// maxShrinkRuns bounds how often a failing stream is played again.
const maxShrinkRuns = 600

// shrink looks for a short stream for which fails still says true: it drops
// ever smaller runs of commands, then single arguments, as long as it helps.
func shrink(s Stream, fails func(Stream) bool) Stream {
	runs := 0
	try := func(c Stream) bool {
		if runs >= maxShrinkRuns || len(c.Steps) == 0 {
			return false
		}
		runs++
		if !fails(c) {
			return false
		}
		s = c
		return true
	}
	try(Stream{Steps: s.Steps, Batch: 1})
	for size := (len(s.Steps) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(s.Steps); {
			end := min(at+size, len(s.Steps))
			rest := slices.Concat(s.Steps[:at], s.Steps[end:])
			if !try(Stream{Steps: rest, Batch: s.Batch}) {
				at = end
			}
		}
	}
	for i := len(s.Steps) - 1; i >= 0; i-- {
		for j := len(s.Steps[i].Args) - 1; j > 0; j-- {
			steps := slices.Clone(s.Steps)
			steps[i].Args = slices.Delete(slices.Clone(steps[i].Args), j, j+1)
			try(Stream{Steps: steps, Batch: s.Batch})
		}
	}
	return s
}
