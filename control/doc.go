// Package control is a node: the life of the databases it hosts, its admin
// REST interface, its tasks, and its metrics.
//
// It leaves commands to package command, the keyspace to engine, the log to
// oplog and replication to peer; here they are put together to instances and
// taken apart again. Objects of the REST interface are in control/api,
// settings in control/conf, logging in control/logging.
//
// # Words
//
// A node is one process with a data directory. A database lives as one
// instance on each of its member nodes. Its record is what a node keeps about
// its instance on disk. The coordinator of a change is the node that got the
// call; it need not be a member.
//
// # A create
//
//	coordinator                         every member
//	asks all members who they are       answers
//	writes down "preparing"
//	sends the configuration             writes it down as posted, opens the
//	                                    log, holds the port, answers the port
//	writes down "committing"            (from here on the database will exist)
//	sends the final configuration       writes it down as committed, serves
//	forgets the create
//
// When anything fails before the end, the coordinator writes down "aborting"
// and has every member drop the database. A coordinator that crashed finds its
// note at the next start: "preparing" becomes "aborting", the other two are
// carried on with. A member that waits too long asks the coordinator, and
// drops what was aborted or never heard of; also what nobody can tell it
// about any more, because a commit carries everything needed to begin anew.
// A delete is the note "deleting" and the same dropping.
//
// # Invariants
//
//  1. One process owns a data directory; another, or a directory of another
//     region, format or program, is refused before anything is changed.
//  2. Every file is replaced as a whole: written aside, synced, renamed, and
//     the directory synced. After a crash it is the old or the new one.
//  3. A database serves clients on a node only while its record there is
//     committed.
//  4. No member commits before the coordinator's note says "committing", and
//     that note is not written before every member has prepared. So a create
//     ends on all its members or on none.
//  5. A coordinator's note disappears only when every member has confirmed.
//  6. Prepare, Commit and Drop may be repeated, and arrive in any order.
//  7. A replica ID is assigned by the coordinator, 1 to N, and stands in the
//     record; the instance's log refuses to be opened under another.
//  8. Tasks, their results, prepared databases, bodies, and requests at work are
//     bounded, by the constants in limits.go.
//
// # Goroutines and locks
//
// Node.change is held through one Prepare, Commit or Drop at a time; Node.mu
// guards the maps and is never held while calling out. Order: change, mu.
// Every goroutine is counted in Node.wg, and stops with Node.ctx. Tasks run
// on goroutines of their own, at most maxRunningTasks at a time.
package control
