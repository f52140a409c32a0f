// Package scenario breaks a running cluster under load and checks afterwards
// that no acknowledged write was lost and that all regions agree.
//
// A Load writes counters, sets, strings and hashes in every region and tells
// a Model what was acknowledged. The tests cut, delay, damage, pause, kill and
// restart meanwhile. At the end everything is healed, the regions must agree
// with each other, and the Model judges what they show:
//
//  1. A counter is the sum of all acknowledged increments, plus any of those
//     whose fate nobody knows. Increments are large random numbers, so a sum
//     that is wrong cannot be right by chance.
//  2. An element that was added and acknowledged is there unless a removal
//     that saw it was acknowledged; then it is not.
//  3. A string shows a value that was written last: one that no acknowledged
//     write followed.
//
// A write whose reply never came may or may not have happened. A node that is
// killed under appendfsync everysec may forget its last writes, but only from
// the end: what survives is a prefix.
//
// CRDB_SEED repeats a run's random choices; CRDB_SCENARIO_FACTOR makes every
// scenario so many times longer.
//
// Ownership: a Load has one goroutine per region and kind of data, each with
// one connection, all ended by Stop. A Model may be told things concurrently.
package scenario
