// Package regions makes random commands of all types of data collide in three
// regions that are cut off from each other, restarted and frozen meanwhile,
// and demands that they agree afterwards on every key.
//
// It has no model of what the outcome must be: that is the business of crdt's
// tests, the conformance cases and the scenarios. It knows that regions whose
// version vectors are equal must be alike: equal digests of the live state of
// every key, shown or not, and equal values for clients.
//
// There are two ways of running:
//
//   - In turn. A schedule is a list of steps, one after the other: a command in
//     a region, a delivery between two regions (both ways or one way), a kill
//     and restart, a pause. All links are held in between, so that a schedule
//     runs nearly alike every time. One that fails is cut down and printed; put
//     into a file under testdata, with a first line that says what was wrong,
//     it is played before anything random in every later run.
//   - Storm. Writers in all regions at once, while links are cut, held and
//     delayed, and nodes are killed, stopped and frozen. The seed repeats what
//     is written and what breaks, but not the order between regions; a report
//     names what was last done to each key that differs.
//
// What must hold, after everything is healed and the version vectors are equal:
//
//  1. Every key has the same digest in all regions.
//  2. Every key shows the same type, value and deadline, but for what is local
//     by design: positions, consumers and pending lists of groups.
//  3. After kill -9 and a restart of all nodes nothing has changed.
//
// Environment: REGIONS_SECONDS is how long random schedules and the storm run
// together (50 by default), REGIONS_SEED the first seed.
package regions
