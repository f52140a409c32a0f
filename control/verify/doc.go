// Package verify compares the instances of a database while they take writes,
// and names the keys that differ though both sides have applied the same
// operations to them.
//
// It leaves the digests to engine, and how to reach the instances to control:
// a Member answers queries.
//
// # How
//
// Digests of slices are asked from all members at about the same time. Equal
// digests are equal state, whatever was written meanwhile. Where they differ,
// which writes on their way explain, too, the slices are cut into smaller ones,
// until the few keys in question can be listed.
//
// A key is then looked at in rounds. In each, member A tells the key's digest
// and its vector; B tells its own, once it has applied A's vector; and A tells
// it again, once it has applied B's. If A says the same both times, but B not,
// then B has applied all that A had applied the first time, and nothing that A
// had not applied the second time.
//
// # Invariants
//
//	F1  A key is reported only if in confirmations consecutive rounds A said one
//	    thing and B another, the same in each. A digest covers the dots of what
//	    is live, so no state but "absent" comes back; hence a write on its way
//	    cannot look like this.
//	F2  A difference that stays is found: it makes the digests of every slice
//	    around the key differ, and the rounds disagree.
//	F3  Work and memory are bounded: slices per query, keys per list, keys under
//	    suspicion, rounds.
package verify
