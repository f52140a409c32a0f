// Package oplog is the durable memory of one database instance: the hybrid
// clock, the log of operations in blocks, and, in the same Pebble store so that
// they commit together, the state records of checkpoints and small metadata.
//
// It leaves to others: what an op means (bytes here), when to apply a received
// block (peer decides, by C1), what to checkpoint and how far to truncate
// (engine), whom to wait for (peer). It imports crdt and Pebble only.
//
// Words: an op gets its Dot from Append; ops gather in segments; the writer
// seals a segment as a Block; a cycle is one commit of the writer.
//
// # Invariants
//
// D1. An op is durable here before anyone else sees it. Read, Durable, Changed
// and OnDurable only ever show what a finished sync covers, though Pebble shows
// a commit to its readers before the sync.
//
// D2. A log never forks. LastHash and BlockHashAt let peers notice a replica
// that came back with less log than it had shipped.
//
// D3. Log before state. Checkpoint.Flush and Commit wait until the log is
// durable up to every vector they contain.
//
// D4. The log on disk is causally closed. Receive queues the block and raises
// clock and deps under the lock under which Append issues dots, and the writer
// takes the received blocks and the own ops at one moment, into one atomic
// batch: an own op that saw a received block is never on disk without it.
//
// D5. An own op that saw a merged range image is never on disk without it.
// ReceiveImage queues the image and raises clock and deps before it is merged,
// and the writer takes it together with the own ops, as under D4. Own blocks
// sealed while images are ahead of what was received depend on what the images
// cover, wherever they go; beside such a block its store keeps what was
// received, which is what Replay orders by, for images are merged before it.
//
// D6. A log is set ahead (Jump) only to ends that images cover over the whole
// keyspace, and after these are on disk. Then nothing before the ends is needed
// for Replay, whose caller covers them, and the blocks before them go in the
// same commit. Ends are ends of blocks at the source, so the next block of each
// log continues them (C1), and they carry the hash that D2 asks for.
//
// C1. A block header carries replica, first and last dot, the dot before it,
// the number of ops, and the vector of what was received when it was sealed.
// Receive takes a replica's blocks only in order and with their deps here.
//
// C2. The ops of a group sit in one block: no block is cut between BeginGroup
// and EndGroup. (A group above MaxBlockBytes is cut; callers bound it.)
//
// C3. An op told as an edit of another sits in the same block behind it
// (AppendString); what the edits of a block make is at most crdt.MaxEdited.
//
// H1. Admit refuses writes while the clock is more than MaxClockDrift ahead of
// the wall clock; Receive refuses a block that would put it there. A restart
// issues no dot at or below the persisted bound or any dot in the log. The
// logical counter carries into the milliseconds. A person may have more drift
// tolerated until the wall clock catches up (Tolerate): blocks stamped up to
// there are received, and own ops go on behind them.
//
// B1. Bounded: own bytes waiting for the disk (MaxPending, then Admit says
// ErrBacklog; large ops count apart, MaxLarge, lest one of them stop everybody
// for as long as the disk needs for it), received ones (MaxReceive, then Receive waits, until Quit), recent blocks in
// memory (CacheBytes), images among the received bytes, blocks (BlockBytes, MaxBlockBytes), checkpoint batches
// (CheckpointBytes plus one range, with Flush between ranges), Replay (one
// block per replica). An op that was admitted is always taken.
//
// B2. A Snapshot is what a crash at its moment would have left, but for what
// was not durable: by D1, D3 and D4 a causally closed state.
//
// P1. A disk error never ends the process: see guard.
//
// # Goroutines and locks
//
// One writer goroutine (Log.write) and one that watches free space, both owned
// by the Log and ended by Close. apply runs foreign batches in a goroutine of
// their own, because a failed disk parks the commit for good: after a failure,
// Close abandons the store with what is parked in it. On a full disk nobody who is to
// be stopped before Close waits for space: checkpoints fail, and Quit ends the waits
// for room.
//
// Locks in this order: group, then Log.mu (what is not on disk), then Log.pub
// (what is). Options.Wall is called under mu. Hooks are called without locks.
// Sealed blocks are immutable; the writer's state has no lock.
//
// # Example
//
//	l, err := oplog.Open(oplog.Options{Dir: dir, Identity: id, Wall: wall})
//	if err := l.Admit(); err != nil { ... }   // refuse the command
//	dot := l.Append(op)                       // under the key's lock
//	l.Sync(ctx)                               // or Hurry and OnDurable
package oplog
