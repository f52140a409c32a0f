// Package conformance runs cases of concurrent commands against three real
// nodes whose links are cut between the steps.
//
// cases.txt holds the cases and says how to read them; later.go is the one
// table of what cannot run yet. The test runs every case twice, with the
// regions in their own order and reversed, because ties are decided by
// replica.
//
// Invariants: every line of cases.txt is either run or named in later.go; a
// step that cannot be understood fails the test.
package conformance
