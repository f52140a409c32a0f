// Package crdt holds the data types and their laws: what an operation does to a
// key, how two states of a key merge, and what a key shows. It is pure: standard
// library only, no I/O, no goroutine, no clock, no lock.
//
// It leaves to others: when an operation happens and which dot it gets (oplog),
// the keyspace, locks and expiry at the deadline (engine), order and transport
// (peer), and the words of commands and errors (command).
//
// # Words
//
// A Dot names one operation; the newest of two is that of the later timestamp,
// or, on a tie, of the lower replica. A VersionVector says which dots an
// instance has applied. A client's intent becomes an Op by Prepare, once, where
// it was written; Apply executes it everywhere under its dot; Merge joins two
// states of one key. The context of a key is, per replica, the newest dot that
// was applied to it here. What an operation adds is live until one that had
// seen it removes it.
//
// # Assumption
//
//	C1  Operations are applied exactly once and in causal order: after all that
//	    their author had applied, and those of one replica in order of their
//	    dots. A dot is newer than every dot its author had seen.
//
// # Invariants
//
//	K1  Covered but absent means removed. The instance's version vector is the
//	    context of every key: an op that names a dot may assume it was applied
//	    here, and Merge drops what one side lacks although its vector covers it.
//	    Hence no tombstones.
//	K2  A removal names exactly what its author had seen: the dots of an
//	    element, or the context of a key and, of a list or stream, between
//	    which names, and the seen part of every counter share. Nothing is
//	    removed by clock.
//	K3  What a key shows is a pure function of live state, and live state one of
//	    the set of applied operations: never of their order. Equal sets of
//	    operations give equal Digests.
//	K4  A removed counter share is forgotten only when its removal is causally
//	    stable. After Forget(stable), a key merges only with states whose vector
//	    covers stable: an image captured earlier must be dropped.
//
// # Registers
//
// A string or a hash field is a Cell: the concurrent siblings, of which the
// newest shows. A write names the siblings that it saw and replaces them. The
// losers stay until then: drop a loser early, and two replicas that apply SET,
// SET, DEL in different orders keep different values for good.
//
// # Counters
//
// Over the register lie shares, one per replica that has counted: its running
// Total, and the BaseTotal that resets have removed of it. An increment carries
// the running total after it. A removal carries, for every live share, the last
// dot and total that its author saw; the base moves up to it, and what came
// later survives. A replica that finds its own share wholly removed restarts
// its total at zero; a receiver sees that its entry is removed or absent, and
// takes the total before the increment as the base. Merge takes the total from
// the newer Last and the base from the newer Base.
//
// A share that is wholly removed must stay until the removal is stable. Forget
// it earlier, and a merge with a replica that has not applied the removal but
// later increments finds a total without the base that goes with it: what was
// removed comes back. So a share keeps the dot of the removal that took it,
// Gone, and Forget compares that, not the increments, with what is stable.
//
// # Numbers
//
// Totals are exact decimals in units of 10^-17, the last digit Redis prints of
// a float. INCRBYFLOAT computes with 64 bits of mantissa as Redis does and
// rounds to that digit; the op then carries the exact difference to the old
// value. So a single writer sees Redis's digits, and the sum of what several
// have added is exact: it needs no order of addition to be equal everywhere.
// Binary floats added in the order of replica IDs would be equal everywhere,
// too, but a value would change its last digits when a share is rebased.
//
// Sums of integers that leave 64 bits show the nearest limit; the shares keep
// the sum.
//
// A counter holds numbers of its own kind only, decimal ones or those of scores;
// decoders refuse others.
//
// # Collections
//
// A Set keeps for each member the dots of the adds that no removal has seen. An
// add names those it saw and replaces them by its own dot, also if the member
// is there: a concurrent removal had not seen that dot. A Hash maps fields to
// Cells (cellMap). A removal that leaves nothing behind is a delete of the key.
//
// # Scores
//
// A ZSet maps members to Cells in the same way, and keeps an index of them in order of
// score. A score is a double. Its register holds one, and its shares are exact
// sums of doubles, counts of 2^-1074: they add up the same in any order, and
// the sum is rounded to a double only to be shown. ZINCRBY adds its amount if
// the sum then rounds to what Redis's addition of two doubles gives, and else
// the exact difference to that: a single writer sees Redis's doubles. A sum
// that is infinite is written to the register.
//
// A HyperLogLog (HLL) is a union of epochs, each a sketch that the operation
// which found none has created. Later operations name the epoch whose registers
// they raise; the larger value of a register counts. A removal takes the epochs
// it saw, also with what others add to them unseen: so a delete wins.
//
// # Streams
//
// A Stream keeps entries by ID and dot: an ID that two regions have added has
// two. What the stream is besides - its last ID, how many were added, what XDEL
// removed - lies in marks, of which every operation that adds writes one over
// those it saw; the largest of concurrent ones counts. A mark keeps an emptied
// stream in existence. A group is the set of dots that have created it. Its
// position, pending list and consumers are local; acknowledgements replicate,
// and entries that arrive behind the position are delivered all the same.
// What others have acknowledged next to the position moves it, so that a region
// where nobody reads keeps no acknowledgements. A merge takes from the other
// side's position what is acknowledged: the entries up to it that wait for
// nobody, behind the point where it was last set, which may have skipped some.
//
// # Lists
//
// A List orders its elements by positions (list_pos.go); what one command
// pushes stays together. An element goes with the removal that has seen it,
// whatever a concurrent LSET does to it; of concurrent LSETs the newest shows.
// The position that an element is born with is its name. Positions that were
// made one between the other grow; before they are too long, the author of the
// next insert moves the elements around it to a run of short positions
// (list_room.go). A move is a register as LSET is: the newest counts, and it
// changes neither the name nor the dot by which removals find the element. A row
// of elements is removed by its first and last name and the context of the key
// (list_span.go), so that LTRIM costs the same whatever it removes; a row of
// a stream's entries is, too (stream_span.go).
//
//	L1  Two elements stand in the same order everywhere and for ever, unless one
//	    was moved by an op that had not seen the other. Then the two stay
//	    between the elements that surround what was moved.
//	L2  No position is longer than 512 bytes.
//
// # Deadlines
//
// A key has one register of deadlines. It follows the register's rule, but of
// concurrent deadlines the longest counts, and none is infinite. A write that
// clears the deadline, and one that makes a key appear, set it to none.
// Deadlines of a key that shows nothing stay, because a concurrent write may
// make it show again; a delete by their owner removes them.
//
// A field of a hash has such a register, too. Each sibling of the field implies
// "none" under its own dot, so that a field without deadlines keeps nothing for
// it; what an operation sets lies beside the siblings (element). A write of the
// field replaces the deadlines it saw together with the value; an increment
// leaves them alone. What is left of the register when the value is removed
// concurrently stays, like that of a key, until its owner removes it; a field
// that is made anew has seen it and removes it, too. Whether a deadline has
// passed is asked by those who read (Hash.At): the state does not depend on it.
//
// # Types side by side
//
// Concurrent creations with different types all stay. The type with the newest
// live dot shows. A write through it removes what it saw of the others, and for
// that names their counter shares, those of hidden hash fields as elements with
// Shares.
//
// # Flush
//
// KindFlush removes by vector. A vector does not say how much of a share was
// seen, so the author first deletes the keys that HasShares, in the same atomic
// group or before it.
//
// # Bytes
//
// Layouts are described at AppendOp, AppendRecord and the encoded cell. A value
// has exactly one encoding, decoders refuse any other as ErrCorrupt and never
// allocate by a claimed length, and what a decodable op leaves behind can
// always be encoded. testdata holds frozen vectors of all of it.
package crdt
