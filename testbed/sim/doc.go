// Package sim runs whole clusters in one process under virtual time and breaks
// them in every way it knows: the cluster simulator.
//
// The nodes are the real ones, from the control plane with its REST interface
// down to the log on Pebble (control.Open with control/host: command sessions,
// engine, replication over gRPC), but for what lies below their seams: the
// network, the disk, the clocks and the clients are simulated. Not played are
// the RESP server's sockets, TLS, gossip, and the process around a node. Each
// run happens in a bubble of testing/synctest, where time passes only when nobody
// has anything to do. A minute of a cluster's life takes about a second.
//
// # Words
//
// A run is the life of one cluster, and is made from a seed: the seed gives the
// configuration (how many regions, which faults, which families of commands,
// how durable) and every choice that is made on the way. What goroutine runs
// first is not decided by anybody, so a seed that fails may have to be run a
// few times to fail again.
//
// A machine (node) has an address, a clock and a disk; programs run on it one
// after the other, each with at most one instance of the database at a time. The
// operator changes the membership over the admin interface, as people do.
//
// The history is what the checkers know of all blocks that any node ever had on
// disk. A capture is what one node showed at one moment, with the version vector
// that it had then. The ledger is a part of the keyspace whose commands are
// chosen so that what may be read is easy to say.
//
// # What is checked
//
//	S1  No dot names two operations, and no log forks: at every node and over
//	    every restart the same dot is the same block (D2).
//	S2  Causal order: when a block is applied, the block before it and all that
//	    it depends on have been (C1).
//	S3  A write that was acknowledged under appendfsync always is in the log
//	    after any crash. Under everysec a crash may take the tail of a log, and
//	    takes it everywhere.
//	S4  An atomic group is seen whole or not at all (C2).
//	S5  A version vector is never ahead of the state: what a node shows at a
//	    vector holds all that the vector covers, and nothing else.
//	S6  Equal vectors, equal digests; and the digest at a vector is what crdt
//	    makes of the operations that it covers, applied in any causal order.
//	S7  When everything is healed, all nodes reach the same vector and take
//	    writes again.
//	S8  Nothing a client sends is answered with what is no reply, no handler
//	    panics, and no goroutine is left behind.
//	S9  Membership: an ID is given out once. What was acknowledged by a member
//	    that was drained is everywhere in the end; by one that was forced out
//	    or whose disk was put back, what any other member had on disk. A
//	    program on an old or copied disk writes nothing where others hold more
//	    of its log, or where its original runs. What a removed member wrote
//	    after it was removed is taken by nobody, and once it knows it writes
//	    nothing. A restart is not taken for a copy, whatever the clocks of
//	    others say.
//	S10 The regions' own comparison (crdb-cli crdb verify) finds no difference,
//	    at any time, and when all is healed it compares all regions.
//	S11 A database made of a backup shows what that covers; its own dump file,
//	    read again, changes nothing; and once its delete is decided it is gone
//	    everywhere in the end.
package sim
