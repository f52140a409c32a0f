//go:build race

package peer

// underRace: the race detector makes large copies slow and memory uncertain.
func init() { underRace = true }
