// Package peer replicates a database instance to the other members and from
// them, and finds nodes by gossip.
//
// It ships the blocks that the log made durable, as they are: the same bytes
// on disk, on the wire and on the way through a third region. What is in a
// block is opaque to it. Making blocks durable is oplog's task, applying them
// the engine's (behind Applier); who is a member is decided by control and set
// by SetMembers; gossip is only a hint.
//
// # How it works
//
// Every instance follows every other member over one gRPC stream: it says what
// it holds, the source pushes its own blocks from there and nobody else's. The
// follower acknowledges what is durable on its disk. Heartbeats with the clock
// and the source's vector, and PUBLISH messages, travel in the same stream.
//
//	log --Read--> feed (packs) ==gRPC==> inStream (unpacks) --> pump: gate --> log.Receive --> Applier
//	              feed        <==acks==  inStream       <-- log.OnDurable
//
// A source of which nothing comes, not even a part of a message, counts as gone
// (silence).
//
// A block that is missing and does not come over its own link is fetched from
// any peer that has it. There is no other forwarding.
//
// Blocks are compressed once for all followers, with zstd. A follower that finds
// itself near, by the round trip of its heartbeats, asks for them as they are:
// there compression costs more than the bytes it saves. What does not get
// smaller is not tried for a while.
//
// # State transfer
//
// A follower whose log ends before the source's begins is refused as TRUNCATED,
// by the source itself or, while the author of the missing blocks is down, by who
// is asked to relay them. Then, and when an instance has joined (Options.Join), it
// asks for the source's state: a stream of range images in order of position.
//
//	engine --CaptureAt--> SyncTo --> sendState ==gRPC==> transferIn --MergeAt--> engine, log (with the mark)
//	                                                     at the end: pump: Jump --> engine, log, gate
//
// The source first tells where its logs end, and what it has forgotten of
// counters. Every image covers those ends. The mark, written with each image,
// holds the source, the ends and the position of the next image: after a cut or a
// restart the transfer goes on there. A key that no image may hold ends it as LARGE,
// with an alarm. After an alarm, or many attempts in vain, it begins anew with
// another member that can serve. Both sides serve clients and replicate meanwhile,
// and each may be transferring from the other.
//
// Slices that are ahead when their transfer can never end, because the member
// they are of is gone for good, are settled by agreement (remains).
//
// Gossip is apart from all this: it only tells which nodes there are.
//
// # Invariants
//
//   - C1 Causal delivery. A block is applied only when the block before it and
//     everything it depends on have been applied. What is missing is fetched
//     from any member that holds it, so a cut between two regions heals through
//     a third. (gate, fetch)
//     What depends on operations that nobody sends is held, with an alarm after a
//     while, and given up when its author is no member any more. (stuck)
//   - D2 A replica's log never forks. In the handshake each side tells the end
//     of the other's log as it holds it. One that holds more of a log than the
//     owner, or another block at the same dot, is refused, loudly. So is a block
//     that has seen own ops which the own log does not hold. A copy that runs
//     beside its original is told from a restart by the random number of its
//     run: the process at the address of the configuration is the replica, the
//     other is refused. All this is passed on as a Notice, for control stops the
//     writes. (handshake, gate, clone, notice)
//   - D1 What an image holds is durable at the source before it is sent. (sendState)
//   - D6 The log is set ahead only when every image has been merged, by the pump:
//     no block is applied meanwhile. (jump)
//   - K4 The receiver covers what the source has forgotten, in its checkpoint too, or
//     it holds nothing of others and applies no block before the end. Anything else
//     is an old state, and treated as a lost log. Neither side forgets more while
//     images are on their way, and who has them has forgotten what their source
//     has. Who holds nothing and is the only member goes on with that.
//     (checkForgotten, await, NoteForgotten, HoldForgotten, goOn)
//   - K1 What nobody has of a log whose member is gone counts as removed when all
//     members agree on who they are and hold no more of it. (remains)
//   - D4 A block is given to the log before its application begins. (pump)
//   - H1 A block stamped too far ahead is held until time catches up: never
//     dropped, never applied early, unless the log is told to tolerate it. It is
//     logged and shows in LinkStatus, with how far ahead it is. It is on disk: not
//     acknowledged, it stays in the source's log. What is in memory here is
//     bounded: when the hold is full, no more than the window of the stream is
//     taken. What the source says of itself is heard all the same. (gate, budget,
//     intake)
//   - B1 Everything is bounded: blocks held per replica (budget), messages and
//     pieces (frame, pack), what is sent and not yet taken (feed, intake), PUBLISH
//     messages per follower (publishQueue), fetches, what each brings (fetchIn) and
//     how slowly (fetchPatience), transfers served (giving), of
//     which a member has one (given), images (one at each side of a transfer,
//     maxImage) and how slowly they come (getsOn).
//     A follower that is slow or away costs log on disk, up to the log's budget.
//     Memory grows as bytes arrive, and no further than the head of a block or an
//     image says (unpacker): compressed bombs end with their first piece.
//   - B2 What catches up leaves room for clients: it is done in short steps, with
//     pauses while clients are served, shorter ones below easeFloor, and not at
//     all while a backlog grows. (easing)
//   - P1 One peer's trouble is one link's trouble. A malformed block, one out of
//     order, a wrong database or a rewound log stops that link with an alarm that
//     says what and from whom, also when it came by a fetch; it is tried again at
//     long intervals only. Other errors are tried again with growing pauses:
//     also a message that was damaged on its way, which its checksum tells, so
//     that nothing is believed that nobody said. (link, codec)
//
// # Goroutines
//
// Per Replicator one pump, which alone touches the gate. Per link one that
// keeps the followed stream up and reads it, one that takes what the reader has
// no room for, one that writes its acknowledgements; per follower one that writes
// blocks and one that reads acknowledgements, and gRPC's handler, which waits for
// both. A fetch has its own at each side, so has a transfer that is served (apart),
// and one makes the transfers to this instance (transfers.run). All end before Close
// returns.
//
// # Locks
//
// Replicator.mu, then link.mu; the others (holdings, budget, packer,
// publishQueue, quiet, offsetEstimate) are leaves. Nothing is called with a lock
// held, but signals.
package peer
