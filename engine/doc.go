// Package engine is the keyspace of one database instance: what its clients
// read and write, and what the operations of the other regions change.
//
// It leaves the meaning of data to crdt, durability to oplog, the protocol to
// command and resp, and the network to peer.
//
// # Keyspace
//
// Each key hashes, by a seed that all instances of the database share, to 64
// bits. The top 6 choose one of 64 partitions, a lock and its keys in all 16
// logical databases; the top 10 choose one of 1024 ranges, the unit of
// checkpoints. Nearly every string key, and every small collection of
// which all is plain, lies as a flat record inside its partition's table; other
// keys are objects on the heap. A collection read from a flat record is a copy.
//
// # The way of a write
//
// A Tx locks the partitions of its keys in ascending order. A write loads the
// key, lets crdt prepare the op, appends it to the log, which gives it its dot,
// and applies it under that dot. Blocks of other regions come through Apply,
// which locks, applies and unlocks in the same way.
//
// Nobody changes the bytes of a string that somebody else may have. One that an edit
// has just made nobody has, so that the next edit changes it in place (inplace.go).
//
// Of what takes long for a large key most is done before the locks: copies of keys
// (Draft), and ops of other regions that add very much (applier.build).
//
// # Range images
//
// State leaves memory as images of slices of ranges: Capture takes one under
// its partition's lock, Merge joins one of another instance into the state. A
// state transfer is a run of both over the whole keyspace while both sides
// serve, and a Jump at its end.
//
// # Invariants
//
//	E1  Between an op's append and the end of its application its partition is
//	    locked. Hence the vector of a partition, read under its lock, is exactly
//	    what has been applied to it.
//	E2  Locks nest: partitions in ascending order, then the log's group, then
//	    the log. Nobody waits for a partition while holding the log.
//	C2  The ops of one Tx that locked several keys, or everything, are one
//	    atomic group in the log, and Apply makes a group visible at once.
//	T1  A merged range image raises the vector of its slice only: what has been
//	    applied to a key is exactly the join of the partition's vector and the
//	    vectors of the images merged over the key's position. Captures, merges
//	    and recovery reckon with this join, until the partition's own vector
//	    covers the image.
//	T2  An op that the join covers because of an image is skipped, live and in
//	    replay, for the keys of that slice; it is applied to others.
//	T3  A flush names the partition's vector. Keys that an image has brought
//	    further are deleted one by one before it, in its group.
//	T4  An image is merged only if it covers what has been forgotten here (K4),
//	    and nothing is forgotten meanwhile. Who merges ours must cover what has
//	    been forgotten here, too: peer sees to that, and holds what is.
//	T5  The vector jumps to the end of a transfer only when the join of every
//	    slice covers it.
//	T6  An image is merged a few keys at a time. What is merged of it by then
//	    counts as an image of a slice that grows; no checkpoint of the
//	    partition is made before it is whole. (merger, turn)
//	T7  Recovery merges an image into the state of the last checkpoint, before the
//	    log. So that one has to cover what the source of the image had
//	    forgotten: SaveTo comes before the first image. (Log records of what
//	    was removed do not help: the image covers them.)
//	D3  A checkpoint's records are captured together with their vector under
//	    the partition's lock - elements copied ahead, again if they have
//	    changed since -, and reach the disk after the log and the images
//	    they came from.
//	K1, K2, K3 of package crdt hold because ops of one replica are applied in
//	    order, each exactly once, after everything they depend on (C1).
//	X1  A deadline is enforced by the replica that set it, with an ordinary
//	    delete; the others hide the key. A write to a hidden key first issues
//	    that delete. If who set it is no member any more, anybody may after a
//	    grace period. Of a member that is away nobody may: it may have set a later
//	    deadline, which the delete would not see.
//
//	W1  Clients that wait for a key are served in order of arrival, without
//	    locks of the one who changed it, before its next command; where the log
//	    refuses writes then, by the expirer once it does not. Serving nests
//	    outside the partitions: nobody serves while holding one.
//
// # Ownership
//
// Engine.Close stops the two goroutines that Open starts: the expirer and the
// checkpointer. A Tx belongs to one goroutine. A partition's lock guards all of
// it; vec guards the applied vector.
package engine
