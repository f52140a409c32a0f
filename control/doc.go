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
// # A change of a configuration
//
//	coordinator, a member               every member
//	makes the next version
//	writes down "preparing"
//	prepares new instances              as in a create, at their nodes
//	posts the configuration             writes it down beside the committed one;
//	                                    new instances count for what is kept of
//	                                    the log; no other change is accepted
//	writes down "committing"            (decided)
//	sends the configuration             writes it down as committed; in force
//	forgets the change when all         who is away learns of it later, from the
//	have confirmed                      coordinator, the next change or a peer
//
// A change that is not decided needs no note: a coordinator that finds
// "preparing" at its start forgets it, and whoever asks about a change that
// nobody has a note of and that is not in force hears that it was given up. A
// member with a posted configuration gives it up on such an answer only, never
// because nobody answers: the decision may have been made.
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
//  9. Configurations of a database have versions 1, 2, 3; a version follows the
//     committed one before it and no other. ConfigID tells two of one version
//     apart, which only force can make.
//  10. A change is decided when a majority of the members has posted it, and all
//     that stay where instances are removed. Since a member posts one change at
//     a time, and only on the version it has in force, of two changes of one
//     version at most one is decided.
//  11. A replica ID is given out once: the configuration keeps the highest.
//  12. Retention and stability count the members in force and the posted ones.
//
// # Goroutines and locks
//
// Node.change is held through one Prepare, Post, Commit or Drop at a time; Node.mu
// guards the maps and is never held while calling out. Order: change, mu.
// Every goroutine is counted in Node.wg, and stops with Node.ctx. Tasks run
// on goroutines of their own, at most maxRunningTasks at a time.
package control
