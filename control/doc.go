// Package control is a node: the life of the databases it hosts, its admin
// REST interface, its tasks, and its metrics.
//
// It leaves commands to package command, the keyspace to engine, the log to
// oplog and replication to peer, and knows none of them: package control/host
// puts them together to instances (Instance). Objects of the REST interface are
// in control/api, settings in control/conf, logging in control/logging, the
// comparison of regions in control/verify.
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
// note at the next start: of "preparing" it has the members take back what they
// have prepared, but not what they have committed, since the disk may be an old
// one; the other two are carried on with. A member that waits too long asks the coordinator, and
// drops what was aborted or never heard of; also what nobody can tell it
// about any more, because a commit carries everything needed to begin anew.
// A delete is the note "deleting" and the same dropping, of all that are members or
// posted as such when no change of this node is under way. A coordinator that is told to drop
// what it has not committed of a create that is decided writes that down, so that it does not
// carry the create out after a crash. A change of another
// node that has passed its post meanwhile deletes what it adds when it finds its own
// instance dropped; only one that ends before its node is told leaves a new instance
// behind that the delete does not know.
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
// A change that fails before it is decided is given up, as is one of which a coordinator
// finds "preparing" at its start: that is written into its record, and the note goes. Whoever
// asks about a change that the coordinator has neither a note of nor has in force hears that
// it was given up if that is written down, and else that it is not known: the disk may be
// another, or one from before the change, and the decision have been made. So a start on a disk
// that others say is old gives nothing up. A member with a posted configuration gives it up
// when its coordinator says that it was, never because nobody answers or knows: then it
// waits until a member has it in force, or the coordinator is forced out. A prepared instance is
// dropped then, unless another member has its change in force. What is not closed is a disk from
// between "preparing" and "committing" of which nobody who answers knows that it is old.
//
// # Leaving, and coming back
//
// An instance that leaves in good order is drained between the note and the
// post: it stops taking writes for as long as the coordinator asks again and
// again (a lease, in memory only), until the others hold what it has. Forcing
// one out is the same change without it; it is told once, and else learns from
// the refusals of its peers: a node that hears of a newer configuration, or that
// it is no member, asks the others for what they have in force (learn).
//
// A node asks its peers before its first write (bootCheck), because a disk that
// was set back looks well from inside. What it finds is written into the record
// as a fault. A recovery is two changes that any well member coordinates: the old
// ID is forced out, the data put aside, the node added under the next ID. Each
// step may be repeated. A node that recovers by itself writes down what it puts aside
// until the new instance serves, and tries again.
//
// # A clock that was ahead
//
// What is stamped too far ahead is held (H1). Its release is a task: the
// coordinator makes sure that the clocks agree now, finds the newest stamp that is held
// anywhere or that an instance's own log has reached, and has every member
// accept stamps up to that. A member that does not hear of it holds what the
// others write from then on, for that is stamped behind.
//
// # Tasks
//
// A task is kept in a file of its own: when it is asked for, when it is started,
// when it is decided, and with its result before anybody hears of that. At a
// start of the node the notes are the truth about a change: a task whose note is
// decided, or whose note is gone after it was decided, is carried on with what
// is left to do; that it was decided says its file, or what is in force here. Any
// other has failed. So a decided create is aborted only where the disk has
// taken that its task is decided no more. A restore that a stop cut short has failed,
// too, and its database stays: the disk may be an old one, and the database long in
// use. One that fails while the node runs is undone.
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
//  5. A coordinator's note disappears only when every member has confirmed, but
//     for those that a later change has removed, and for a change whose own node
//     is a member no more though the change keeps it. One that makes room for the next change
//     is over when that is decided, and counts again when it is given up. None confirms for another node
//     that had or will have its address, nor before it has loaded what it has.
//  6. Prepare, Commit and Drop may be repeated, and arrive in any order.
//  7. A replica ID is assigned by the coordinator, from 1 on, and stands in the
//     record; the instance's log refuses to be opened under another.
//  8. Tasks, their results (in memory and on disk), prepared databases, bodies, and requests at work are
//     bounded, by the constants in limits.go.
//  9. Configurations of a database have versions 1, 2, 3; a version follows the
//     committed one before it and no other. ConfigID tells two of one version
//     apart, which only force can make; an instance that is in one and finds that
//     a member has the other in force, without it, is no member.
//  10. A change is decided when a majority of the members has posted it, and all
//     that stay where instances are removed. Since a member posts one change at
//     a time, and only on the version it has in force, of two changes of one
//     version at most one is decided. One that forces out the coordinator of
//     another takes the place of that, which binds all the same until the new one
//     is in force, and again when it was given up.
//  11. A replica ID is given out once: the configuration keeps the highest (of former
//     instances only the newest, so that a Post is no larger than a body may be), also
//     of a posted one whose place it takes by force. A node writes down which it has hosted, and makes none of them anew.
//  12. Retention and stability count the members in force and the posted ones.
//  13. An instance that leaves in good order takes no writes from before the post
//     on, and the post is refused there unless every member that stays holds on
//     disk what was there then. So no acknowledged write leaves with it.
//  14. An instance that is no member takes no writes, and drops data only that it
//     has handed over, or when told to (purge). It is none either if its database
//     was deleted by those that had forced it out, as soon as one of them says so.
//  15. D2: no write gets a dot where peers hold more of the own log than is here,
//     or another block of it, or hear of another process of this replica that
//     came first; where the data of a record is gone; where less of others' logs
//     is here than they were told; and after any of these was found. Only a new
//     ID ends it, or the word of all members that nothing is missing.
//  16. Nothing that a member has committed is dropped on the word of what a start
//     finds on its disk, but of a note that says "aborting" or "deleting": these two
//     are true for ever.
//  17. A database that cannot be opened is here all the same (unopened.go): whoever asks for
//     it or has something to tell it hears that the node is not ready, and nothing of it is
//     written, confirmed or given up.
//
// # Goroutines and locks
//
// Node.change is held through one Prepare, Post, Commit or Drop at a time; Node.mu
// guards the maps and is never held while calling out. Order: change, mu.
// The note of a database is written by whoever has claimed it (Node.mu.busy), one
// task or the finisher at a time.
// Every goroutine is counted in Node.wg, and stops with Node.ctx. Tasks run
// on goroutines of their own, at most maxRunningTasks at a time, recoveries apart:
// they wait for tasks of other nodes, and those must not wait for them in turn.
package control
